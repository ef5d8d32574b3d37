"""Options that several commands have: what runs, how it lands, where results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, Token

from parallel_agents.cli.landing import Recolour
from parallel_agents.cli.looking import PaletteName
from parallel_agents.core.errors import InputError

if TYPE_CHECKING:
    from parallel_agents.canvas.choice import NodeChoice
    from parallel_agents.cli.running import RunOptions
    from parallel_agents.cli.sourcing import Reading
    from parallel_agents.core.budget import Budget


def whole(_: type, tokens: Sequence[Token]) -> int:
    """Read a whole number. Raises `ValueError`."""
    # The library rounds 2.7 to 3, and a concurrency that nobody asked for is worse than a refusal.
    value = tokens[0].value
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None


Config = Annotated[Path | None, Parameter(name="--config", help="Configuration file.")]
Journal = Annotated[Path | None, Parameter(name="--journal", help="Journal file (or PARALLEL_AGENTS_JOURNAL).")]
Output = Annotated[
    Path | None, Parameter(name="--output", help="Where results go; an existing file is never replaced.")
]
Quiet = Annotated[
    bool,
    Parameter(
        name="--quiet", alias="-q", negative="", help="No progress: print only where the results are, and what failed."
    ),
]
Wait = Annotated[
    bool,
    Parameter(name="--wait", negative="", help="Where the provider takes no calls, wait until it does, and go on."),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the JSON document and nothing else.")]
Format = Annotated[
    Literal["json", "jsonl", "csv"] | None,
    Parameter(name="--format", help="json, jsonl or csv; by default what the ending of --output says, else json."),
]
Aggregate = Annotated[
    Literal["merge", "preserve_individual"] | None,
    Parameter(name="--aggregate", help="merge: totals only; preserve_individual: totals and each result beside them."),
]
Source = Annotated[str, Parameter(help="A .canvas, a folder of them, a .md note, or a .jsonl with one task a line.")]
MaxConcurrent = Annotated[int | None, Parameter(converter=whole, help="How many tasks run at once.")]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which agents run, with which model, on what of the source."""

    agent: Annotated[
        list[str] | None,
        Parameter(negative="", help="Name of an agent, or path of an agent file; may be given several times."),
    ] = None
    pipeline: Annotated[
        str | None, Parameter(help="Name of a pipeline, or path of a .yaml file: steps that follow from results.")
    ] = None
    model: Annotated[str | None, Parameter(help="openai:NAME, anthropic:NAME or offline.")] = None
    nodes: Annotated[
        str | None, Parameter(help="Ids of canvas nodes, separated by commas; in a folder also CANVAS#ID.")
    ] = None
    select: Annotated[
        str | None,
        Parameter(
            help="Nodes by colour (red, yellow, …), part (question, understanding, …), filled, unanswered, unscored, "
            "changed-since-last-run, group:LABEL, subtree:NODE or text:WORDS; with commas, and, or, not, parentheses."
        ),
    ] = None
    palette: PaletteName = None
    notes: Annotated[
        bool, Parameter(negative="", help="A task for each Markdown note of the folder, instead of its canvases.")
    ] = False
    skip_unreadable: Annotated[
        bool, Parameter(negative="", help="Leave out what cannot be read in the folder instead of refusing all of it.")
    ] = False

    def reading(self, source: str) -> Reading:
        """What is read, and for whom. Raises `InputError` for what does not go together, or names no node."""
        from parallel_agents.cli.sourcing import Reading

        if self.agent and self.pipeline:
            raise InputError("--agent and --pipeline exclude one another: the steps of a pipeline name their agents")
        return Reading(
            source=source,
            agents=tuple(self.agent or ()),
            pipeline=self.pipeline,
            choice=self.choice(),
            notes=self.notes,
            skip_unreadable=self.skip_unreadable,
        )

    def choice(self) -> NodeChoice:
        """Which nodes. Raises `InputError` for a list that names none."""
        from parallel_agents.canvas.choice import NodeChoice

        return NodeChoice(
            node_ids=_listed("--nodes", self.nodes),
            select=_listed("--select", self.select),
            palette=None if self.palette is None else str(self.palette),
        )


@dataclass(frozen=True, kw_only=True)
class Landing:
    """Whether results land while they come in."""

    apply: Annotated[
        bool,
        Parameter(negative="", help="Put results on their canvases while they come in; undo takes them off again."),
    ] = False
    recolour: Recolour = False


@dataclass(frozen=True, kw_only=True)
class Again:
    """What becomes of what was asked before."""

    fresh: Annotated[
        bool, Parameter(negative="", help="Ask everything anew, also what was answered before; that costs again.")
    ] = False
    idempotency_key: Annotated[
        str | None, Parameter(help="The same run under the same key is the same execution: joined, never repeated.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Spending:
    """What an execution may spend."""

    budget_usd: Annotated[
        float | None, Parameter(help="Most US dollars that the execution may cost in all; it pauses before it passes.")
    ] = None
    budget_tokens: Annotated[
        int | None, Parameter(converter=whole, help="Most tokens, input and output, that it may take in all.")
    ] = None

    def budget(self) -> Budget | None:
        """The budget; None where none is given. Raises `InputError` for what is no amount."""
        from parallel_agents.core.budget import budget_of

        return budget_of(self.budget_usd, self.budget_tokens)


@dataclass(frozen=True, kw_only=True)
class Results:
    """Where an execution is kept, how long it is followed, and how its results are told."""

    wait: Wait = False
    config: Config = None
    journal: Journal = None
    output: Output = None
    format: Format = None
    aggregate: Aggregate = None
    json: Json = False
    quiet: Quiet = False

    def to_run(self, budget: Budget | None = None) -> RunOptions:
        """As what runs something takes them. Raises `InputError` for a format that is none."""
        from parallel_agents.cli.running import RunOptions
        from parallel_agents.cli.writing import view_of

        view = view_of(self.format, self.aggregate, self.output)
        return RunOptions(
            config=self.config,
            journal=self.journal,
            output=self.output,
            json=self.json,
            quiet=self.quiet,
            wait=self.wait,
            view=view,
            budget=budget,
        )


# A name of "*" makes each field an option of its own.
ChosenOptions = Annotated[Chosen, Parameter(name="*")]
LandingOptions = Annotated[Landing, Parameter(name="*")]
SpendingOptions = Annotated[Spending, Parameter(name="*")]
NO_BUDGET = Spending()
AgainOptions = Annotated[Again, Parameter(name="*")]
ResultOptions = Annotated[Results, Parameter(name="*")]
NOTHING_CHOSEN = Chosen()
NO_LANDING = Landing()
NOT_AGAIN = Again()
USUAL_RESULTS = Results()


def _listed(option: str, value: str | None) -> list[str] | None:
    chosen = None if value is None else [item.strip() for item in value.split(",") if item.strip()]
    if chosen == []:
        raise InputError(f"{option} {value!r} names no node. Give one or more, separated by commas.")
    return chosen
