"""Puts the results of an execution on one canvas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from parallel_agents.canvas.checking import check_canvas
from parallel_agents.canvas.document import Document, load_document
from parallel_agents.canvas.editing import Edit, Edited, ListEdit, edit_document
from parallel_agents.canvas.landing import Accepted, NewFile, Proposal, propose
from parallel_agents.canvas.newfiles import MadeFile, digest_of_text, make_file, stands_as, taken, unmake_file
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.statefolder import StateFolder
from parallel_agents.canvas.undoing import Added, AddedFile, Landed, Recoloured
from parallel_agents.canvas.vault import Vault
from parallel_agents.canvas.writing import Manner, Point, Written, write_canvas
from parallel_agents.core.errors import CanvasError, ParallelAgentsError, SourceError
from parallel_agents.landing.ledger import Ledger
from parallel_agents.landing.places import Surroundings
from parallel_agents.landing.reports import Applied, Refused
from parallel_agents.ports.entries import CanvasLanding


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be put on one canvas, and in what colours. `earlier` are landings of the execution on it."""

    execution_id: str
    results: Sequence[Accepted]
    palette: Palette
    recolour: bool = False
    earlier: Sequence[Landed] = ()


class Proposing:
    """Says what would be added to a canvas as it stands. Reads the folder around it, and writes nothing."""

    def __init__(self, surroundings: Surroundings, wish: Wish) -> None:
        self._surroundings = surroundings
        self._wish = wish
        tasks = {result.task_id for result in wish.results}
        files = [file for landed in wish.earlier for file in landed.added.files]
        self._own = {file.path: file.task_id for file in files if file.task_id in tasks}

    def proposals(self, document: Document) -> list[Proposal]:
        """A proposal for each result, those refused whose note cannot be made. Raises `CanvasError`."""
        found = propose(
            document.canvas,
            self._wish.results,
            palette=self._wish.palette,
            place=self._surroundings.place(self._own.keys()),
            recolour=self._wish.recolour,
            landed=_ids_in(document),
        )
        return [self._with_files(proposal) for proposal in found]

    def _with_files(self, proposal: Proposal) -> Proposal:
        if not proposal.files:
            return proposal
        if not self._surroundings.has_vault:
            return _refusal(proposal, "the canvas lies in no vault (a folder with .obsidian), so no note of it opens")
        try:
            wanted = [file for file in proposal.files if self._is_wanted(proposal, file)]
        except ParallelAgentsError as error:
            return _refusal(proposal, str(error))
        return msgspec.structs.replace(proposal, files=tuple(wanted))

    def _is_wanted(self, proposal: Proposal, file: NewFile) -> bool:
        standing = stands_as(self._surroundings.root, file.path, digest_of_text(file.text))
        if standing is False and self._own.get(file.path) != proposal.task_id:
            raise taken(file.path)
        return standing is not False  # one of ours that was edited since is the user's: it stays as it is


