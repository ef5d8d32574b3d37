"""The sole writer of outcomes: what an attempt's end means for its task, and the fenced write of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from parallel_agents.core.outcome import Outcome, Succeeded, describe
from parallel_agents.core.retry import Verdict
from parallel_agents.core.settlement import Settlement
from parallel_agents.core.states import Trigger
from parallel_agents.core.task import ReadyTask
from parallel_agents.engine.attempt import AttemptEnd
from parallel_agents.engine.failures import ErrorHandlingManager
from parallel_agents.ports.journal import Journal

_ENDED_BY_FALLBACK = {Trigger.GAVE_UP: "fail", Trigger.SKIPPED: "skip"}


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement and what the journal said to it (`ports.journal.Landing`)."""

    settlement: Settlement
    landed: bool
    skipped: tuple[str, ...] = ()
    freed: bool = False


class Settler:
    """Decides what follows from an attempt and writes it. `steady` is the clock by which tasks are due."""

    def __init__(self, journal: Journal, *, now: Callable[[], float], steady: Callable[[], float]) -> None:
        self._journal = journal
        self._now = now
        self._steady = steady

    async def settle(self, ready: ReadyTask, end: AttemptEnd, errors: ErrorHandlingManager) -> Settled:
        """Write how the attempt after `ready` ended. Durable when it returns."""
        verdict = errors.judge(ready, end.outcome)
        due_at = None if verdict.delay_s is None else self._steady() + verdict.delay_s
        settlement = _settlement(ready, end, verdict, self._now(), due_at)
        landing = await self._journal.settle(settlement)
        return Settled(settlement=settlement, landed=landing.landed, skipped=landing.skipped, freed=landing.freed)


def _settlement(ready: ReadyTask, end: AttemptEnd, verdict: Verdict, now: float, due_at: float | None) -> Settlement:
    outcome = end.outcome
    accepted = outcome if isinstance(outcome, Succeeded) else None
    return Settlement(
        key=ready.key,
        attempt=ready.attempt + 1,
        trigger=verdict.trigger,
        at=now,
        outcome=_tag(outcome),
        error=describe(outcome),
        due_at=due_at,
        final_round=verdict.final_round,
        lost_worker=verdict.lost_worker,
        output=accepted.output if accepted else None,
        result_status=accepted.status if accepted else None,
        result_reason=accepted.reason if accepted else None,
        fallback="retry" if verdict.final_round else _ENDED_BY_FALLBACK.get(verdict.trigger, "none"),
        duration_ms=end.duration_ms,
        kept_workdir=end.kept_workdir,
        usage=end.usage,
        calls=end.calls,
    )


def _tag(outcome: Outcome) -> str:
    return str(outcome.__struct_config__.tag)
