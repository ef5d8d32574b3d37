from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.canvas.desk import Disturbed, a_node, adding, hidden_in, ids_in, put_canvas, state_beside

from parallel_agents.canvas.writing import Point, write_canvas
from parallel_agents.core.errors import CanvasWriteError

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "tests.canvas.writers"]
NOT_OF_A_PLAIN_WRITE = {Point.NOTED, Point.FILED, Point.DONE, Point.SWAPPED_BACK}
"""Reached by whoever lands results (see tests/landing), or only when somebody interferes."""

pytestmark = pytest.mark.faults


@pytest.fixture
def path(vault: Path) -> Path:
    return put_canvas(vault / "图.canvas", a_node("甲"), a_node("乙"))


@contextmanager
def held(path: Path, state: Path) -> Generator[subprocess.Popen[str]]:
    """Another process that is in the middle of writing the canvas."""
    process = subprocess.Popen(
        [*PROGRAM, "hold", str(path), str(state)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("point", [point for point in Point if point not in NOT_OF_A_PLAIN_WRITE])
def test_a_killed_writer_leaves_the_old_canvas_or_the_new_one(path: Path, tmp_path: Path, point: Point) -> None:
    old = path.read_bytes()
    done = subprocess.run(
        [*PROGRAM, "die_at", str(point), str(path), str(tmp_path / "state")], cwd=ROOT, timeout=60, check=False
    )
    left = path.read_bytes()

    assert done.returncode == -signal.SIGKILL
    assert (left == old) == (point < Point.SWAPPED)
    assert ids_in(path) == (["甲", "乙"] if left == old else ["甲", "乙", "丙", "丁"])

    write_canvas(path, adding("丙", "丁"), state=state_beside(tmp_path))

    assert ids_in(path) == ["甲", "乙", "丙", "丁"]
    assert hidden_in(path.parent) == []


def test_a_second_writer_waits_for_the_first(path: Path, tmp_path: Path) -> None:
    with held(path, tmp_path / "state") as first:

        def let_it_go_on(_: float) -> None:
            if first.stdin is not None and not first.stdin.closed:
                first.stdin.close()
                first.wait(30)

        write_canvas(path, adding("丁"), state=state_beside(tmp_path), manner=Disturbed().manner(sleep=let_it_go_on))

    assert ids_in(path) == ["甲", "乙", "丙", "丁"]


def test_a_second_writer_gives_up_after_a_while_and_says_why(path: Path, tmp_path: Path) -> None:
    disturbed = Disturbed()
    with held(path, tmp_path / "state"), pytest.raises(CanvasWriteError, match="another process of parallel-agents"):
        write_canvas(path, adding("丁"), state=state_beside(tmp_path), manner=disturbed.manner())

    assert ids_in(path) == ["甲", "乙"]
    assert 29 < sum(disturbed.slept) < 31


def test_another_canvas_is_written_meanwhile(path: Path, tmp_path: Path) -> None:
    other = put_canvas(path.with_name("另.canvas"), a_node("甲"))
    with held(path, tmp_path / "state"):
        write_canvas(other, adding("丁"), state=state_beside(tmp_path))

    assert ids_in(other) == ["甲", "丁"]


def test_a_full_disk_leaves_the_canvas_as_it_was(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("the kernel refuses a private mount namespace (it takes root or CAP_SYS_ADMIN)")
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=1m none "$1"; exec "$2" -m tests.canvas.writers fill_the_disk "$1" "$3"'
    command = ["unshare", "-m", "sh", "-e", "-c", script, "sh"]
    arguments = [str(tmp_path / "disk"), sys.executable, str(tmp_path / "state")]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    said, is_whole, names = done.stdout.splitlines()

    assert "no space left on device" in said
    assert said.endswith("Nothing was changed. Make room and try again.")
    assert (is_whole, names) == ("True", "['room', '图.canvas']")
