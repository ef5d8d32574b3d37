"""An attempt that runs long is told of while it runs."""

from __future__ import annotations

from parallel_agents.cli.progress import line_of
from parallel_agents.core.events import Event, EventType


def test_a_slow_attempt_has_a_line_that_names_its_node_and_the_threshold() -> None:
    event = Event(
        type=EventType.TASK_SLOW,
        execution_id="exec-0000000000000001",
        at=0.0,
        task_id="task-1",
        attempt=2,
        data={"agent": "a", "node_id": "n1", "threshold_s": 60.0, "limit_s": 120.0},
    )
    assert line_of(event) == "slow      node n1: attempt 2 has been running for more than 60 s"
