from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.journal.scene import bare, counts_of, records_of

from parallel_agents.journal import SqliteJournal

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "tests.journal.children"]
KILLS = 20

pytestmark = pytest.mark.faults


def opened(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path)
    journal.start()
    return journal


def integrity_of(path: Path) -> str:
    connection = bare(path)
    found = connection.pragma("integrity_check")
    connection.close()
    return found


def killed_after(acknowledged: int, path: Path, execution_id: str) -> list[int]:
    """Kill -9 the program once it has acknowledged so many; return all keys that it acknowledged."""
    arguments = ["settle", str(path), execution_id, "1500"]
    with subprocess.Popen([*PROGRAM, *arguments], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        lines += process.stdout.readlines()
    return [int(line) for line in lines if line.endswith(b"\n")]


def in_a_private_mount(script: str, *arguments: str) -> str:
    """Run a shell script that mounts; what it mounts nobody else sees."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("the kernel refuses a private mount namespace (it takes root or CAP_SYS_ADMIN)")
    command = ["unshare", "-m", "sh", "-e", "-c", script, "sh", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def all_settled_by(path: Path, *execution_ids: str) -> dict[str, list[int]]:
    """Run one program per execution, all at once; return the keys that each acknowledged."""
    children = {
        execution_id: subprocess.Popen(
            [*PROGRAM, "settle", str(path), execution_id, "800"], cwd=ROOT, stdout=subprocess.PIPE
        )
        for execution_id in execution_ids
    }
    said = {execution_id: child.communicate(timeout=60)[0] for execution_id, child in children.items()}
    assert {child.returncode for child in children.values()} == {0}
    return {execution_id: [int(key) for key in lines.split()] for execution_id, lines in said.items()}


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    chance = random.Random(20)
    path = tmp_path / "journal.sqlite3"
    acknowledged: dict[str, list[int]] = {}
    for number in range(KILLS):
        execution_id = f"exec-{number:016x}"
        acknowledged[execution_id] = killed_after(chance.randrange(1, 300), path, execution_id)

    journal = opened(path)
    for execution_id, keys in acknowledged.items():
        completed = {one.key: one.output for one in records_of(journal, execution_id) if one.completed_at is not None}
        assert {key: completed.get(key) for key in keys} == {key: b"\xa4" + key.to_bytes(4, "big") for key in keys}
        running = counts_of(journal, execution_id).running
        assert (await journal.adopt(execution_id, 5.0)).taken_back == running
    await journal.aclose()
    assert sum(map(len, acknowledged.values())) >= KILLS
    assert integrity_of(path) == "ok"


async def test_several_processes_write_to_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"

    acknowledged = all_settled_by(path, "exec-one", "exec-two", "exec-three")

    journal = opened(path)
    for execution_id, keys in acknowledged.items():
        assert counts_of(journal, execution_id).completed == len(keys) == 800
        assert {one.key for one in records_of(journal, execution_id)} == set(keys)
    await journal.aclose()
    assert integrity_of(path) == "ok"


def test_a_full_disk_is_told_and_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=2m none "$1"; exec "$2" -m tests.journal.children fill_the_disk "$1"'

    told = json.loads(in_a_private_mount(script, str(tmp_path), sys.executable))

    acknowledged, refusals = told["acknowledged"], told["refusals"]
    assert len(acknowledged) > 5
    assert len(acknowledged) + len(refusals) == told["readable"] == 300
    assert {"the disk is full" in refusal for refusal in refusals} == {True}
    assert told["kept"] == acknowledged


def test_nothing_is_written_behind_a_write_that_the_disk_refused(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=2m none "$1"; exec "$2" -m tests.journal.children overfill_the_disk "$1"'

    landed = json.loads(in_a_private_mount(script, str(tmp_path), sys.executable))["landed"]

    assert len(landed) == 1100
    assert landed == sorted(landed, reverse=True)
    assert not landed[-1]


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o ro none "$1"; exec "$2" -m tests.journal.children start "$1/journal.sqlite3"'

    told = in_a_private_mount(script, str(tmp_path), sys.executable)

    assert told.startswith(f"journal {tmp_path}/journal.sqlite3: it cannot be opened for writing")
    assert "--journal" in told


async def test_a_journal_that_cannot_be_written_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    await opened(path).aclose()
    before = path.read_bytes()
    script = 'mount --bind -o ro "$1" "$1"; exec "$2" -m tests.journal.children start "$1/journal.sqlite3"'

    told = in_a_private_mount(script, str(tmp_path), sys.executable)

    assert told.startswith(f"journal {path}: it cannot be opened for writing")
    assert path.read_bytes() == before
