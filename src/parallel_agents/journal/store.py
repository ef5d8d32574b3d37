"""The journal on SQLite: a file that several processes may share, or its twin in memory."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from parallel_agents.core.budget import Amount, Budget
from parallel_agents.core.errors import JournalError
from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.outcome import WorkerIdentity
from parallel_agents.core.settlement import Settlement
from parallel_agents.core.states import Trigger
from parallel_agents.core.task import Task
from parallel_agents.journal import bindings, charges, moves, records
from parallel_agents.journal.database import ELSEWHERE, Database
from parallel_agents.journal.lock import FileOwners, LocalOwners, Owners, owners_directory
from parallel_agents.journal.opening import open_reading, open_writing
from parallel_agents.journal.presence import Presence
from parallel_agents.journal.reader import run_query
from parallel_agents.journal.writer import Work, Writer
from parallel_agents.ports.entries import (
    PLAIN,
    Adopted,
    Appended,
    Arguments,
    Bound,
    CanvasLanding,
    Charge,
    Handed,
    Landing,
    LandingState,
    Released,
    Request,
    Verb,
)
from parallel_agents.ports.journal import Reader

T = TypeVar("T")

IN_MEMORY = ":memory:"
_memory_names = (f"file:/parallel-agents-{number}?vfs=memdb" for number in itertools.count())


class _Connections:
    """What is open while a journal is: one connection that writes, two that read."""

    def __init__(self, filename: str, path: str, *, shared_lock: threading.Lock | None, lock_timeout_s: float) -> None:
        def lock() -> threading.Lock:
            return shared_lock or threading.Lock()

        self.writing = open_writing(filename, path, lock(), lock_timeout_s=lock_timeout_s)
        with ExitStack() as undo:
            undo.callback(self.writing.close)
            self.background = open_reading(filename, path, lock(), lock_timeout_s=lock_timeout_s)
            undo.callback(self.background.close)
            self.immediate = open_reading(filename, path, lock(), lock_timeout_s=lock_timeout_s)
            undo.pop_all()
        self.readers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parallel-agents-journal-reader")
        self.writer = Writer(self.writing, Presence(Path(filename), path) if shared_lock is None else None)
        self.writer.start()

    def close(self) -> None:
        """Commit what is queued and close; the writing connection last, which tidies the file up."""
        self.writer.stop()
        for database in (self.background, self.immediate, self.writing):
            with database.lock:
                database.close()


class SqliteJournal:
    """`ports.journal.Journal` on the file `path`; `:memory:` is a journal that ends with this object.

    Writes are to be called on a running event loop; reads and ownership from any thread. A lock that another process
    keeps for longer than `lock_timeout_s` is an error for `start` and for a read; a write waits on, and says so in
    the log. `called` is what messages say instead of the path.
    """

    def __init__(self, path: str | Path, *, lock_timeout_s: float = 10.0, called: str | None = None) -> None:
        self.path = str(path) if called is None else called
        self._filename = str(path)
        self._lock_timeout_s = lock_timeout_s
        self._guard = threading.Lock()
        self._open: _Connections | None = None
        self._closing: Future[None] | None = None
        self._owners: Owners = LocalOwners()

    def start(self) -> None:
        """Open (and create or migrate) the journal. Safe to call twice. Raises `JournalError`."""
        with self._guard:
            if self._closing is not None:
                raise JournalError(self.path, "it is closed")
            if self._open is not None:
                return
            if self._filename == IN_MEMORY:
                self._open = self._connect(next(_memory_names), threading.Lock())
            else:
                place = _place(self._filename)
                self._open = self._connect(str(place), None)
                self._owners = FileOwners(owners_directory(place), self.path)

    def _connect(self, filename: str, shared_lock: threading.Lock | None) -> _Connections:
        return _Connections(filename, self.path, shared_lock=shared_lock, lock_timeout_s=self._lock_timeout_s)

    async def aclose(self) -> None:
        """Commit what is queued, release every ownership and close. Safe to call twice and before `start`."""
        with self._guard:
            if self._open is None:
                return
            if self._closing is None:
                # Behind the reads that are under way, on the thread that runs them.
                self._closing = self._open.readers.submit(self._close, self._open)
        await asyncio.shield(asyncio.wrap_future(self._closing))
        self._open.readers.shutdown()

    def _close(self, connections: _Connections) -> None:
        try:
            connections.close()
        finally:
            self._owners.disown_all()

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run `query` off the event loop, on one consistent state. Raises `JournalError`."""
        connections = self._connections()
        return await asyncio.get_running_loop().run_in_executor(
            connections.readers, partial(run_query, connections.background, query)
        )

    def read_now(self, query: Callable[[Reader], T]) -> T:
        """Run `query` in the calling thread, on one consistent state. Raises `JournalError`."""
        return run_query(self._connections().immediate, query)

    def _connections(self) -> _Connections:
        if self._open is None:
            raise JournalError(self.path, "it is not started")
        if self._closing is not None:
            raise JournalError(self.path, "it is closed")
        return self._open

    def _put(self, work: Work[T]) -> asyncio.Future[T]:
        if self._open is None:
            raise JournalError(self.path, "it is not started")
        return self._open.writer.put(work)

    def submit(
        self, execution: ExecutionRecord, tasks: Iterable[Task], request: Request = PLAIN
    ) -> asyncio.Future[tuple[str, ...]]:
        """Add an execution with all its tasks, or nothing; gives the ids of those with the result of an earlier one."""
        listed = tuple(tasks)
        return self._put(lambda database: records.submit(database, execution, listed, request))

    def append(self, execution_id: str, tasks: Iterable[Task], at: float) -> asyncio.Future[Appended]:
        """Add tasks to an execution that is open; tells which of them ended at once."""
        listed = tuple(tasks)
        return self._put(lambda database: records.append(database, execution_id, listed, at))

    def hand_in(self, execution_id: str, tasks: Iterable[Task], at: float) -> asyncio.Future[tuple[Handed, ...]]:
        """Add those of the tasks whose ids the execution does not have yet, and tell how each of them stands."""
        listed = tuple(tasks)
        return self._put(lambda database: records.hand_in(database, execution_id, listed, at))

    def bind(self, key: int, tasks: Sequence[Task], at: float) -> asyncio.Future[Bound]:
        """Give a pending task its input, that of the first of `tasks`; the others are added beside it."""
        return self._put(lambda database: bindings.bind(database, key, tasks, at))

    def drop(self, key: int, trigger: Trigger, reason: str, at: float) -> asyncio.Future[Landing]:
        """End a pending task that gets no input; what depends on it is skipped."""
        return self._put(lambda database: bindings.drop(database, key, trigger, reason, at))

    def change_agents(self, execution_id: str, agents: Sequence[AgentRecord]) -> asyncio.Future[None]:
        """Note the agents of an execution, once another one has come in."""
        return self._put(lambda database: records.change_agents(database, execution_id, agents))

    def close_intake(self, execution_id: str) -> asyncio.Future[None]:
        """Note that no more tasks come in."""
        return self._put(lambda database: records.close_intake(database, execution_id))

    def begin(self, key: int, attempt: int, worker: WorkerIdentity, at: float) -> asyncio.Future[bool]:
        """Move a pending task to running as attempt number `attempt` (one more than its last). Tells if it landed."""
        return self._put(lambda database: moves.begin(database, key, attempt, worker, at))

    def settle(self, settlement: Settlement) -> asyncio.Future[Landing]:
        """Write how an attempt ended, fenced. Tells whether it landed; a late one leaves a line in the history."""
        return self._put(lambda database: moves.settle(database, settlement))

    def release_due(self, execution_id: str, now: float, at: float | None = None) -> asyncio.Future[Released]:
        """Move waiting tasks that are due by `now` to pending; `at` is the time of the move, by default the same."""
        return self._put(lambda database: moves.release_due(database, execution_id, now, now if at is None else at))

    def release_final_round(self, execution_id: str, at: float) -> asyncio.Future[int]:
        """Move the tasks that wait for the final round to pending; returns how many."""
        return self._put(lambda database: moves.release_final_round(database, execution_id, at))

    def adopt(self, execution_id: str, at: float) -> asyncio.Future[Adopted]:
        """Take over after a dead engine: every running task goes back to pending or, the third time, to failed."""

        def adopt(database: Database) -> Adopted:
            charges.write_off(database, execution_id, at)
            return moves.adopt(database, execution_id, at)

        return self._put(adopt)

    def cancel(self, execution_id: str, at: float, *, stopped: bool = False) -> asyncio.Future[int]:
        """Cancel every pending and waiting task and mark the execution; returns how many."""
        return self._put(lambda database: moves.cancel(database, execution_id, at, stopped=stopped))

    def retry(self, execution_id: str, task_ids: Sequence[str] | None, at: float) -> asyncio.Future[int]:
        """Move failed, skipped and cancelled tasks (all, or those named) back to pending; returns how many."""
        return self._put(lambda database: moves.retry(database, execution_id, task_ids, at))

    def pause(
        self, execution_id: str, reason: str | None, at: float, *, resume_at: float | None = None
    ) -> asyncio.Future[None]:
        """Note why an execution is paused, and when that is over as far as it is known; None takes the note off."""
        return self._put(lambda database: records.pause(database, execution_id, reason, resume_at))

    def change_concurrency(self, execution_id: str, at_most: int) -> asyncio.Future[None]:
        """Note how many attempts of an execution may run at once from now on."""
        return self._put(lambda database: records.change_concurrency(database, execution_id, at_most))

    def end(self, execution_id: str, at: float, resources: bytes | None) -> asyncio.Future[None]:
        """Note when an execution came to its end and what was sampled while it ran (a msgpack map)."""
        return self._put(lambda database: records.end(database, execution_id, at, resources))

    def add_files(self, execution_id: str, paths: Sequence[str]) -> asyncio.Future[None]:
        """Note files that were written for an execution."""
        return self._put(lambda database: records.add_files(database, execution_id, paths))

    def begin_landing(self, landing: CanvasLanding) -> asyncio.Future[int]:
        """Note what is about to be put on a canvas; returns its id."""
        return self._put(lambda database: records.begin_landing(database, landing))

    def move_landing(self, landing_id: int, state: LandingState, at: float) -> asyncio.Future[bool]:
        """Note what became of a landing; tells if it landed."""
        return self._put(lambda database: records.move_landing(database, landing_id, state, at))

    def note_check(self, landing_id: int, checked: bytes) -> asyncio.Future[None]:
        """Keep what was found when a canvas was read back after a landing (a msgpack map)."""
        return self._put(lambda database: records.note_check(database, landing_id, checked))

    def record_call(
        self, key: int, request_hash: str, ordinal: int, response: bytes, at: float
    ) -> asyncio.Future[None]:
        """Keep the answer to a model call; the first answer kept for the same call stays."""
        return self._put(
            lambda database: records.record_call(database, key, request_hash, ordinal, response=response, at=at)
        )

    def change_budget(self, execution_id: str, budget: Budget, at: float) -> asyncio.Future[None]:
        """Note how much an execution may spend in all from now on."""
        return self._put(lambda database: charges.change_budget(database, execution_id, budget, at))

    def note_charge(self, charge: Charge) -> asyncio.Future[None]:
        """Note a request before it is sent. It counts in full until it is settled."""
        return self._put(lambda database: charges.note(database, charge))

    def settle_charge(self, charge_id: str, cost: Amount, at: float) -> asyncio.Future[None]:
        """Note what a request has cost, or may have; the first word counts."""
        return self._put(lambda database: charges.settle(database, charge_id, cost, at))

    def ask(self, execution_id: str, verb: Verb, arguments: Arguments, at: float) -> asyncio.Future[int]:
        """Leave a command for the owner; returns its id."""
        return self._put(lambda database: records.ask(database, execution_id, verb, arguments, at))

    def acknowledge(self, command_id: int, answer: str, at: float) -> asyncio.Future[None]:
        """Answer a command."""
        return self._put(lambda database: records.acknowledge(database, command_id, answer, at))

    def try_own(self, execution_id: str) -> bool:
        """Become the owner; False where another live process is. The operating system frees it when we die."""
        self._connections()
        return self._owners.try_own(execution_id)

    def disown(self, execution_id: str) -> None:
        """Give an ownership back. Safe when not owned."""
        self._owners.disown(execution_id)

    def is_owned(self, execution_id: str) -> bool:
        """Tell whether any live process, this one included, owns the execution."""
        self._connections()
        return self._owners.is_owned(execution_id)


def _place(path: str) -> Path:
    """Resolve, so that one journal under two names has one set of owners; make the directory."""
    try:
        place = Path(path).expanduser().resolve()
        if place.is_dir():
            raise JournalError(path, "it is a directory", hint=f"Name a file in it. {ELSEWHERE}")
        place.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise JournalError(path, f"its directory cannot be made or entered ({reason})", hint=ELSEWHERE) from error
    return place
