"""Agent files in the Claude Code subagent format: what each of their fields means here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any, get_args

from parallel_agents.agents.frontmatter import FrontMatter
from parallel_agents.agents.spec import NAME, AgentSpec, Needed, Subagent, Text
from parallel_agents.core.errors import AgentError
from parallel_agents.core.settings import IsolationLevel

FIELDS = (
    "name",
    "description",
    "tools",
    "disallowedTools",
    "model",
    "permissionMode",
    "maxTurns",
    "skills",
    "mcpServers",
    "hooks",
    "memory",
    "background",
    "effort",
    "isolation",
    "color",
    "initialPrompt",
)
"""All that the format has."""

_FOLLOWED = frozenset({"name", "description", "maxTurns", "initialPrompt"})
# Every task runs in the background, and no agent has a colour: what they ask for is given.
_NEEDLESS = frozenset({"background", "color"})
_SHARED = frozenset({"name", "description", "model", "isolation"})
_LIKE_A_KEY_OF_OURS = 0.75
_PLAIN = re.compile(r"[\w.-]{1,40}")

# Not the reference material too: on a canvas `material_content` holds it, with the question under it.
_INPUTS: dict[str, Needed] = {
    "topic": "optional",
    "material_content": "optional",
    "question_text": "optional",
    "user_understanding": "optional",
}


def is_subagent(front: Mapping[Any, Any], own: Collection[str]) -> bool:
    """Tell whether front matter is of this format, and not of the one that has the keys `own`.

    A key that only one of the two has says so. Where there is none, it is ours if a key looks like one of ours
    misspelt.
    """
    only_ours = set(own) - _SHARED
    if only_ours.intersection(front) or front.get("isolation") in get_args(IsolationLevel):
        return False
    if (set(FIELDS) - _SHARED).intersection(front):
        return True
    unknown = [str(key) for key in front if key not in FIELDS]
    return not any(difflib.get_close_matches(key, only_ours, n=1, cutoff=_LIKE_A_KEY_OF_OURS) for key in unknown)


def spec_of(file: FrontMatter, front: Mapping[Any, Any], *, has_open_description: bool = False) -> AgentSpec:
    """The agent that such a file describes: it answers in Markdown, to whatever its task gives.

    `has_open_description` tells that its description had to be taken as it stands.

    Raises:
        AgentError: there is no name, description or prompt, or a field that has an effect has a wrong value.
    """
    name = _text(file, front, "name")
    if NAME.fullmatch(name) is None:
        problem = f"has the name {name!r}"
        hint = "A name is up to 64 lower-case letters, digits and hyphens."
        raise AgentError(file.name, problem, place=file.at("name"), hint=hint)
    description = _text(file, front, "description")
    if not file.body:
        raise AgentError(name, "has no prompt below its front matter", place=file.place)
    told = Subagent(
        opening=_opening(file, front),
        most_turns=_most_turns(file, front),
        warnings=tuple(_warnings(name, front, has_open_description=has_open_description)),
    )
    return AgentSpec(
        name=name,
        description=description,
        reads=("material", "understanding"),
        inputs=_INPUTS,
        output=Text(),
        prompt=file.body,
        subagent=told,
    )


def _text(file: FrontMatter, front: Mapping[Any, Any], key: str) -> str:
    value = front.get(key)
    if value is None:
        near = difflib.get_close_matches(key, [str(one) for one in front if one not in FIELDS], n=1)
        needed = "A subagent file needs `name` and `description`."
        hint = f"It has {near[0]!r}. Did you mean {key!r}?" if near else needed
        raise AgentError(file.name, f"has no `{key}`", place=file.at(near[0] if near else key), hint=hint)
    if not isinstance(value, str) or not value.strip():
        raise AgentError(file.name, f"has a `{key}` that is no text", place=file.at(key), hint="Put it into quotes.")
    return value.strip()


def _opening(file: FrontMatter, front: Mapping[Any, Any]) -> str:
    return "" if front.get("initialPrompt") in (None, "") else _text(file, front, "initialPrompt")


def _most_turns(file: FrontMatter, front: Mapping[Any, Any]) -> int | None:
    value = front.get("maxTurns")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise AgentError(file.name, "has a `maxTurns` that is no whole number from 1 on", place=file.at("maxTurns"))
    return value


def _warnings(name: str, front: Mapping[Any, Any], *, has_open_description: bool) -> list[str]:
    left_out = [str(key) for key, value in front.items() if key in FIELDS and _is_left_out(key, value)]
    unknown = [_shown(key) for key in front if key not in FIELDS]
    parts: list[str] = []
    if left_out:
        listed = ", ".join(left_out)
        parts.append(
            f"agent {name!r}: fields that have no effect here: {listed}. It answers without tools, by the run's model."
        )
    if unknown:
        parts.append(f"agent {name!r}: fields that are not known: {', '.join(unknown)}")
    if has_open_description:
        parts.append(f"agent {name!r}: its description has a colon and no quotes; it is taken as it stands")
    return parts


def _is_left_out(key: str, value: object) -> bool:
    if key in _FOLLOWED or key in _NEEDLESS or (key == "model" and value == "inherit"):
        return False
    return value is not None and value is not False and value != "" and value != [] and value != {}


def _shown(key: object) -> str:
    text = str(key)
    return text if _PLAIN.fullmatch(text) else repr(text[:40])
