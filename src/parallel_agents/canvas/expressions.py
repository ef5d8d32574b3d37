"""The grammar of `--select`: terms, joined by `and`, `or`, `not`, commas (which are `or`) and parentheses.

What a term means is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn, TypeAlias

import msgspec

from parallel_agents.core.errors import InputError


class Term(msgspec.Struct, frozen=True):
    """One condition. `name` is None for a bare word; in `group:"Linear maps"` it is `group`. `column` counts from 1."""

    column: int
    name: str | None
    value: str

    @property
    def text(self) -> str:
        """The term as it could be written."""
        return self.value if self.name is None else f"{self.name}:{self.value}"


class Not(msgspec.Struct, frozen=True):
    """What does not fit `part`."""

    part: Expression


class All(msgspec.Struct, frozen=True):
    """What fits every part."""

    parts: tuple[Expression, ...]


class Some(msgspec.Struct, frozen=True):
    """What fits at least one part."""

    parts: tuple[Expression, ...]


Expression: TypeAlias = Term | Not | All | Some


class _Token(msgspec.Struct, frozen=True):
    column: int
    kind: str  # "(", ")", ",", "and", "or", "not", "term" or "end"
    text: str
    term: Term | None = None


_OPERATORS = {"and": "and", "or": "or", "not": "not", "且": "and", "或": "or", "非": "not"}
_SIGNS = {"(": "(", ")": ")", ",": ",", "，": ","}
_BLANKS = re.compile(r"\s*")
_WORD = re.compile(r"[^\s(),，:：\"]+")
_NAME = re.compile(r"([^\s(),，:：\"]+)[:：]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PATTERN = re.compile(r"/(?:[^/\\]|\\.)+/(?=[\s(),，]|$)")
_VALUE = re.compile(r"[^\s(),，\"]+")
_ESCAPE = re.compile(r"\\(.)")


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        InputError: it is none; the message names the column.
    """
    return _Parser(text).whole()


def terms_of(expression: Expression) -> Iterator[Term]:
    """Every term of an expression, as written."""
    match expression:
        case Term():
            yield expression
        case Not():
            yield from terms_of(expression.part)
        case All() | Some():
            for part in expression.parts:
                yield from terms_of(part)


def refuse(text: str, column: int, problem: str) -> NoReturn:
    """Say what is wrong with an expression, and where. Raises `InputError`."""
    raise InputError(f"--select {text!r}, column {column}: {problem}")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    def whole(self) -> Expression:
        self._skip_commas()
        found = self._some()
        if self._next.kind != "end":
            problem = "there is a closing parenthesis too many"
            if self._next.kind != ")":
                problem = f"and, or, or a comma has to stand before {self._next.text!r}"
            self._refuse(problem)
        return found

    def _some(self) -> Expression:
        parts = [self._all()]
        while self._next.kind in {"or", ","}:
            if self._take().kind == ",":
                self._skip_commas()
                if self._next.kind in {"end", ")"}:
                    break
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._next.kind == "and":
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Expression:
        negations = 0
        while self._next.kind == "not":
            self._take()
            negations += 1
        found = self._primary()
        return Not(found) if negations % 2 else found

    def _primary(self) -> Expression:
        token = self._take()
        if token.term is not None:
            return token.term
        if token.kind != "(":
            refuse(self._text, token.column, "a term is missing here")
        self._skip_commas()
        found = self._some()
        if self._take().kind != ")":
            refuse(self._text, token.column, "this parenthesis is not closed")
        return found

    def _skip_commas(self) -> None:
        while self._next.kind == ",":
            self._take()

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _refuse(self, problem: str) -> NoReturn:
        refuse(self._text, self._next.column, problem)


def _tokens(text: str) -> Iterator[_Token]:
    at = _skip(text, 0)
    while at < len(text):
        column = at + 1
        if text[at] in _SIGNS:
            yield _Token(column, _SIGNS[text[at]], text[at])
            at += 1
        else:
            term, end = _term(text, at)
            written = text[at:end]
            yield _Token(column, _OPERATORS.get(written.casefold(), "term"), written, _unless_operator(written, term))
            at = end
        at = _skip(text, at)
    yield _Token(len(text) + 1, "end", "")


def _unless_operator(written: str, term: Term) -> Term | None:
    return None if written.casefold() in _OPERATORS else term


def _term(text: str, at: int) -> tuple[Term, int]:
    named = _NAME.match(text, at)
    name = None if named is None else named[1]
    start = at if named is None else named.end()
    readers: Sequence[Callable[[str, int], tuple[str, int] | None]] = (
        (_quoted, _word) if name is None else (_quoted, _pattern, _value)
    )
    for read in readers:
        found = read(text, start)
        if found is not None:
            return Term(at + 1, name, found[0]), found[1]
    if name is not None:
        refuse(text, start + 1, f"{name}: needs a value, without a blank or in quotes")
    refuse(text, at + 1, f"a term does not begin with {text[at]!r}")


def _quoted(text: str, at: int) -> tuple[str, int] | None:
    found = _QUOTED.match(text, at)
    if found is None and text[at : at + 1] == '"':
        refuse(text, at + 1, "this quote is not closed")
    return None if found is None else (_ESCAPE.sub(r"\1", found[1]), found.end())


def _pattern(text: str, at: int) -> tuple[str, int] | None:
    found = _PATTERN.match(text, at)
    return None if found is None else (found[0], found.end())


def _word(text: str, at: int) -> tuple[str, int] | None:
    found = _WORD.match(text, at)
    return None if found is None else (found[0], found.end())


def _value(text: str, at: int) -> tuple[str, int] | None:
    found = _VALUE.match(text, at)
    return None if found is None else (found[0], found.end())


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()
