"""What has to hold between the steps of a pipeline, and in their expressions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, cast

from parallel_agents.pipelines.expressions import ExpressionError, names_in, names_in_template
from parallel_agents.pipelines.spec import Step
from parallel_agents.pipelines.yamltext import Document, KeyPath


def in_order(document: Document, steps: Sequence[Step]) -> tuple[Step, ...]:
    """Put every step below those that it depends on; otherwise they stay in the order of the file.

    Raises:
        PipelineError: a step depends on one that is not there, or on itself, also through others.
    """
    known = [step.name for step in steps]
    for step in steps:
        for index, name in enumerate(step.depends_on):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {close[0]!r}?" if close else f"The steps are {', '.join(known)}."
                raise document.error(
                    ("steps", step.name, "depends_on", index), f"{name!r} is no step of this pipeline", hint
                )
    try:
        TopologicalSorter({step.name: step.depends_on for step in steps}).prepare()
    except CycleError as error:
        circle = [str(name) for name in reversed(error.args[1])]
        problem = f"leads back to where it began: {' → '.join(circle)}"
        raise document.error(("steps", circle[0], "depends_on"), problem, "Take one of these out.") from error
    return tuple(_sorted(steps))


def check_step(document: Document, step: Step) -> None:
    """Check the expressions of a step: that they can be read, and use only names that will be there.

    Raises:
        PipelineError: names the line and key of what is wrong.
    """
    at: KeyPath = ("steps", step.name)
    if not step.depends_on:
        _check_root(document, step, at)
    if step.for_each is not None:
        names = _expression_names(document, (*at, "for_each"), step.for_each)
        _check_names(document, (*at, "for_each"), names, step, with_item=False)
        if not names & set(step.depends_on):
            problem = f"does not use a step of `depends_on` ({', '.join(step.depends_on)})"
            raise document.error((*at, "for_each"), problem, "It gives a list out of a result: `step.sub_questions`.")
    if step.when is not None:
        names = _expression_names(document, (*at, "when"), step.when)
        _check_names(document, (*at, "when"), names, step, with_item=step.for_each is not None)
    for path, text in _texts(step.input, (*at, "input")):
        names = _template_names(document, path, text)
        _check_names(document, path, names, step, with_item=step.for_each is not None)


def _check_root(document: Document, step: Step, at: KeyPath) -> None:
    for key, given in (("for_each", step.for_each), ("when", step.when)):
        if given is not None:
            problem = "is for a step that depends on another: it is asked of a result"
            raise document.error((*at, key), problem, "Add `depends_on`, or choose nodes with --select.")


def _sorted(steps: Sequence[Step]) -> Iterator[Step]:
    done: set[str] = set()
    left = list(steps)
    while left:
        following = next(step for step in left if done.issuperset(step.depends_on))
        left.remove(following)
        done.add(following.name)
        yield following


def _expression_names(document: Document, path: KeyPath, expression: str) -> frozenset[str]:
    if "{{" in expression:
        raise document.error(path, "is an expression as it is", "Write it without the braces.")
    try:
        return names_in(expression)
    except ExpressionError as error:
        raise document.error(path, error.problem) from error


def _template_names(document: Document, path: KeyPath, template: str) -> frozenset[str]:
    try:
        return names_in_template(template)
    except ExpressionError as error:
        raise document.error(path, error.problem) from error


def _check_names(document: Document, path: KeyPath, names: frozenset[str], step: Step, *, with_item: bool) -> None:
    known = {"source", *step.depends_on, *(("item",) if with_item else ())}
    for name in sorted(names - known):
        raise document.error(path, f"uses {name!r}, which is not there", _hint(name, known))


def _hint(name: str, known: set[str]) -> str:
    if name == "item":
        return "`item` is for a step with `for_each`."
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"There are {', '.join(sorted(known))}; another step is known by its name once it stands in `depends_on`."


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in cast("Mapping[str, Any]", value).items():
            yield from _texts(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(cast("list[Any]", value)):
            yield from _texts(one, (*path, index))
