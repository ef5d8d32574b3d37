"""Every error that a caller can meet, in one tree.

::

    ParallelAgentsError
    ├── InputError                     the caller's input is wrong; nothing was changed (exit 2)
    │   ├── SourceError                a source or task file cannot be read or is not what it should be
    │   │   └── NothingFitsError       it can be read, and nothing of it is what was asked for
    │   ├── CanvasError                a canvas is damaged or a node is not there
    │   ├── TaskError                  one task mapping has a wrong key or value
    │   ├── AgentError                 an agent is unknown or its spec is wrong
    │   ├── PipelineError              a pipeline is unknown or its file is wrong
    │   ├── ModelError                 no model was chosen, or its name is not known
    │   ├── ConfigurationError         a configuration key or value is wrong
    │   ├── ConcurrencyError           a concurrency outside the configured limits
    │   ├── UnknownExecutionError      no execution with this id in this journal
    │   ├── KeyTakenError              an idempotency key is that of another execution
    │   └── OutputError                the place for results cannot be written
    ├── QueueFullError                 no room in the ready queue
    ├── OwnershipError                 another process owns the execution
    ├── EngineClosedError              the engine was closed while somebody waited for an execution
    ├── ExecutionClosedError           the execution takes no more tasks
    ├── IllegalTransitionError         a move that the transition table does not have
    ├── JournalError                   the journal cannot be read or written (exit 1)
    ├── CanvasWriteError               a canvas or a note cannot be written; nothing of it was changed (exit 1)
    ├── PoolError                      worker processes cannot be started (exit 1)
    └── AttemptError                   why one attempt failed; an agent may raise its leaves
        ├── ItemError                  this input can never succeed: not tried again
        │   └── ContractError          the answer does not fit the agent's output contract
        ├── TransientError             may succeed when tried again
        │   ├── OverloadedError        the provider cannot answer, and asked for a pause
        │   └── RateLimitedError       the provider asked for a pause
        ├── LaneClosedError            quota, billing, sign-in or model gone: nobody's fault here
        ├── BudgetSpentError           what the execution may spend does not cover the next call
        └── UnscoredError              the model cannot judge; an honest result, not a failure
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parallel_agents.core.rates import Limits


class ParallelAgentsError(Exception):
    """Base of every error of this package.

    `exit_code` is what the command line ends with when it is not handled.
    """

    exit_code = 1


class InputError(ParallelAgentsError):
    """The caller's input is wrong. Nothing was changed."""

    exit_code = 2


class SourceError(InputError):
    """A source file is missing, unreadable or of the wrong shape.

    `line` counts from 1 and is None where the fault has no line.
    """

    def __init__(self, path: Path | str, problem: str, *, line: int | None = None, hint: str = "") -> None:
        self.path = str(path)
        self.problem = problem
        self.line = line
        self.hint = hint
        place = self.path if line is None else f"{self.path}:{line}"
        super().__init__(_sentence(f"{place}: {problem}", hint))


class NothingFitsError(SourceError):
    """A source can be read, and nothing of it fits what was selected."""


class CanvasError(InputError):
    """A canvas cannot be used; names the node and the field where there is one."""

    def __init__(
        self, path: Path | str, problem: str, *, node: str | None = None, field: str | None = None, hint: str = ""
    ) -> None:
        self.path = str(path)
        self.problem = problem
        self.node = node
        self.field = field
        self.hint = hint
        place = self.path
        if node is not None:
            place += f", node {node!r}"
        if field is not None:
            place += f", field {field!r}"
        super().__init__(_sentence(f"{place}: {problem}", hint))


class TaskError(InputError):
    """One task mapping is wrong. `position` counts from 0 in the submitted list."""

    def __init__(self, position: int, problem: str, *, key: str | None = None, hint: str = "", place: str = "") -> None:
        self.position = position
        self.problem = problem
        self.key = key
        self.hint = hint
        self.place = place or f"task {position + 1}"
        where = self.place if key is None else f"{self.place}, key {key!r}"
        super().__init__(_sentence(f"{where}: {problem}", hint))


