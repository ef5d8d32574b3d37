"""What a chaos run will do: every choice of it is drawn from its seed."""

from __future__ import annotations

import random
from typing import Any, Literal

import msgspec

from parallel_agents.chaos.work import task_id
from parallel_agents.core.errors import InputError

FIRST, LAST = 0.02, 0.8
"""Kills fall between these shares of the batch, so that one finds work before it and work after it."""
LEAST_TASKS = 100
TASKS_TO_ONE_KILL = 4
LONGEST_DELAY_S = 0.05
LONGEST_PAUSE_S = 0.03
TASKS_TO_ONE_POISON = 200
TASKS_TO_ONE_PROGRAM = 10


class Blow(msgspec.Struct, frozen=True, kw_only=True):
    """One kill: `delay_s` after `settled` tasks have settled. `pick`, from 0 to 1, chooses among the workers."""

    target: Literal["worker", "engine"]
    settled: int
    delay_s: float
    pick: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run. `tasks` are the inputs by number, `poison` the numbers of those that kill their worker."""

    seed: int
    tasks: tuple[dict[str, Any], ...]
    poison: frozenset[int]
    blows: tuple[Blow, ...]

    def count(self, target: Literal["worker", "engine"]) -> int:
        """How many kills of a kind there are."""
        return sum(blow.target == target for blow in self.blows)

    def lines(self, agent: str) -> list[dict[str, Any]]:
        """The batch as lines of a file of tasks."""
        return [
            {"task_id": task_id(number), "agent_name": agent, "input_data": task}
            for number, task in enumerate(self.tasks)
        ]


def draw(*, tasks: int, kills: int, engine_kills: int, seed: int) -> Plan:
    """Draw a plan; the same numbers give the same plan.

    Raises:
        InputError: a number is out of range.
    """
    _check(tasks, kills, engine_kills)
    chance = random.Random(seed)
    poison = frozenset(chance.sample(range(tasks), max(1, tasks // TASKS_TO_ONE_POISON)))
    inputs = tuple(
        {
            "number": number,
            "seed": seed,
            "pause_s": round(chance.uniform(0, LONGEST_PAUSE_S), 4),
            "leaves_a_program": chance.random() * TASKS_TO_ONE_PROGRAM < 1,
            "is_poison": number in poison,
        }
        for number in range(tasks)
    )
    blows = [_blow(chance, "worker", tasks, chance.random()) for _ in range(kills)]
    # Spread out: three in a row would, by the rule for poison, put every task in flight into quarantine.
    spread = [(number + chance.random()) / engine_kills for number in range(engine_kills)]
    blows += [_blow(chance, "engine", tasks, share) for share in spread]
    return Plan(
        seed=seed, tasks=inputs, poison=poison, blows=tuple(sorted(blows, key=lambda blow: (blow.settled, blow.pick)))
    )


def _blow(chance: random.Random, target: Literal["worker", "engine"], tasks: int, share: float) -> Blow:
    settled = int((FIRST + (LAST - FIRST) * share) * tasks)
    return Blow(target=target, settled=settled, delay_s=chance.uniform(0, LONGEST_DELAY_S), pick=chance.random())


def _check(tasks: int, kills: int, engine_kills: int) -> None:
    if tasks < LEAST_TASKS:
        raise InputError(f"--tasks must be at least {LEAST_TASKS}, not {tasks}")
    most = tasks // TASKS_TO_ONE_KILL
    for name, count in (("--kills", kills), ("--engine-kills", engine_kills)):
        if not 0 <= count <= most:
            raise InputError(f"{name} must be from 0 to {most} for {tasks} tasks, not {count}")
