"""What a plain model of the journal knows of the tasks of one execution."""

from __future__ import annotations

import msgspec

from parallel_agents.core.states import SETTLED, State, Transition, Trigger, charged_after, move, sources

OPEN = set(State) - SETTLED
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
    is_unbound: bool = False
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


class Model(list[Known]):
    """All of them, by number, and what one says of another."""

    def is_ready(self, known: Known) -> bool:
        return self._waits_for_no_other(known) and not known.is_unbound

    def waits_for_its_input(self, known: Known) -> bool:
        return self._waits_for_no_other(known) and known.is_unbound

    def _waits_for_no_other(self, known: Known) -> bool:
        return known.state is State.PENDING and all(self[on].state is State.COMPLETED for on in known.depends_on)

    def below(self, task: int) -> set[int]:
        """Everything that depends on a task, also through others."""
        direct = {number for number, known in enumerate(self) if task in known.depends_on}
        return direct.union(*map(self.below, direct))

    def above(self, task: int) -> set[int]:
        """Everything that a task depends on, also through others."""
        return set(self[task].depends_on).union(*map(self.above, self[task].depends_on))

    def pass_on(self, task: int, at: float) -> set[int]:
        """What follows for others from the end of a task; those that are skipped."""
        if self[task].state not in SETTLED - {State.COMPLETED}:
            return set()
        skipped = {number for number in self.below(task) if self[number].state is State.PENDING}
        for number in skipped:
            self[number].take(Trigger.DEPENDENCY_FAILED, at)
            self[number].by_dependency = True
        return skipped

    def reuse(self, answered: set[int], at: float) -> set[int]:
        """What has an earlier result at once: all that was answered and depends on nothing else than such."""
        reused: set[int] = set()
        while more := {n for n in answered - reused if self[n].depends_on <= reused and not self[n].is_unbound}:
            reused |= more
        for number in reused:
            self[number].take(Trigger.REUSED, at)
            self[number].is_reused = True
        return reused

    def hang_together_with(self, chosen: set[int]) -> set[int]:
        """What a retry of these moves: what they depend on too, and what only failed for want of them."""
        ended = {number for number, known in enumerate(self) if known.state in sources(Trigger.RETRIED)}
        wanted = (chosen & ended).union(*(self.above(task) & ended for task in chosen & ended))
        only_for_want = {number for number in ended if self[number].by_dependency}
        revived = set(wanted)
        while more := {n for n in only_for_want - revived if self[n].depends_on & revived}:
            revived |= more
        held = set[int]().union(*(self.below(task) for task in ended - revived))
        return wanted | (revived - held)