class AgentError(InputError):
    """An agent is unknown or its spec is wrong."""

    def __init__(self, name: str, problem: str, *, place: str = "", hint: str = "") -> None:
        self.name = name
        self.problem = problem
        self.place = place
        self.hint = hint
        where = f"{place}: " if place else ""
        super().__init__(_sentence(f"{where}agent {name!r} {problem}", hint))


class PipelineError(InputError):
    """A pipeline is unknown or its file is wrong.

    `source` is its file, or the name of one that ships; `line` counts from 1; `key` is a path such as `steps.a.when`.
    """

    def __init__(
        self, source: str, problem: str, *, line: int | None = None, key: str | None = None, hint: str = ""
    ) -> None:
        self.source = source
        self.problem = problem
        self.line = line
        self.key = key
        self.hint = hint
        place = source if line is None else f"{source}:{line}"
        where = place if key is None else f"{place}: {key}"
        super().__init__(_sentence(f"{where}: {problem}", hint))


class ModelError(InputError):
    """No model was chosen, or the chosen name cannot be used. `model` is None when none was chosen."""

    def __init__(self, model: str | None, problem: str, *, hint: str = "") -> None:
        self.model = model
        self.problem = problem
        self.hint = hint
        super().__init__(_sentence(problem, hint))


class ConfigurationError(InputError):
    """A configuration key or value is wrong.

    `source` is the file, or the name of the environment variable; `line` counts from 1.
    """

    def __init__(
        self, source: str, problem: str, *, line: int | None = None, key: str | None = None, hint: str = ""
    ) -> None:
        self.source = source
        self.problem = problem
        self.line = line
        self.key = key
        self.hint = hint
        place = source if line is None else f"{source}:{line}"
        where = place if key is None else f"{place}: {key}"
        super().__init__(_sentence(f"{where}: {problem}", hint))


class ConcurrencyError(InputError):
    """A concurrency outside what the configuration allows."""

    def __init__(self, value: object, limit: int, key: str = "max_concurrent_limit") -> None:
        self.value = value
        self.limit = limit
        super().__init__(
            f"max_concurrent must be a whole number from 1 to {limit}, not {value!r}. "
            f"Raise parallel_processing.{key} to allow more."
        )


class UnknownExecutionError(InputError):
    """The journal holds no execution with this id."""

    def __init__(self, execution_id: str, journal: Path | str) -> None:
        self.execution_id = execution_id
        self.journal = str(journal)
        super().__init__(
            f"no execution {execution_id!r} in the journal {self.journal}. "
            "`parallel-agents status` lists those there are; --journal names another journal."
        )


class KeyTakenError(InputError):
    """An idempotency key is that of another execution, of the batch with this digest."""

    def __init__(self, key: str, execution_id: str, batch: bytes) -> None:
        self.key = key
        self.execution_id = execution_id
        self.batch = batch
        super().__init__(f"the idempotency key {key!r} is that of {execution_id}")


class OutputError(InputError):
    """The place for results cannot be written. With `started`, tasks had run; their results are in the journal."""

    def __init__(self, path: Path | str, problem: str, *, started: bool = False, hint: str = "") -> None:
        self.path = str(path)
        self.problem = problem
        self.hint = hint
        self.exit_code = 1 if started else 2
        super().__init__(_sentence(f"cannot write {self.path}: {problem}", hint))


class QueueFullError(ParallelAgentsError):
    """The ready queue has no room for `requested` more tasks."""

    def __init__(self, size: int, limit: int, requested: int) -> None:
        self.size = size
        self.limit = limit
        self.requested = requested
        super().__init__(
            f"the queue holds {size} of {limit} tasks and cannot take {requested} more. "
            "Wait for results, or raise parallel_processing.task_queue.max_queue_size."
        )


