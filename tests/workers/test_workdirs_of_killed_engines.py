"""What a killed engine left in the place for temporary files is removed by the next one, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pathlib import Path
from parallel_agents.workers.workdir import ContextIsolationManager

manager = ContextIsolationManager(cleanup_enabled="--keep" not in sys.argv)
manager.clear_abandoned()
context = manager.open("exec-1", "task-1", 1)
Path(context.workdir, "notes.txt").write_text("private")
if "--keep" in sys.argv:
    manager.close(context)
print(Path(context.workdir).parent, flush=True)
sys.stdin.readline()
manager.close_all()
"""


@contextmanager
def engine(folder: Path, *arguments: str) -> Generator[tuple[subprocess.Popen[str], Path]]:
    """A process that has a work directory, and the root that it stands in."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
    finally:
        process.kill()
        process.communicate(timeout=20)


def killed(folder: Path, *arguments: str) -> Path:
    with engine(folder, *arguments) as (process, root):
        process.kill()
        process.wait(timeout=20)
        assert (next(root.glob("ctx-*")) / "notes.txt").read_text(encoding="utf-8") == "private"
        return root


def one_more(folder: Path) -> None:
    with engine(folder) as (process, root):
        assert root.is_dir()
        process.communicate("\n", timeout=20)
        assert process.returncode == 0
        assert not root.exists()


@pytest.mark.faults
def test_the_next_engine_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    left = killed(tmp_path)
    one_more(tmp_path)
    assert not left.exists()


@pytest.mark.faults
def test_an_engine_that_lives_keeps_its_directories_while_another_starts(tmp_path: Path) -> None:
    with engine(tmp_path) as (_, root):
        one_more(tmp_path)
        assert [path.name for path in root.glob("ctx-*/*")] == ["notes.txt"]


@pytest.mark.faults
def test_what_was_kept_for_the_user_stays_though_its_engine_was_killed(tmp_path: Path) -> None:
    kept = killed(tmp_path, "--keep")
    one_more(tmp_path)
    assert [path.name for path in kept.glob("ctx-*/*")] == ["notes.txt"]


@pytest.mark.faults
def test_neither_a_link_nor_an_unmarked_directory_is_touched(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    elsewhere = killed(tmp_path / "elsewhere")
    (tmp_path / "parallel-agents-link").symlink_to(elsewhere)
    (tmp_path / "parallel-agents-mine").mkdir()
    one_more(tmp_path)
    assert elsewhere.is_dir()
    assert (tmp_path / "parallel-agents-mine").is_dir()
