"""What to do about a failure: the one place that policies of retry and fallback are asked."""

from __future__ import annotations

from collections.abc import Callable

from parallel_agents.core.outcome import ErrorRecord, Outcome, describe
from parallel_agents.core.retry import RetryPolicy, Standing, Verdict, decide
from parallel_agents.core.settings import Settings
from parallel_agents.core.task import ReadyTask


class ErrorHandlingManager:
    """Judges outcomes by the settings of the execution that they belong to."""

    def __init__(self, settings: Settings, random: Callable[[], float]) -> None:
        self._processing = settings.parallel_processing
        self._random = random

    @property
    def continues_on_error(self) -> bool:
        """Whether the rest of a batch goes on when one task has failed for good."""
        return self._processing.error_handling.continue_on_error

    def judge(self, ready: ReadyTask, outcome: Outcome) -> Verdict:
        """Decide what follows when the attempt after `ready` ended with `outcome`."""
        standing = Standing(charged=ready.charged + 1, losses=ready.losses, final_round=ready.final_round)
        policy = RetryPolicy(
            retry_attempts=ready.task.retry_attempts,
            delay_s=self._processing.task_queue.task_retry_delay_seconds,
            fallback=self._processing.error_handling.fallback_strategy,
        )
        return decide(outcome, standing, policy, self._random())

    def describe(self, outcome: Outcome) -> ErrorRecord | None:
        """Say what went wrong, for the journal; None where nothing did."""
        return describe(outcome)