class OwnershipError(ParallelAgentsError):
    """Another process runs this execution and did not do what was asked in time."""

    def __init__(self, execution_id: str, problem: str) -> None:
        self.execution_id = execution_id
        self.problem = problem
        super().__init__(f"execution {execution_id}: {problem}")


class EngineClosedError(ParallelAgentsError):
    """The engine was closed before the execution ended. What was settled is kept; a resume goes on."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(
            f"the engine was closed before execution {execution_id} ended. "
            f"`parallel-agents resume {execution_id}` goes on where it stopped."
        )


class ExecutionClosedError(ParallelAgentsError):
    """The execution takes no more tasks: it was closed or cancelled, or its engine stopped. Those it has are kept."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"execution {execution_id} takes no more tasks: it was closed, cancelled or stopped.")


class IllegalTransitionError(ParallelAgentsError):
    """A move that the transition table does not have."""

    def __init__(self, state: str | None, trigger: str) -> None:
        self.state = state
        self.trigger = trigger
        super().__init__(f"a task that is {state or 'not there yet'} cannot take {trigger!r}")


class JournalError(ParallelAgentsError):
    """The journal cannot be read or written."""

    def __init__(self, path: Path | str, problem: str, *, hint: str = "") -> None:
        self.path = str(path)
        self.problem = problem
        self.hint = hint
        super().__init__(_sentence(f"journal {self.path}: {problem}", hint))


class CanvasWriteError(ParallelAgentsError):
    """A canvas, or a file beside it, cannot be written. Nothing of it was changed."""

    def __init__(self, path: Path | str, problem: str, *, hint: str = "") -> None:
        self.path = str(path)
        self.problem = problem
        self.hint = hint
        super().__init__(_sentence(f"{self.path}: {problem}", hint))


class PoolError(ParallelAgentsError):
    """Workers cannot be started."""


class AttemptError(ParallelAgentsError):
    """Why one attempt failed. Agents may raise its leaves to say how they want to be treated."""


class ItemError(AttemptError):
    """This input can never succeed; the task is not tried again."""


class ContractError(ItemError):
    """The answer does not fit the output contract. `raw` keeps the whole text that did not fit."""

    def __init__(self, problems: tuple[str, ...], raw: str) -> None:
        self.problems = problems
        self.raw = raw
        super().__init__("the answer does not fit the contract: " + "; ".join(problems))


class TransientError(AttemptError):
    """May succeed when tried again. `may_cost` tells that a provider may have done work that it bills."""

    may_cost = False


class OverloadedError(TransientError):
    """The provider cannot answer for now and asked for a pause of `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class RateLimitedError(TransientError):
    """The provider asked for a pause of `retry_after_s` seconds (None: it did not say how long).

    `limits` is what it said of its limits beside the refusal.
    """

    def __init__(self, message: str, retry_after_s: float | None, limits: Limits | None = None) -> None:
        self.retry_after_s = retry_after_s
        self.limits = limits
        super().__init__(message)


class LaneClosedError(AttemptError):
    """The lane takes no calls for now: quota, billing, sign-in or model gone.

    `resume_at` is seconds since the epoch, None when not known. `kind` is one word for it, the first of the reason of
    a pause: quota, billing, auth, model, or breaker where the provider keeps failing.
    """

    def __init__(self, lane: str, reason: str, resume_at: float | None = None, *, kind: str = "closed") -> None:
        self.lane = lane
        self.reason = reason
        self.resume_at = resume_at
        self.kind = kind
        super().__init__(f"{lane}: {reason}")


class BudgetSpentError(AttemptError):
    """What the execution may still spend does not cover the next call. Nothing was asked."""


class UnscoredError(AttemptError):
    """The model cannot judge this input. Ends as an accepted result without any score."""


def _sentence(message: str, hint: str) -> str:
    return f"{message}. {hint}" if hint else message
