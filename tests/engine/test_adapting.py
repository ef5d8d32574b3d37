"""The limit follows what was seen, within its bounds, and every change is told."""

from __future__ import annotations

from parallel_agents.core.adaptation import Step
from parallel_agents.engine.adapting import Adapting
from parallel_agents.engine.limits import Limits


class Quiet:
    """A machine with nothing else to do."""

    def __init__(self) -> None:
        self.cpu = 5.0

    def cpu_percent(self) -> float:
        return self.cpu

    def memory_percent(self) -> float:
        return 20.0


class Scene:
    """A limit under adaptation, and a clock that is moved by hand."""

    def __init__(self, bounds: tuple[int, int] | None) -> None:
        self.now = 0.0
        self.told: list[Step] = []
        self.limits = Limits(10)
        self.machine = Quiet()
        self.adapting = Adapting(
            self.limits, bounds, monotonic=lambda: self.now, tell=self.told.append, machine=self.machine
        )

    def fill(self) -> int:
        """Let everybody in who is admitted, and one more ask."""
        started = 0
        while self.limits.admits("exec", "agent"):
            self.limits.acquire("exec", "agent")
            started += 1
        return started

    def round(self, duration_s: float = 1.0) -> None:
        """All that run end after the same time, the next ones are let in, the limit is looked at, and filled again."""
        self.now += duration_s
        for _ in range(self.limits.running):
            self.adapting.settled(duration_s * 1000)
            self.limits.release("exec", "agent")
        self.fill()
        self.adapting.look()
        self.fill()


def test_without_bounds_the_limit_is_what_it_is() -> None:
    scene = Scene(None)
    assert scene.fill() == 10
    scene.round()
    assert (scene.limits.adapted, scene.told) == (None, [])


def test_it_begins_low_grows_with_the_throughput_and_tells_each_step() -> None:
    scene = Scene((1, 10))
    assert scene.fill() == 1
    for _ in range(4):
        scene.round()
    assert [step.at_once for step in scene.told] == [2, 4, 8, 10]
    assert all("every slot was taken" in step.reason for step in scene.told)
    assert scene.limits.adapted == 10


def test_a_busy_machine_takes_slots_back() -> None:
    scene = Scene((1, 10))
    scene.fill()
    for _ in range(3):
        scene.round()
    scene.machine.cpu = 95.0
    scene.round()
    assert scene.told[-1].at_once == 6
    assert "CPU is at 95 %" in scene.told[-1].reason


def test_switched_off_the_whole_limit_is_back_and_on_again_it_begins_anew() -> None:
    scene = Scene((2, 10))
    scene.fill()
    scene.adapting.change(None)
    assert scene.fill() == 8
    scene.adapting.change((3, 10))
    assert scene.limits.adapted == 3
    assert not scene.limits.admits("exec", "agent")


def test_nothing_is_looked_at_while_nothing_runs() -> None:
    scene = Scene((1, 10))
    scene.now = 100.0
    scene.adapting.look()
    assert scene.told == []
