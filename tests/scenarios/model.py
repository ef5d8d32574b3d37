"""What a scenario file may say: strictly read, so that a mistyped key is an error and not a check less."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from parallel_agents.simulator import Fault

FILE = Path(__file__).parents[1] / "fixtures" / "batch_test_scenarios.json"
State = Literal["pending", "running", "completed", "failed", "skipped", "cancelled"]
Range = Annotated[tuple[int, int], Meta(description="least and most")]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the file; unknown keys are refused."""


class Tasks(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`count` tasks of one agent.

    In every text, `{n}` is the task's place in the whole batch, from 0, `{mark}` a word that no other task has,
    `{meeting}` a folder of the scenario, and `{turn}` the place divided by the concurrency.

    `priorities` take turns. `fails` goes into the input: how an agent of `agents_on_order` fails, and in how many
    attempts from the first.
    """

    agent: str
    count: Annotated[int, Meta(ge=1)] = 1
    id: str | None = None
    input: dict[str, Any] = {}
    canvas_path: str | None = None
    node_id: str | None = None
    priorities: list[str] = []
    timeout_s: float | None = None
    retries: int | None = None
    fails: dict[str, Any] | None = None


class Provider(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the simulated provider behaves from the start of the scenario."""

    latency_s: float = 0.0
    jitter_s: float = 0.0
    fail_rate: float = 0.0
    faults: tuple[Fault, ...] = ()


class Move(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something done once that many tasks are settled and that many attempts have begun.

    `cancel`; `kill_worker` of a task that runs; `close_and_resume` with another executor on the same journal;
    `close_and_retry`: the same after the end; `heal_and_resume`: once the execution is paused, take the provider's
    faults back and go on; `retry`: after the end, try again what did not succeed.
    """

    do: Literal["cancel", "kill_worker", "close_and_resume", "heal_and_resume", "retry", "close_and_retry"]
    settled: int = 0
    begun: int = 0


class Refusal(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The batch is refused whole, with this error, whose message has these words."""

    error: str
    words: list[str]


class Expectation(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold in the end. What stands here is checked; `checks` has one function for each.

    Ranges are least and most. `attempts` counts tasks by their number of attempts, `classes` lines of error histories
    by class, `failed` failed tasks by class, `results` sessions by `result.status`, `fallbacks` by the strategy that
    was applied. `echo`: every completed output has the text of its own input. `apart`: every completed output holds
    its own task's `mark` and no other's. `clean`: no agent found a trace of another. `together` is the most that ran
    at once, as the agents themselves saw it, `in_flight` as the provider saw it. `asked_twice` counts prompts that
    the provider got more than once.
    """

    status: str | None = None
    counts: dict[State, int] | None = None
    mode: str | None = None
    concurrency: int | None = None
    start_order: list[str] | None = None
    attempts: dict[str, int] | None = None
    recoveries: int | None = None
    charged: int | None = None
    classes: dict[str, int] | None = None
    failed: dict[str, int] | None = None
    results: dict[str, int] | None = None
    fallbacks: dict[str, int] | None = None
    echo: Literal[True] | None = None
    apart: Literal[True] | None = None
    clean: Literal[True] | None = None
    together: Range | None = None
    in_flight: Range | None = None
    requests: Range | None = None
    by_status: dict[str, int] | None = None
    asked_twice: int | None = None
    workers: Range | None = None
    language_model: bool | None = None
    merged: dict[str, Any] | None = None
    questions_add_up: Literal[True] | None = None
    per_agent: dict[str, int] | None = None
    isolated: bool | None = None
    paused_for: str | None = None
    message: list[str] | None = None
    refused: Refusal | None = None


class Scenario(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One batch, what happens to it, and what must come out.

    `shows` names acceptance criteria (AC1 to AC7) and constraints of the specification. `settings` is laid over
    `settings` of the file; keys of `models` go beside `parallel_processing`.
    """

    name: str
    description: Annotated[str, Meta(min_length=10)]
    shows: Annotated[list[str], Meta(min_length=1)]
    tasks: list[Tasks]
    expect: Expectation
    settings: dict[str, Any] = {}
    models: dict[str, Any] = {}
    model: str | None = None
    concurrency: int | None = None
    provider: Provider = Provider()
    moves: list[Move] = []

    @property
    def size(self) -> int:
        """Number of tasks."""
        return sum(group.count for group in self.tasks)


class Book(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    about: str
    settings: dict[str, Any]
    scenarios: list[Scenario]


def read_book(path: Path = FILE) -> Book:
    """Read the scenarios. Raises `msgspec.ValidationError` naming the place of what does not fit."""
    return msgspec.json.decode(path.read_bytes(), type=Book)
