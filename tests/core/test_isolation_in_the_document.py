from __future__ import annotations

import pytest

from parallel_agents.core.session import is_isolated
from parallel_agents.core.settings import IsolationLevel


@pytest.mark.parametrize(
    ("effective", "isolated"),
    [
        ({"memory": "rlimit_data+rss_guard", "files": "none", "network": "none", "kill": "process_group"}, True),
        ({"memory": "none", "kill": "process_group"}, False),
        ({"memory": "rlimit_data+rss_guard", "kill": "cooperative"}, False),
        ({}, False),
    ],
)
def test_isolation_is_what_the_worker_had_and_not_what_was_asked(effective: dict[str, str], isolated: bool) -> None:
    assert is_isolated(effective) is isolated


@pytest.mark.parametrize(
    ("asked", "got", "isolated"),
    [
        ("coroutine", "coroutine", True),
        ("coroutine", "thread", True),
        ("coroutine", "process", True),
        ("thread", "thread", True),
        ("thread", "coroutine", False),
        ("process", "coroutine", False),
        ("process", "thread", False),
    ],
)
def test_workers_that_are_shared_are_what_was_asked_for_only_where_that_was_asked_for(
    asked: IsolationLevel, got: str, isolated: bool
) -> None:
    memory, kill = ("rss_guard", "process_group") if got == "process" else ("none", "cancel_then_worker")
    assert is_isolated({"level": got, "memory": memory, "kill": kill}, asked) is isolated
    assert not is_isolated({}, asked)
