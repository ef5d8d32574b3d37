from __future__ import annotations

import pytest

from parallel_agents.core.document import is_isolated


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
