"""An agent as a file: YAML front matter that says what it takes and gives, and a prompt."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from parallel_agents.core.gathering import Gathers
from parallel_agents.core.settings import IsolationLevel

Reads: TypeAlias = Literal["material", "understanding"]
Needed: TypeAlias = Literal["required", "optional"]
Count = Annotated[int, Meta(ge=1)]
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
Words = Annotated[str, Meta(pattern=r"^\S(?:[^\r\n]*\S)?\Z", max_length=40)]
"""A few words on one line, without blanks around them."""
Language: TypeAlias = Literal["material"]
"""`material`: an answer in a script that neither the input nor the agent's own prompt uses is refused."""


class SubQuestions(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sub_questions", tag_field="contract"
):
    """Questions as JSON: between `least` and `most`, of at least `least_types` different types.

    `key` is that of the list in the answer. Without `difficulties` a question has none.
    """

    least: Count
    most: Count
    types: Annotated[tuple[str, ...], Meta(min_length=1)]
    difficulties: tuple[str, ...] = ()
    least_types: Count = 1
    key: Literal["sub_questions", "questions"] = "sub_questions"
    language: Language | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that every question has."""
        return ("text", "type", *(("difficulty",) if self.difficulties else ()), "guidance")


class Explanation(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="explanation", tag_field="contract"
):
    """Markdown with these headings; `characters` is the length asked for, least and most (null: as long as it gets)."""

    sections: Annotated[tuple[str, ...], Meta(min_length=1)]
    characters: tuple[Count, Count | None]
    language: Language | None = None


class Score(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="score", tag_field="contract"):
    """Four dimensions of 0–25 each, their sum, and what follows from it."""

    language: Language | None = None


class Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="text", tag_field="contract"):
    """Markdown of any form that says something; `characters`, where given, is the length asked for, least and most."""

    characters: tuple[Count, Count | None] | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="table", tag_field="contract"):
    """Markdown with one table: a column for each of the input's `concepts`, in their order.

    `corner` heads the first column, in which every one of `rows` has to stand; there may be others.
    """

    corner: Words
    rows: Annotated[tuple[Words, ...], Meta(min_length=1)]


Numbers = tuple[Count, Count]
"""The least and the most."""


class Verification(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="verification_questions",
    tag_field="contract",
):
    """Questions as JSON about the input's `nodes`: so many for each, by its type."""

    types: Annotated[tuple[str, ...], Meta(min_length=1)]
    difficulties: Annotated[tuple[str, ...], Meta(min_length=1)]
    red: Numbers
    purple: Numbers


Output: TypeAlias = SubQuestions | Explanation | Score | Text | Table | Verification


class Claude(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="claude", tag_field="preset"):
    """Claude Code's own command line, asked once for each attempt.

    `max_budget_usd` is what one attempt may spend, by that program's own estimate. `tools` are those of its built-in
    tools that it has; none by default, because what it reads are other people's notes.
    """

    max_budget_usd: Annotated[float, Meta(gt=0)]
    max_turns: Count = 5
    tools: tuple[Annotated[str, Meta(pattern=r"^[A-Za-z]\w*\Z")], ...] = ()


CommandWord = Annotated[str, Meta(min_length=1, pattern=r"^[^\x00]*\Z")]
Variable = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z")]


class SpecLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that the agent asks for; the configuration may set others."""

    max_concurrent: Count | None = None
    timeout_seconds: Annotated[float, Meta(gt=0)] | None = None
    retry_attempts: Annotated[int, Meta(ge=0)] | None = None
    context_size_mb: Annotated[float, Meta(gt=0)] | None = None


class SpecLanding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How results stand on a canvas, where the defaults do not fit.

    `title` is the kind of explanation (it names notes), `emoji` stands before it, `label` is the edge's.
    """

    title: Words | None = None
    emoji: Annotated[str, Meta(pattern=r"^\S+\Z", max_length=16)] | None = None
    label: Words | None = None


class Subagent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file in the Claude Code subagent format says beyond its prompt.

    `opening` stands before the data in the first user turn. `most_turns` is the most calls of one attempt, None for as
    many as it takes. `warnings` name, a sentence or two each, what of the file has no effect here.
    """

    opening: str = ""
    most_turns: Count | None = None
    warnings: tuple[str, ...] = ()


class AgentSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent file says.

    `title` names result files, `landing` what stands on a canvas. `reads` says which nodes of a canvas it is meant for.
    `inputs` are its fields. `gathers` makes one task of several nodes; None: a task each. An agent has an `output`
    contract and a prompt, or an `entry` (an import string of `async def run(context)`), or a `command`: the words of a
    program that is started for every attempt, with a contract or without. Of the engine's environment a command has the
    variables `env`, and of the network nothing unless `network` is set; it may write `output_limit_mb` (1,000,000 bytes
    each). `fallback_model` is called while the provider of the chosen model takes no calls, unless the configuration
    names another. Its `isolation` is the level that it is to run at; None leaves that to the configuration. `reusable`
    says whether its result is all that a run of it does, so that an earlier one may serve; by default that holds for
    those with an output contract but no command. `subagent` is set for a file in the subagent format: it sends whatever
    its task gives, not only its `inputs`.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
    description: Annotated[str, Meta(min_length=1)]
    title: str | None = None
    reads: Annotated[tuple[Reads, ...], Meta(min_length=1)] = ("material",)
    inputs: dict[str, Needed] = {}
    gathers: Gathers | None = None
    output: Output | None = None
    entry: str | None = None
    command: Annotated[tuple[CommandWord, ...], Meta(min_length=1)] | Claude | None = None
    env: tuple[Variable, ...] = ()
    network: bool = False
    output_limit_mb: Annotated[float, Meta(gt=0)] = 10.0
    model: str = "inherit"
    fallback_model: Annotated[str, Meta(min_length=1)] | None = None
    context_tokens: Count | None = None
    isolation: IsolationLevel | None = None
    reusable: bool | None = None
    limits: SpecLimits = SpecLimits()
    landing: SpecLanding = SpecLanding()
    prompt: str = ""
    subagent: Subagent | None = None

    @property
    def may_ask_again(self) -> bool:
        """Whether one attempt may make a second call, to have a wrong answer mended."""
        return self.subagent is None or self.subagent.most_turns != 1

    @property
    def required(self) -> tuple[str, ...]:
        """Fields without which it cannot work."""
        return tuple(field for field, needed in self.inputs.items() if needed == "required")
