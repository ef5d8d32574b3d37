"""YAML text into plain values with the line of every key."""

from __future__ import annotations

from typing import Any, Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from parallel_agents.configuration.layer import KeyPath, Layer, Origin, dotted
from parallel_agents.core.errors import ConfigurationError

MERGE_TAG = "tag:yaml.org,2002:merge"


class _Mark(Protocol):
    line: int  # from 0


class _Node(Protocol):
    """What is used of ruamel's untyped nodes."""

    id: str  # mapping, sequence or scalar
    tag: str
    value: Any
    start_mark: _Mark


def read_document(text: str, source: str) -> Layer:
    """Read a configuration file's text; an empty one gives an empty layer.

    Raises:
        ConfigurationError: broken YAML, a key twice, a key that is no text, a top level that is no mapping.
    """
    root = _compose(text, source)
    if root is None or (root.id == "scalar" and _construct(root) is None):
        return Layer(values={})
    if root.id != "mapping":
        kind = "a list" if root.id == "sequence" else "a single value"
        hint = "Start with a section, for example `parallel_processing:`."
        raise ConfigurationError(source, f"must be a mapping of sections, not {kind}", line=_line(root), hint=hint)
    walk = _Walk(source)
    values = walk.value(root, ())
    return Layer(values=values, origins=walk.origins)


def read_value(text: str) -> Any:
    """Read one YAML value (JSON is YAML too).

    Raises:
        ValueError: it is not YAML.
    """
    try:
        return _parser().load(text)
    except (YAMLError, RecursionError, ValueError) as error:
        raise ValueError(_problem(error)) from error


def _parser() -> Any:
    # The pure parser: the C one knows neither YAML 1.2 nor the marks that lines are taken from.
    return YAML(typ="safe", pure=True)


def _compose(text: str, source: str) -> _Node | None:
    try:
        return _parser().compose(text)
    except (YAMLError, RecursionError, ValueError) as error:
        raise ConfigurationError(
            source, f"is not valid YAML: {_problem(error)}", line=_error_line(error, text)
        ) from error


def _error_line(error: Exception, text: str) -> int | None:
    if isinstance(error, ReaderError):  # a character that YAML does not allow; it knows no line
        return text.count("\n", 0, int(cast("Any", error).position)) + 1
    marks = (getattr(error, "problem_mark", None), getattr(error, "context_mark", None))
    return next((int(mark.line) + 1 for mark in marks if mark is not None), None)


def _problem(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MarkedYAMLError):
        parts = (getattr(error, "context", None), getattr(error, "problem", None))
        return " ".join(str(part) for part in parts if part)
    return str(error).splitlines()[0]


class _Walk:
    """One pass over the node tree that notes the line of every key and list item."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.origins: dict[KeyPath, Origin] = {}
        self._open: list[_Node] = []

    def value(self, node: _Node, path: KeyPath) -> Any:
        if any(node is outer for outer in self._open):
            raise self._error(path, "contains itself", node, "Write the value out instead of an alias.")
        self._open.append(node)
        kinds = {"mapping": self._mapping, "sequence": self._sequence, "scalar": self._scalar}
        result = kinds[node.id](node, path)
        self._open.pop()
        return result

    def _mapping(self, node: _Node, path: KeyPath) -> dict[str, Any]:
        first: dict[str, int] = {}
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            here = (*path, key)
            if key in first:
                raise self._error(here, f"stands twice, first in line {first[key]}", key_node, "Keep one of the two.")
            first[key] = _line(key_node)
            self.origins[here] = Origin(self.source, first[key])
            result[key] = self.value(value_node, here)
        return result

    def _sequence(self, node: _Node, path: KeyPath) -> list[Any]:
        result: list[Any] = []
        for index, item in enumerate(node.value):
            self.origins[*path, index] = Origin(self.source, _line(item))
            result.append(self.value(item, (*path, index)))
        return result

    def _scalar(self, node: _Node, path: KeyPath) -> Any:
        try:
            return _construct(node)
        except (YAMLError, ValueError) as error:
            raise self._error(path, f"cannot be read: {_problem(error)}", node) from error

    def _key(self, node: _Node, path: KeyPath) -> str:
        if node.tag == MERGE_TAG:
            raise self._error(path, "merges another mapping (<<)", node, "Write the keys out.")
        key = self._scalar(node, path) if node.id == "scalar" else None
        if isinstance(key, str):
            return key
        shown = repr(node.value) if node.id == "scalar" else "a list or a mapping"
        raise self._error(path, f"has a key that is not text: {shown}", node, "Put it in quotes.")

    def _error(self, path: KeyPath, problem: str, node: _Node, hint: str = "") -> ConfigurationError:
        return ConfigurationError(self.source, problem, line=_line(node), key=dotted(path) or None, hint=hint)


def _construct(node: _Node) -> object:
    return _parser().constructor.construct_object(node)


def _line(node: _Node) -> int:
    return node.start_mark.line + 1