class Applying:
    """One apply to one canvas. To be used once, in a thread of its own."""

    def __init__(
        self, surroundings: Surroundings, wish: Wish, *, ledger: Ledger, state: StateFolder, manner: Manner
    ) -> None:
        self._surroundings = surroundings
        self._wish = wish
        self._ledger = ledger
        self._state = state
        self._manner = manner
        self._proposing = Proposing(surroundings, wish)
        self._proposals: list[Proposal] = []
        self._edited: Edited | None = None
        self._landing_id = 0
        self._made: list[MadeFile] = []

    def to_the_end(self) -> Applied:
        """Write the canvas and its notes, or neither.

        Raises:
            InputError, CanvasWriteError: as `write_canvas`, or a note cannot be made. Nothing was changed.
            JournalError: the journal cannot be written.
        """
        path = self._surroundings.path
        try:
            written = write_canvas(
                path, self._revise, state=self._state, manner=self._manner, before_swap=self._prepare
            )
        except BaseException:
            self._take_back(path)
            raise
        applied = self._told(written)
        if not self._landing_id:
            return applied
        self._ledger.move(self._landing_id, "done")
        self._manner.on_point(Point.DONE)
        return self._read_back(written, applied)

    def _revise(self, document: Document) -> bytes | None:
        self._give_up()
        self._proposals = self._proposing.proposals(document)
        edit = edit_for(self._proposals)
        if edit.nodes.is_empty and edit.edges.is_empty:
            self._edited = None
            return None
        self._edited = edit_document(document, edit)
        return self._edited.raw

    def _prepare(self, document: Document, _: bytes) -> None:
        """Note what is about to be done, then make the notes that the new nodes show."""
        if self._edited is None:
            return  # only what others wrote is joined in
        added = added_by(document, self._proposals)
        self._landing_id = self._ledger.begin(self._landing(document, self._edited, added))
        self._manner.on_point(Point.NOTED)
        for proposal in self._proposals:
            for file in proposal.files:
                self._made.append(make_file(self._surroundings.root, file.path, file.text))
        self._manner.on_point(Point.FILED)

    def _landing(self, document: Document, edited: Edited, added: Added) -> CanvasLanding:
        nodes, edges = (len(_items(document, name)) for name in ("nodes", "edges"))
        return CanvasLanding(
            execution_id=self._wish.execution_id,
            canvas_path=str(self._surroundings.path),
            begun_at=self._ledger.now(),
            added=msgspec.msgpack.encode(added),
            reversal=msgspec.msgpack.encode(edited.reversal),
            nodes_before=nodes,
            nodes_after=nodes + len(added.nodes),
            edges_before=edges,
            edges_after=edges + len(added.edges),
        )

    def _give_up(self) -> None:
        """Take back what was made for a try that did not reach the canvas."""
        made, self._made = self._made, []
        for one in reversed(made):
            unmake_file(self._surroundings.root, one)
        landing_id, self._landing_id = self._landing_id, 0
        if landing_id:
            self._ledger.move(landing_id, "dropped")

    def _take_back(self, path: Path) -> None:
        """After a failure: take back what was made, unless the canvas has its nodes already."""
        new = {node["id"] for proposal in self._proposals for node in proposal.nodes}
        try:
            is_there = bool(new & _ids_in(load_document(path)))
        except ParallelAgentsError:
            is_there = True  # nobody knows: the notes stay, and so does the word of them
        if not is_there:
            self._give_up()

    def _read_back(self, written: Written, applied: Applied) -> Applied:
        """Look at the canvas as it is on the disk now, and keep what was found."""
        new = {item["id"] for proposal in self._proposals for item in (*proposal.nodes, *proposal.edges)}
        path = self._surroundings.path
        try:
            after = load_document(path)
        except (SourceError, CanvasError) as error:
            problem = f"it was written, and now it cannot be read: {error.problem}"
            return msgspec.structs.replace(applied, problem=problem, is_sound=False)
        checked = check_canvas(after, Vault(path), new, before=written.before)
        self._ledger.note_check(self._landing_id, msgspec.msgpack.encode(checked))
        return msgspec.structs.replace(applied, checked=checked, is_sound=checked.is_sound(new))

    def _told(self, written: Written) -> Applied:
        landed = [] if self._edited is None else self._proposals
        return Applied(
            canvas=str(self._surroundings.path),
            nodes_before=len(_items(written.before, "nodes")),
            nodes_after=len(_items(written.after, "nodes")),
            edges_before=len(_items(written.before, "edges")),
            edges_after=len(_items(written.after, "edges")),
            nodes_added=sum(len(proposal.nodes) for proposal in landed),
            edges_added=sum(len(proposal.edges) for proposal in landed),
            files=tuple(made.path for made in self._made if made.is_new),
            recoloured=len({node for proposal in landed for node in proposal.recolour}),
            refused=tuple(refused_of(self._proposals)),
            backup=None if written.backup is None else str(written.backup),
            merged=written.merged,
        )


def edit_for(proposals: Iterable[Proposal]) -> Edit:
    """The edit that adds what is proposed; of two colours for one node the later one counts."""
    listed = list(proposals)
    colours = {node_id: code for proposal in listed for node_id, code in proposal.recolour.items()}
    return Edit(
        nodes=ListEdit(
            added=[node for proposal in listed for node in proposal.nodes],
            keys={node_id: {"color": code} for node_id, code in colours.items()},
        ),
        edges=ListEdit(added=[edge for proposal in listed for edge in proposal.edges]),
    )


def added_by(document: Document, proposals: Iterable[Proposal]) -> Added:
    """What an edit of a canvas puts there, in words that an undo understands."""
    listed = [proposal for proposal in proposals if proposal.nodes or proposal.edges or proposal.recolour]
    before = {node.node_id: node.color for node in document.canvas.nodes}
    return Added(
        tasks=tuple(proposal.task_id for proposal in listed),
        nodes=tuple(dict(node) for proposal in listed for node in proposal.nodes),
        edges=tuple(dict(edge) for proposal in listed for edge in proposal.edges),
        files=tuple(
            AddedFile(path=file.path, digest=digest_of_text(file.text), task_id=proposal.task_id)
            for proposal in listed
            for file in proposal.files
        ),
        recoloured={
            node_id: Recoloured(before.get(node_id), code)
            for proposal in listed
            for node_id, code in proposal.recolour.items()
        },
    )


def refused_of(proposals: Iterable[Proposal]) -> list[Refused]:
    """Those that cannot land."""
    return [
        Refused(task_id=proposal.task_id, node_id=proposal.node_id, reason=proposal.refused)
        for proposal in proposals
        if proposal.refused is not None
    ]


def _refusal(proposal: Proposal, reason: str) -> Proposal:
    return Proposal(task_id=proposal.task_id, node_id=proposal.node_id, agent_name=proposal.agent_name, refused=reason)


def _ids_in(document: Document) -> set[str]:
    found = (item.get("id") for name in ("nodes", "edges") for item in _items(document, name))
    return {one for one in found if isinstance(one, str)}


def _items(document: Document, name: str) -> Sequence[dict[str, Any]]:
    return cast("Sequence[dict[str, Any]]", document.data.get(name, []))
