"""An agent as a file: YAML front matter that says what it takes and gives, and a prompt."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from parallel_agents.core.settings import IsolationLevel

Reads: TypeAlias = Literal["material", "understanding"]
Needed: TypeAlias = Literal["required", "optional"]
Count = Annotated[int, Meta(ge=1)]
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
Words = Annotated[str, Meta(pattern=r"^\S(?:[^\r\n]*\S)?\Z", max_length=40)]
"""A few words on one line, without blanks around them."""


class SubQuestions(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sub_questions", tag_field="contract"
):
    """Questions as JSON: between `least` and `most`, of at least `least_types` different types."""

    least: Count
    most: Count
    types: Annotated[tuple[str, ...], Meta(min_length=1)]
    difficulties: Annotated[tuple[str, ...], Meta(min_length=1)]
    least_types: Count = 1


class Explanation(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="explanation", tag_field="contract"
):
    """Markdown with these second-level headings; `characters` is the length asked for, least and most."""

    sections: Annotated[tuple[str, ...], Meta(min_length=1)]
    characters: tuple[Count, Count]


class Score(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="score", tag_field="contract"):
    """Four dimensions of 0–25 each, their sum, and what follows from it."""


class Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="text", tag_field="contract"):
    """Markdown of any form that says something; `characters`, where given, is the length asked for, least and most."""

    characters: tuple[Count, Count] | None = None


Output: TypeAlias = SubQuestions | Explanation | Score | Text


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
    `inputs` are its fields. An agent has either an `output` contract and a prompt, or an `entry` (an import string of
    `async def run(context)`). `fallback_model` is called while the provider of the chosen model takes no calls, unless
    the configuration names another. Its `isolation` is the level that it is to run at; None leaves that to the
    configuration. `reusable` says whether its result is all that a run of it does, so that an earlier one may serve; by
    default that holds for those with an output contract. `subagent` is set for a file in the subagent format: it sends
    whatever its task gives, not only its `inputs`.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
    description: Annotated[str, Meta(min_length=1)]
    title: str | None = None
    reads: Annotated[tuple[Reads, ...], Meta(min_length=1)] = ("material",)
    inputs: dict[str, Needed] = {}
    output: Output | None = None
    entry: str | None = None
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
