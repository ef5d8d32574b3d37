from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from parallel_agents.core.errors import PoolError
from parallel_agents.workers.workdir import ContextIsolationManager


def test_every_attempt_has_a_private_directory_of_its_own(tmp_path: Path) -> None:
    manager = ContextIsolationManager(root=tmp_path)
    first, second = manager.open("exec-1", "task-1", 1), manager.open("exec-1", "task-1", 2)
    assert first.context_id != second.context_id
    assert first.workdir != second.workdir
    assert Path(first.workdir).stat().st_mode & 0o777 == 0o700
    assert list(Path(first.workdir).iterdir()) == []


def test_closing_removes_everything_and_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("kept", encoding="utf-8")
    manager = ContextIsolationManager(root=tmp_path / "contexts")
    context = manager.open("exec-1", "task-1", 1)
    inside = Path(context.workdir)
    (inside / "link").symlink_to(outside)
    (inside / "deep" / "er").mkdir(parents=True)
    for number in range(200):
        (inside / "deep" / "er" / f"{number}.txt").write_text("x", encoding="utf-8")
    (inside / "deep" / "er").chmod(0o500)
    manager.close(context)
    assert not inside.exists()
    assert (outside / "mine.txt").read_text(encoding="utf-8") == "kept"
    manager.close_all()
    assert list((tmp_path / "contexts").iterdir()) == []


def test_a_plain_users_locked_directories_are_removed_too(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    # Permissions do not bind root, so this runs as nobody.
    program = (
        "import os, sys\n"
        "from parallel_agents.workers.workdir import remove_tree\n"
        "from pathlib import Path\n"
        "os.setuid(65534)\n"
        "top = Path(sys.argv[1]) / 'top'; (top / 'locked').mkdir(parents=True)\n"
        "(top / 'locked' / 'file').write_text('x')\n"
        "(top / 'locked').chmod(0o000)\n"
        "remove_tree(top)\n"
        "print(top.exists())\n"
    )
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents:
        if parent.is_relative_to(tempfile.gettempdir()) and parent != Path(tempfile.gettempdir()):
            parent.chmod(0o755)

    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_with_clean_up_off_directories_stay_and_are_listed(tmp_path: Path) -> None:
    manager = ContextIsolationManager(cleanup_enabled=False, root=tmp_path)
    context = manager.open("exec-1", "task-1", 1)
    manager.close(context)
    manager.close_all()
    assert manager.kept == [context.workdir]
    assert Path(context.workdir).is_dir()


def test_a_place_that_takes_no_directory_is_an_error_of_the_pool(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    manager = ContextIsolationManager(root=tmp_path / "file")
    with pytest.raises(PoolError, match="no private directory"):
        manager.open("exec-1", "task-1", 1)
