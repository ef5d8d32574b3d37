"""How many calls a provider takes at once: found out by trying, remembered, and given up slowly.

Times are seconds of one clock that never goes back, and come from the caller.
"""

from __future__ import annotations

START = 8
_BUSY = 0.8
_CUT = 0.75
_DEEPEST = 0.5
_STEP = 0.05
_PATIENCE = 200
_FORGOTTEN_AFTER_S = 300.0
_WINDOW = 20
_SLOWER = 1.4
_FASTER = 1.05
_WEIGHT = 0.1


class Congestion:
    """The limit of calls at once, never above `most`.

    It doubles with each round of answers until the first refusal, is cut once for each burst of refusals, climbs back
    quickly to where it was refused and only seldom beyond, and grows only while it is nearly used up.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = float("inf") if most is None else float(most)
        self._limit = min(float(START), self._most)
        self._ceiling: float | None = None
        self._before: tuple[float, float | None] = (self._limit, None)
        self._together = self._most_seen = 0
        self._was_cut = False
        self._cut_at = float("-inf")
        self._patience = float(_PATIENCE)
        self._calm = 0
        self._gradient = Gradient()

    @property
    def limit(self) -> int:
        """How many may be on their way at once; at least 1."""
        return max(1, int(self._limit + 1e-9))

    def answered(
        self, *, in_flight: int, sent_at: float, at: float, is_first_try: bool = True, is_wanted: bool = True
    ) -> None:
        """Note an answer to a call that was one of `in_flight`.

        It speaks for a higher limit only when the limit was nearly used up, the call was sent after the last cut, and
        nothing had gone wrong with it before; and for one beyond what was refused before only when `is_wanted`, that
        is, when somebody waits for nothing but a place.
        """
        is_busy = in_flight >= _BUSY * self.limit
        factor = self._gradient.factor(at - sent_at, is_busy=is_busy, limit=self.limit, at=at)
        if factor != 1:
            self._limit = min(self._most, max(1.0, self._limit * factor))
            self._ceiling, self._was_cut, self._calm = self._limit, True, 0
        # Answers come later than they used to: no doubling any more, or the limit runs ahead of what can be measured.
        self._was_cut = self._was_cut or self._gradient.is_slower
        if factor == 1 and is_busy and is_first_try and sent_at > self._cut_at:
            self._grow(at, is_wanted=is_wanted)

    def refused(self, *, in_flight: int, sent_at: float, at: float) -> bool:
        """Note that a call was one too many when it left as one of `in_flight`. Tells whether the limit was cut."""
        is_new = sent_at > self._cut_at
        if is_new:
            self._cut_at, self._was_cut, self._calm = at, True, 0
            self._before, self._together, self._most_seen = (self._limit, self._ceiling), 0, 0
        # How many of those that were on their way together were too many shows only when all have come back.
        self._together += 1
        self._most_seen = max(self._most_seen, in_flight)
        limit, ceiling = self._before
        # Half at most: where it was the pace that was too high, few calls in flight say nothing about the limit.
        self._ceiling = max(1.0, self._most_seen - float(self._together), limit / 2)
        self._limit = max(1.0, min(limit * _CUT, self._ceiling))
        is_known = ceiling is not None and self._ceiling >= ceiling * (1 - _STEP)
        if is_new:
            self._patience = 2 * self._patience if is_known else float(_PATIENCE)
        return is_new

    def _grow(self, at: float, *, is_wanted: bool) -> None:
        if self._ceiling is not None and at - self._cut_at > _FORGOTTEN_AFTER_S:
            self._ceiling = None
        if self._ceiling is None:
            step = 1.0 / self._limit if self._was_cut else 1.0
        elif self._limit < self._ceiling:
            step = min(0.5, self._ceiling - self._limit)
        elif is_wanted:
            self._calm += 1
            if self._calm < max(self._patience, 5 * self._limit):
                return
            self._calm = 0
            step = max(1.0, self._limit * _STEP)
        else:
            return
        self._limit = min(self._most, self._limit + step)


class Gradient:
    """Notices a server that never refuses but answers ever later: more at once gives no more answers, only waiting.

    Compares windows of answers given while the limit was used up. A cut is also a question: where the answers do not
    come sooner after it, they take longer for another reason, and the cut is taken back.
    """

    def __init__(self) -> None:
        self._usual_s: float | None = None
        self._best_per_s = 0.0
        self.is_slower = False
        self._cut: tuple[float, float] | None = None
        self._changed_at = float("-inf")
        self._start()

    def factor(self, latency_s: float, *, is_busy: bool, limit: int, at: float) -> float:
        """Note an answer; returns by how much the limit has to change: below 1 a cut, above 1 one taken back."""
        is_busy = is_busy and at - latency_s > self._changed_at
        if not is_busy or self._since is None:
            # The span from this answer on; its own latency belongs to what was before.
            self._start(at if is_busy else None, limit)
            return 1.0
        self._count += 1
        self._sum_s += latency_s
        if self._count < self._size:
            return 1.0
        mean_s, per_s = self._sum_s / self._count, self._count / max(1e-9, at - self._since)
        self._start(at, limit)
        change = self._compare(mean_s, per_s) if self._cut is None else self._check(self._cut, mean_s, per_s)
        if change != 1:
            # What left before the change tells nothing about after it.
            self._changed_at = at
        return change

    def _compare(self, mean_s: float, per_s: float) -> float:
        if self._usual_s is None:
            self._usual_s, self._best_per_s = mean_s, per_s
            return 1.0
        self.is_slower = mean_s > _SLOWER * self._usual_s
        if self.is_slower and per_s < _FASTER * self._best_per_s:
            factor = max(_DEEPEST, self._usual_s / mean_s)
            self._cut = (mean_s, factor)
            return factor
        self._usual_s += _WEIGHT * (mean_s - self._usual_s)
        self._best_per_s = max(per_s, self._best_per_s * (1 - _WEIGHT))
        return 1.0

    def _check(self, cut: tuple[float, float], mean_s: float, per_s: float) -> float:
        before_s, factor = cut
        self._cut = None
        # Fewer at once came only gradually, so a part of what is to be expected will do.
        if mean_s <= before_s * (3 + factor) / 4:
            return 1.0
        self._usual_s, self._best_per_s = mean_s, per_s
        return 1 / factor

    def _start(self, since: float | None = None, limit: int = 0) -> None:
        self._since = since
        self._size = max(_WINDOW, limit // 2)
        self._count = 0
        self._sum_s = 0.0
