"""Errors tell what, where and the way out; the tree in the docstring is the tree there is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parallel_agents.core import errors
from parallel_agents.core.errors import ParallelAgentsError

ENTRY = re.compile(r"^(?P<branches>[ │├└─]*)(?P<name>[A-Z]\w+Error)\b")
INDENT = 4


def drawn(docstring: str) -> Iterator[tuple[str, str | None]]:
    """Each class in the drawing with the one that it hangs from."""
    above: dict[int, str] = {}
    for line in docstring.splitlines():
        found = ENTRY.match(line)
        if found is None:
            continue
        depth = len(found["branches"]) // INDENT
        above[depth] = found["name"]
        yield found["name"], above.get(depth - 1)


def existing(kind: type[ParallelAgentsError], parent: str | None = None) -> Iterator[tuple[str, str | None]]:
    yield kind.__name__, parent
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from existing(child, kind.__name__)


def test_the_tree_in_the_docstring_is_the_tree_there_is() -> None:
    # The drawing is indented as a whole, so its root stands at depth 1.
    assert set(drawn(inspect.getdoc(errors) or "")) == set(existing(ParallelAgentsError))


def test_every_error_of_the_module_hangs_in_the_tree() -> None:
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == "parallel_agents.core.errors"
    }
    assert classes == {name for name, _ in existing(ParallelAgentsError)}


Case = tuple[Callable[[], ParallelAgentsError], list[str]]
CASES: list[Case] = [
    (
        lambda: errors.SourceError("a.jsonl", "is broken", line=3, hint="Mend it."),
        ["a.jsonl:3", "is broken", "Mend it."],
    ),
    (lambda: errors.SourceError(Path("a.jsonl"), "is missing"), ["a.jsonl: is missing"]),
    (
        lambda: errors.CanvasError("a.canvas", "is no number", node="n1", field="x", hint="Mend it."),
        ["a.canvas", "'n1'", "'x'", "is no number", "Mend it."],
    ),
    (lambda: errors.CanvasError("a.canvas", "is empty"), ["a.canvas: is empty"]),
    (
        lambda: errors.TaskError(0, "is missing", key="input_data", hint="Add it."),
        ["task 1", "'input_data'", "Add it."],
    ),
    (lambda: errors.TaskError(4, "is wrong", place="a.jsonl:9"), ["a.jsonl:9: is wrong"]),
    (
        lambda: errors.AgentError("echo", "is not known", place="a.md:2", hint="Register it."),
        ["a.md:2", "'echo'", "is not known", "Register it."],
    ),
    (
        lambda: errors.ModelError(None, "no model was chosen", hint="Use --model."),
        ["no model was chosen", "Use --model."],
    ),
    (
        lambda: errors.ConfigurationError("a.yaml", "must be text", line=7, key="model", hint="Quote it."),
        ["a.yaml:7", "model", "must be text", "Quote it."],
    ),
    (
        lambda: errors.NothingFitsError("a.canvas", "no node fits 'red'", hint="Look."),
        ["a.canvas: no node fits 'red'. Look."],
    ),
    (
        lambda: errors.PipelineError("a.yaml", "is missing", line=7, key="steps.a.agent", hint="Add it."),
        ["a.yaml:7: steps.a.agent: is missing. Add it."],
    ),
    (lambda: errors.ConfigurationError("VARIABLE", "must be text"), ["VARIABLE: must be text"]),
    (lambda: errors.ConcurrencyError(11, 10), ["11", "1 to 10", "max_concurrent_limit"]),
    (lambda: errors.UnknownExecutionError("exec-1", "j.sqlite"), ["exec-1", "j.sqlite", "status"]),
    (lambda: errors.KeyTakenError("monday", "exec-1", b""), ["'monday'", "exec-1"]),
    (
        lambda: errors.OutputError("out.json", "is read-only", hint="Use --output."),
        ["out.json", "is read-only", "--output"],
    ),
    (lambda: errors.QueueFullError(9, 10, 2), ["9", "10", "2", "max_queue_size"]),
    (lambda: errors.OwnershipError("exec-1", "did not answer"), ["exec-1", "did not answer"]),
    (lambda: errors.EngineClosedError("exec-1"), ["exec-1", "resume"]),
    (lambda: errors.ExecutionClosedError("exec-1"), ["exec-1", "no more tasks"]),
    (lambda: errors.IllegalTransitionError("completed", "started"), ["completed", "started"]),
    (lambda: errors.IllegalTransitionError(None, "started"), ["not there yet", "started"]),
    (lambda: errors.JournalError("j.sqlite", "is full", hint="Make room."), ["j.sqlite", "is full", "Make room."]),
    (lambda: errors.ContractError(("no text", "no type"), "{}"), ["no text", "no type"]),
    (lambda: errors.RateLimitedError("slow down", 2.0), ["slow down"]),
    (lambda: errors.OverloadedError("busy", 2.0), ["busy"]),
    (lambda: errors.LaneClosedError("openai", "no quota", 5.0), ["openai", "no quota"]),
    (lambda: errors.InputError("the batch is empty"), ["the batch is empty"]),
    (lambda: errors.CanvasWriteError("a.canvas", "is full", hint="Make room."), ["a.canvas: is full", "Make room."]),
    (lambda: errors.PoolError("no process can be started"), ["no process can be started"]),
    (lambda: errors.ItemError("never"), ["never"]),
    (lambda: errors.TransientError("later"), ["later"]),
    (lambda: errors.BudgetSpentError("$0.01 of $0.02 spent"), ["$0.01 of $0.02 spent"]),
    (lambda: errors.UnscoredError("cannot judge"), ["cannot judge"]),
]


@pytest.mark.parametrize(("make", "words"), CASES, ids=[type(make()).__name__ for make, _ in CASES])
def test_a_message_names_what_it_is_about(make: Callable[[], ParallelAgentsError], words: list[str]) -> None:
    message = str(make())
    assert [word for word in words if word not in message] == []
    assert "None" not in message


def test_every_leaf_of_the_tree_has_its_message_tested() -> None:
    leaves = {name for name, _ in existing(ParallelAgentsError)} - {
        parent for _, parent in existing(ParallelAgentsError)
    }
    assert leaves <= {type(make()).__name__ for make, _ in CASES}


def test_the_caller_keeps_the_fields_and_need_not_read_the_message() -> None:
    error = errors.ConfigurationError("a.yaml", "must be text", line=7, key="model", hint="Quote it.")
    assert (error.source, error.problem, error.line, error.key, error.hint) == (
        "a.yaml",
        "must be text",
        7,
        "model",
        "Quote it.",
    )
    limited = errors.RateLimitedError("slow down", 2.0)
    assert limited.retry_after_s == 2.0
    closed = errors.LaneClosedError("openai", "no quota", 5.0)
    assert (closed.lane, closed.reason, closed.resume_at) == ("openai", "no quota", 5.0)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (errors.SourceError("a", "b"), 2),
        (errors.UnknownExecutionError("a", "b"), 2),
        (errors.ConcurrencyError(0, 1), 2),
        (errors.OutputError("a", "b"), 2),
        (errors.OutputError("a", "b", started=True), 1),
        (errors.JournalError("a", "b"), 1),
        (errors.PoolError("a"), 1),
        (errors.EngineClosedError("a"), 1),
    ],
)
def test_wrong_input_ends_with_2_and_everything_else_with_1(error: ParallelAgentsError, exit_code: int) -> None:
    assert error.exit_code == exit_code
