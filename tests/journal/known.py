"""What a plain model of the journal knows of one task."""

from __future__ import annotations

import msgspec

from parallel_agents.core.states import SETTLED, State, Transition, Trigger, charged_after, move

REACHED: set[Transition] = set()
"""Rows of the table that the machines have gone through."""


class Known(msgspec.Struct):
    """What the model knows of one task."""

    state: State = State.PENDING
    charged: int = 0
    losses: int = 0
    engine_losses: int = 0
    final_round: bool = False
    due_at: float | None = None
    completed_at: float | None = None
    depends_on: frozenset[int] = frozenset()
    by_dependency: bool = False
    is_reused: bool = False
    attempts: list[tuple[str | None, bool]] = msgspec.field(default_factory=list[tuple[str | None, bool]])

    def take(self, trigger: Trigger, at: float, outcome: str | None = None) -> None:
        step = move(self.state, trigger)
        REACHED.add(step)
        if self.state is State.RUNNING:
            self.attempts[-1] = (outcome, step.charge != "refund")
        self.by_dependency = False
        self.state = step.target
        self.charged = charged_after(self.charged, step.charge)
        self.due_at = None
        self.completed_at = at if step.target in SETTLED else None
