"""How long an execution has still to go, estimated from nothing but what was observed of it."""

from __future__ import annotations


class Pace:
    """Hears of attempts that start and end. Times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._running: dict[str, float] = {}
        self._spent_s = 0.0
        self.attempts = 0
        self._settled = 0

    def started(self, task_id: str, now: float) -> None:
        """An attempt of a task has started."""
        self._since = now if self._since is None else self._since
        self._running[task_id] = now

    def ended(self, task_id: str, now: float, *, settled: bool) -> None:
        """The attempt of a task has ended, and with `settled` the task too. One that nobody saw start is no measure."""
        start = self._running.pop(task_id, None)
        if start is None:
            return
        self._spent_s += now - start
        self.attempts += 1
        self._settled += settled

    def left_s(self, remaining: int, now: float) -> float | None:
        """Estimate the seconds until `remaining` tasks (those that run among them) are settled.

        The mean duration of the attempts observed, times the attempts that a task took, over the mean number that ran
        at once. None until a task was seen from start to end.
        """
        if self._since is None or not self._settled:
            return None
        if remaining <= 0:
            return 0.0
        mean_s = self._spent_s / self.attempts
        elapsed = [now - start for start in self._running.values()]
        wall_s, busy_s = now - self._since, self._spent_s + sum(elapsed)
        if wall_s <= 0 or busy_s <= 0:
            return 0.0
        work_s = max(
            0.0, remaining * mean_s * self.attempts / self._settled - sum(min(spent, mean_s) for spent in elapsed)
        )
        # Over the mean number that ran at once, busy_s / wall_s; no more can run at once than are left.
        return max(work_s / busy_s * wall_s, work_s / remaining)
