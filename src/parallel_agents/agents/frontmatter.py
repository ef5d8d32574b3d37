"""The front matter of an agent file: a YAML mapping, and the line of each of its keys."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, cast

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from parallel_agents.core.errors import AgentError

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?\r?\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
# What YAML could take for something else than text at its beginning is left to YAML.
_OPEN_DESCRIPTION = re.compile(r"^description:[ \t]+(?=[^\s'\"|>\[\]{}&*!#%@`,?-])")
_COLON_INSIDE = re.compile(r"\s*[\w-]+:\s.*:")


class FrontMatter(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above the body, and the body. `name` is the file's, for messages; `place` its path.

    `yaml` is the text between the two lines of dashes. `body` has no blanks around it.
    """

    name: str
    place: str
    yaml: str
    body: str

    def values(self) -> dict[Any, Any]:
        """Its keys and values. Raises `AgentError` for what is no YAML mapping."""
        return self._loaded(self.yaml)

    def values_with_open_description(self, keys: Collection[str]) -> dict[Any, Any] | None:
        """As `values`, a description without quotes taken as it stands, as if it had them.

        It is taken to the end of its line, or, where that gives no mapping, up to the line that starts with one of the
        `keys`. None where that gives no mapping either.
        """
        next_key = rf"(?=^(?:{'|'.join(map(re.escape, keys))}):|\Z)"
        for text in (r"([^\r\n]*)", rf"(.*?){next_key}"):
            try:
                return self._loaded(re.sub(_OPEN_DESCRIPTION.pattern + text, _quoted, self.yaml, flags=re.M | re.S))
            except AgentError:
                continue
        return None

    def at(self, key: str) -> str:
        """The place of a key, `a.b` for one inside another: path and line, the path alone where it cannot be found."""
        found: int | None = None
        lines = self.yaml.splitlines()
        start, indent = 0, ""
        for part in filter(None, re.split(r"[.\[]", key)):
            name = rf"{indent}['\"]?{re.escape(part)}['\"]?\s*:"
            line = next((number for number in range(start, len(lines)) if re.match(name, lines[number])), None)
            if line is None:
                break
            found, start, indent = line, line + 1, r"\s+"
        return self.place if found is None else f"{self.place}:{found + 2}"

    def _loaded(self, text: str) -> dict[Any, Any]:
        try:
            value: object = YAML(typ="safe", pure=True).load(text)  # pyright: ignore[reportUnknownMemberType]
        except MarkedYAMLError as error:
            told: Any = error
            mark = told.problem_mark or told.context_mark
            problem, line = f"has broken front matter: {told.problem}", mark.line if mark else 0
            raise AgentError(self.name, problem, place=f"{self.place}:{line + 2}", hint=_hint(text, line)) from None
        except Exception as error:
            # The parser lets through whatever a value makes it raise: ValueError for a date that is none, KeyError and
            # IndexError for a tag that does not fit, RecursionError, OverflowError.
            raise AgentError(
                self.name, f"has broken front matter: {type(error).__name__}: {error}", place=self.place
            ) from None
        if not isinstance(value, dict):
            raise AgentError(self.name, "has front matter that is not a mapping", place=self.place)
        return cast("dict[Any, Any]", value)


def split(text: str, name: str, place: str) -> FrontMatter:
    """Part an agent file. Raises `AgentError` where it has no front matter."""
    match = _FRONT.match(text)
    if match is None:
        problem = "has no front matter: a file starts with --- and YAML, then --- and the prompt"
        raise AgentError(name, problem, place=place)
    return FrontMatter(name=name, place=place, yaml=match.group(1), body=text[match.end() :].strip())


def _quoted(found: re.Match[str]) -> str:
    return "description: " + json.dumps(found[1].strip(), ensure_ascii=False) + "\n"


def _hint(text: str, number: int) -> str:
    lines = text.splitlines()
    line = lines[number] if number < len(lines) else ""
    return "A text with a colon in it needs quotes around it." if _COLON_INSIDE.match(line) else ""
