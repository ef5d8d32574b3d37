"""What to do about a failure: the one place that policies of retry, fallback and stopping are asked."""

from __future__ import annotations

from collections.abc import Callable

from parallel_agents.core.outcome import ErrorRecord, Failed, Outcome, describe
from parallel_agents.core.retry import RetryPolicy, Standing, Verdict, decide
from parallel_agents.core.settings import Settings
from parallel_agents.core.states import Trigger
from parallel_agents.core.task import ReadyTask

_FOR_GOOD = frozenset({Trigger.GAVE_UP, Trigger.POISONED})


class ErrorHandlingManager:
    """Judges outcomes by the settings of the execution that they belong to, or by those put in their place."""

    def __init__(self, settings: Settings, random: Callable[[], float]) -> None:
        self._processing = settings.parallel_processing
        self._random = random

    def change(self, settings: Settings) -> None:
        """Judge by these settings from now on."""
        self._processing = settings.parallel_processing

    def ends_execution(self, trigger: Trigger, outcome: Outcome) -> bool:
        """Tell whether the rest of the batch is cancelled after this end of a task."""
        if trigger not in _FOR_GOOD:
            return False
        return self.is_unisolated(outcome) or self.stops_at_a_failure

    @property
    def stops_at_a_failure(self) -> bool:
        """Whether the first task that fails ends the execution (`continue_on_error: false`)."""
        return not self._processing.error_handling.continue_on_error

    def is_unisolated(self, outcome: Outcome) -> bool:
        """Tell whether an agent raised and its exceptions end the execution (`error_isolation: false`)."""
        return isinstance(outcome, Failed) and not self._processing.error_handling.error_isolation

    def judge(self, ready: ReadyTask, outcome: Outcome) -> Verdict:
        """Decide what follows when the attempt after `ready` ended with `outcome`."""
        standing = Standing(charged=ready.charged + 1, losses=ready.losses, final_round=ready.final_round)
        return decide(outcome, standing, self._policy(ready, outcome), self._random())

    def describe(self, outcome: Outcome) -> ErrorRecord | None:
        """Say what went wrong, for the journal; None where nothing did."""
        return describe(outcome)

    def _policy(self, ready: ReadyTask, outcome: Outcome) -> RetryPolicy:
        delay_s = self._processing.task_queue.task_retry_delay_seconds
        if self.is_unisolated(outcome):
            return RetryPolicy(retry_attempts=0, delay_s=delay_s)
        return RetryPolicy(
            retry_attempts=ready.task.retry_attempts,
            delay_s=delay_s,
            fallback=self._processing.error_handling.fallback_strategy,
        )
