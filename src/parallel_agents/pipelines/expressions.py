"""Expressions and templates over results: a value for the names that they use, and nothing else.

A bare expression stands in `for_each` and `when`. In `input`, a text that is exactly one `{{ expression }}` gives the
value itself, any other text is a template. What a value holds is never read as an expression.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

from parallel_agents.core.errors import ItemError

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.environment import TemplateExpression

    from parallel_agents.pipelines.environment import Sandbox

_KEPT = 1024
_DEPTH = 64


class ExpressionError(ItemError):
    """An expression or template cannot be read, or gives no value for these names."""

    def __init__(self, expression: str, problem: str) -> None:
        self.expression = expression
        self.problem = problem
        shown = expression if len(expression) <= 120 else f"{expression[:119]}…"
        super().__init__(f"the expression {shown!r} {problem}")


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """Give the value of a bare expression: text, number, truth value, None, or lists and mappings of these.

    Raises:
        ExpressionError: it is not well-formed, uses what is not there, or gives something else.
    """
    compiled = _expression(expression)
    try:
        return _plain(compiled(**names))
    except Exception as error:
        raise ExpressionError(expression, f"cannot be used: {_said(error)}") from error


def rendered(value: Any, names: Mapping[str, Any]) -> Any:
    """Fill in the templates of an input, at any depth of lists and mappings; what is not text stays as it is.

    Raises:
        ExpressionError: a template is not well-formed, uses what is not there, or gives more than a megabyte.
    """
    if isinstance(value, str):
        inner = _only_expression(value)
        return _text(value, names) if inner is None else evaluate(inner, names)
    if isinstance(value, Mapping):
        return {key: rendered(one, names) for key, one in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [rendered(one, names) for one in cast("list[Any]", value)]
    return value


def names_in(expression: str) -> frozenset[str]:
    """List the names that a bare expression uses.

    Raises:
        ExpressionError: it is not well-formed.
    """
    _expression(expression)
    return _names(f"{{{{ {expression} }}}}", expression)


def names_in_template(template: str) -> frozenset[str]:
    """List the names that a text of an `input` uses.

    Raises:
        ExpressionError: it is not well-formed, or includes another template.
    """
    if (inner := _only_expression(template)) is not None:
        return names_in(inner)
    _template(template)
    return _names(template, template)


@cache
def _sandbox() -> Sandbox:
    # Only where there is a pipeline: the command line starts without Jinja.
    from parallel_agents.pipelines.environment import Sandbox

    return Sandbox()


@lru_cache(_KEPT)
def _expression(expression: str) -> TemplateExpression:
    try:
        return _sandbox().compile_expression(expression, undefined_to_none=False)
    except Exception as error:
        raise ExpressionError(expression, f"is not well-formed: {_said(error)}") from error


@lru_cache(_KEPT)
def _template(text: str) -> Template:
    try:
        return _sandbox().from_string(text)
    except Exception as error:
        raise ExpressionError(text, f"is not well-formed: {_said(error)}") from error


@lru_cache(_KEPT)
def _only_expression(text: str) -> str | None:
    """What stands between the braces of a text that is one `{{ expression }}`, None for any other text."""
    try:
        tokens = list(_sandbox().lex(text))
    except Exception as error:
        raise ExpressionError(text, f"is not well-formed: {_said(error)}") from error
    kinds = [kind for _, kind, _ in tokens]
    if not kinds or kinds[0] != "variable_begin" or kinds[-1] != "variable_end" or kinds.count("variable_begin") > 1:
        return None
    return "".join(value for _, _, value in tokens[1:-1]).strip()


def _names(template: str, shown: str) -> frozenset[str]:
    from jinja2 import meta

    tree = _sandbox().parse(template)
    if any(True for _ in meta.find_referenced_templates(tree)):
        raise ExpressionError(shown, "takes in another template, and there is none")
    return frozenset(meta.find_undeclared_variables(tree)) - frozenset(_sandbox().globals)


def _text(template: str, names: Mapping[str, Any]) -> str:
    compiled = _template(template)
    try:
        return "".join(_bounded(compiled.generate(**names)))
    except Exception as error:
        raise ExpressionError(template, f"cannot be used: {_said(error)}") from error


def _bounded(pieces: Iterable[str]) -> Iterator[str]:
    from parallel_agents.pipelines.environment import LIMIT_CHARACTERS

    total = 0
    for piece in pieces:
        total += len(piece)
        if total > LIMIT_CHARACTERS:
            raise ValueError(f"it gives more than {LIMIT_CHARACTERS} characters")
        yield piece


def _plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON has it; what filters give bit by bit becomes a list."""
    from jinja2 import Undefined

    if depth > _DEPTH:
        raise ValueError(f"it gives a value that is nested more than {_DEPTH} deep")
    if isinstance(value, Undefined):
        str(value)  # raises, and says which name it is that is not there
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"it gives {value}, which JSON does not have")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one, depth + 1) for key, one in cast("Mapping[Any, Any]", value).items()}
    if callable(value) or not isinstance(value, Iterable):
        raise TypeError(f"it gives something of the kind {type(value).__name__}, which is no value")
    return [_plain(one, depth + 1) for one in cast("Iterable[Any]", value)]


def _said(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
