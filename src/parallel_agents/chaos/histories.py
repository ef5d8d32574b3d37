"""The history of each task, walked move by move."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from parallel_agents.chaos.records import MoveRow, TaskRow
from parallel_agents.core.retry import ENGINE_LOSS_LIMIT
from parallel_agents.core.states import SETTLED

DISCARDED = "result_discarded"
_SETTLED = frozenset(state.value for state in SETTLED)


class Life(msgspec.Struct, kw_only=True):
    """What the history says of one task. `is_whole` tells that every move starts where the one before it ended."""

    state: str | None = None
    attempt: int = 0
    settled: int = 0
    late: int = 0
    worker_losses: int = 0
    engine_losses: int = 0
    is_whole: bool = True
    last: str = ""

    def take(self, move: MoveRow) -> None:
        """Follow one move."""
        if move.trigger == DISCARDED:
            self.late += 1
            self.is_whole &= move.source == move.target == self.state
            return
        if move.trigger == "started":
            self.attempt += 1
        # A settlement for another attempt than the running one is what the fence is there to refuse.
        self.is_whole &= move.source == self.state and move.attempt == self.attempt
        self.settled += move.target in _SETTLED
        self.worker_losses += move.trigger == "worker_lost"
        self.engine_losses += move.trigger == "engine_lost"
        self.state, self.last = move.target, move.trigger

    def agrees_with(self, row: TaskRow) -> bool:
        """Tell whether the row of the task is where the history ends."""
        return self.is_whole and self.state == row.state and self.attempt == row.attempt

    def deserves_quarantine(self, row: TaskRow) -> bool:
        """Tell whether, with the loss that ended it, this task was lost as often as the rule says."""
        return self.worker_losses >= row.retry_attempts or self.engine_losses + 1 >= ENGINE_LOSS_LIMIT


def lives_of(moves: Iterable[MoveRow]) -> dict[int, Life]:
    """Walk the whole history; one life for every task in it."""
    lives: dict[int, Life] = {}
    for move in moves:
        lives.setdefault(move.key, Life()).take(move)
    return lives
