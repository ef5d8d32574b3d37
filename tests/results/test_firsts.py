"""Every way to remember first claims behaves the same, however many there are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parallel_agents.core.firsts import Firsts, RememberedFirsts
from parallel_agents.distinct import StoredFirsts

MOST = 2**63 - 1


@pytest.fixture(params=["remembered", "stored at once", "stored later", "not stored yet"])
def firsts(request: pytest.FixtureRequest) -> Generator[Firsts]:
    made = {"stored at once": 0, "stored later": 3, "not stored yet": 1000}
    if request.param == "remembered":
        yield RememberedFirsts()
    else:
        with StoredFirsts(in_memory=made[request.param]) as stored:
            yield stored


def test_the_first_claimant_keeps_a_number(firsts: Firsts) -> None:
    assert firsts.claim(7, "a") is None
    assert firsts.claim(7, "b") == "a"
    assert firsts.claim(7, "a") == "a"
    assert [firsts.claim(number, "") for number in (0, MOST, 8, 9, 0, MOST)] == [None, None, None, None, "", ""]
    assert firsts.claim(7, "c") == "a"


@given(
    st.lists(st.tuples(st.integers(0, 20) | st.integers(0, MOST), st.text(max_size=3)), max_size=60), st.integers(0, 9)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_memory_and_file_agree_on_every_sequence(claims: list[tuple[int, str]], in_memory: int) -> None:
    remembered = RememberedFirsts()
    with StoredFirsts(in_memory=in_memory) as stored:
        for number, claimant in claims:
            name = claimant.encode("utf-8", "ignore").decode()
            assert stored.claim(number, name) == remembered.claim(number, name)


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path) -> None:
    program = (
        "from parallel_agents.distinct import StoredFirsts\n"
        "firsts = StoredFirsts(in_memory=0)\n"
        "[firsts.claim(number * 7919, str(number) * 20) for number in range(50000)]\n"
        "import os; os._exit(0)\n"
    )
    environ = {**os.environ, "TMPDIR": str(tmp_path), "SQLITE_TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []
