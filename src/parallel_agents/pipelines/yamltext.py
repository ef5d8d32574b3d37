"""YAML text into plain values with the line of every key."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from parallel_agents.core.errors import PipelineError

KeyPath: TypeAlias = tuple[str | int, ...]
_MERGE_TAG = "tag:yaml.org,2002:merge"
_LIMIT_NODES = 10_000


class _Mark(Protocol):
    line: int  # from 0


class _Node(Protocol):
    """What is used of ruamel's untyped nodes."""

    id: str  # mapping, sequence or scalar
    tag: str
    value: Any
    start_mark: _Mark


class Document:
    """The value of a file, and where its keys stand. `source` is for messages."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self._lines: dict[KeyPath, int] = {}
        self._nodes = 0
        self.value: Any = self._value(self._compose(text), ())

    def line(self, path: KeyPath) -> int | None:
        """The line of a key, or of the nearest key above it, from 1."""
        return next((self._lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self._lines), None)

    def error(self, path: KeyPath, problem: str, hint: str = "") -> PipelineError:
        """Make an error that names the file, the line and the key."""
        return PipelineError(self.source, problem, line=self.line(path), key=dotted(path), hint=hint)

    def _compose(self, text: str) -> _Node | None:
        parser: Any = YAML(typ="safe", pure=True)  # the C parser has no marks to take lines from
        try:
            return parser.compose(text)
        except (YAMLError, RecursionError, ValueError) as error:
            marks = (getattr(error, "problem_mark", None), getattr(error, "context_mark", None))
            line = next((cast("_Mark", mark).line + 1 for mark in marks if mark is not None), None)
            raise PipelineError(self.source, f"is not valid YAML: {_problem(error)}", line=line) from error

    def _value(self, node: _Node | None, path: KeyPath) -> Any:
        if node is None:
            return None
        self._nodes += 1
        # An alias stands for all that it names, each time: a few lines can mean millions of values, or no end.
        if self._nodes > _LIMIT_NODES:
            raise self.error(path, f"has more than {_LIMIT_NODES} values", "Write aliases (*) out.")
        if node.id == "mapping":
            return self._mapping(node, path)
        if node.id == "sequence":
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            parser: Any = YAML(typ="safe", pure=True)
            return parser.constructor.construct_object(node)
        except (YAMLError, ValueError) as error:
            raise self.error(path, f"cannot be read: {_problem(error)}") from error

    def _item(self, node: _Node, path: KeyPath) -> Any:
        self._lines[path] = node.start_mark.line + 1
        return self._value(node, path)

    def _mapping(self, node: _Node, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE_TAG:
                raise PipelineError(self.source, "merges another mapping (<<)", line=line, hint="Write the keys out.")
            key = self._value(key_node, path)
            if not isinstance(key, str):
                problem = f"has a key that is not text: {key!r}"
                raise PipelineError(self.source, problem, line=line, key=dotted(path), hint="Put it in quotes.")
            here = (*path, key)
            if key in result:
                problem = f"stands twice, first in line {self._lines[here]}"
                raise PipelineError(self.source, problem, line=line, key=dotted(here), hint="Keep one of the two.")
            self._lines[here] = line
            result[key] = self._value(value_node, here)
        return result


def dotted(path: KeyPath) -> str | None:
    """Write a path as a user does: `steps.explain.input.topic`; None for the top."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or None


def _problem(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MarkedYAMLError):
        parts = (getattr(error, "context", None), getattr(error, "problem", None))
        return " ".join(str(part) for part in parts if part)
    return str(error).splitlines()[0]
