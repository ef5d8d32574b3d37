"""How many attempts may run at once: over all, per execution, per agent and per isolation level."""

from __future__ import annotations

from collections import Counter

from parallel_agents.core.settings import LEVELS, Level, Settings


class Limits:
    """Counts running attempts against their caps. A name without a cap is bounded by the overall cap alone.

    `adapted` is a lower overall cap that is adjusted on the way, None where none is. `was_full` is set when the overall
    cap refused somebody; whoever wants to know takes it off.
    """

    def __init__(self, overall: int) -> None:
        self.overall = overall
        self.adapted: int | None = None
        self.was_full = False
        self._caps: dict[tuple[str, str], int] = {}
        self._running: Counter[tuple[str, str]] = Counter()
        self._total = 0
        self._default_level: str = "process"

    def change(self, settings: Settings) -> None:
        """Go by the overall cap of these settings, and by theirs of each level."""
        processing, workers = settings.parallel_processing, settings.aiomultiprocess_settings.max_workers
        self.overall = overall_of(settings)
        self._default_level = processing.context_isolation.isolation_level
        for level in LEVELS:
            most = processing.most_at(level)
            self._caps["level", level] = min(most, workers) if level == "process" else most

    def cap_execution(self, execution_id: str, at_most: int) -> None:
        """Set the cap of an execution."""
        self._caps["execution", execution_id] = at_most

    def cap_agent(self, agent: str, at_most: int | None) -> None:
        """Set the cap of an agent over all executions; None takes it off."""
        if at_most is None:
            self._caps.pop(("agent", agent), None)
        else:
            self._caps["agent", agent] = at_most

    def forget(self, execution_id: str) -> None:
        """Drop the cap of an execution that has ended."""
        self._caps.pop(("execution", execution_id), None)

    @property
    def running(self) -> int:
        """Attempts that run now."""
        return self._total

    def calling(self, model: str) -> int:
        """Attempts that run now and call this model."""
        return self._running["model", model]

    def admits(self, execution_id: str, agent: str, level: Level | None = None, model: str | None = None) -> bool:
        """Tell whether one more attempt may start; `level` is the agent's own, None for the configured one.

        Its model is counted, and has no cap here: its lane has.
        """
        if self._total >= min(self.overall, self.adapted or self.overall):
            self.was_full = True
            return False
        names = self._names(execution_id, agent, level, model)
        return all(self._running[name] < self._caps.get(name, self.overall) for name in names)

    def acquire(self, execution_id: str, agent: str, level: Level | None = None, model: str | None = None) -> None:
        """Count an attempt in."""
        self._total += 1
        self._running.update(self._names(execution_id, agent, level, model))

    def release(self, execution_id: str, agent: str, level: Level | None = None, model: str | None = None) -> None:
        """Count an attempt out."""
        self._total -= 1
        for name in self._names(execution_id, agent, level, model):
            self._running[name] -= 1
            if not self._running[name]:
                del self._running[name]

    def _names(
        self, execution_id: str, agent: str, level: Level | None, model: str | None
    ) -> tuple[tuple[str, str], ...]:
        names = ("execution", execution_id), ("agent", agent), ("level", level or self._default_level)
        return names if model is None else (*names, ("model", model))


def overall_of(settings: Settings) -> int:
    """Most attempts at once over all, as the settings say."""
    processing = settings.parallel_processing
    return processing.most_at_once if processing.enabled else 1


def limits_of(settings: Settings) -> Limits:
    """The caps that the settings give."""
    limits = Limits(overall_of(settings))
    limits.change(settings)
    return limits
