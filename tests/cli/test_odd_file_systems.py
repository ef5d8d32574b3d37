"""Results on file systems that are full, or that have no links."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

# Installs a seccomp filter under which link(2) and linkat(2) answer EPERM, as vfat, exFAT and many network mounts do.
WITHOUT_LINKS = """
import asyncio, ctypes, json, os, struct, sys
from pathlib import Path
from parallel_agents.result_files import write_new

def install(numbers):
    code = [(0x20, 0, 0, 0)]
    for at, number in enumerate(numbers):
        code.append((0x15, len(numbers) - at, 0, number))
    code += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 | 1)]
    packed = b"".join(struct.pack("HBBI", *line) for line in code)
    program = ctypes.create_string_buffer(packed)
    header = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, header, 0, 0) == 0, ctypes.get_errno()

folder = Path(sys.argv[1])
install({"x86_64": [86, 265], "aarch64": [37]}[os.uname().machine])
try:
    os.link(folder / "mine.json", folder / "never.json")
except PermissionError:
    pass
else:
    sys.exit("links still work")

async def fill(path, file):
    file.write(json.dumps({"name": path.name}).encode())

async def main():
    print((await write_new(folder / "mine.json", fill)).name, (await write_new(folder / "new.json", fill)).name)

asyncio.run(main())
"""


@pytest.mark.faults
@pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="the filter knows two machines")
def test_where_there_are_no_links_a_file_is_still_whole_and_replaces_none(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("mine", encoding="utf-8")
    command = [sys.executable, "-c", WITHOUT_LINKS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["mine-2.json", "new.json"], done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine-2.json", "mine.json", "new.json"]
    assert (tmp_path / "mine.json").read_text(encoding="utf-8") == "mine"
    assert json.loads((tmp_path / "new.json").read_text(encoding="utf-8")) == {"name": "new.json"}
    assert (tmp_path / "new.json").stat().st_mode & 0o777 == (tmp_path / "mine.json").stat().st_mode & 0o777


def test_a_place_for_temporary_files_whose_path_is_too_long_for_sockets_is_named(tmp_path: Path) -> None:
    place = tmp_path / ("long" * 30)
    place.mkdir()
    tasks = tmp_path / "tasks.jsonl"
    material = {"material_content": "Euler walked over seven bridges. Each was crossed once.", "topic": "graphs"}
    tasks.write_text(json.dumps({"agent_name": "oral-explanation", "input_data": material}), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "parallel_agents", "run", str(tasks), "--model", "offline", "--journal", "j.sqlite3"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert (
        f"TMPDIR {str(place)!r} is too long a path for the sockets of workers. Set it to a shorter one" in done.stderr
    )
    assert "Traceback" not in done.stderr
