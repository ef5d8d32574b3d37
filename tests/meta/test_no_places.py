"""No file that git keeps names a package registry's host or a path of somebody's machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Written backwards, so that this file does not name them either.
HOSTS = [
    name[::-1]
    for name in (
        "gro.ipyp",
        "gro.detsohnohtyp",
        "gro.sjmpn.yrtsiger",
        "moc.gkpnray.yrtsiger",
        "gro.naibed.bed",
        "moc.utnubu.evihcra",
        "gro.adnocana",
    )
]
# Where this checkout lies, and where checkouts of others may; temporary folders are written about on purpose.
FOLDERS = ({ROOT.parts[1], "root", "Users", "mnt", "opt"}) - {"tmp", "home", "var"}
HOMES = [f"/{folder}/" for folder in sorted(FOLDERS)]
HOME = re.compile(r"(?<![\w.~-])(?:" + "|".join(HOMES) + r")[\w.-]+|\b[A-Z]:[\\/](?:Users|Documents)\b")


def kept() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout: what belongs to it is not known")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def lines() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in kept():
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
        except UnicodeDecodeError:  # not text
            continue
        found += [(f"{path.relative_to(ROOT)}:{number}", line) for number, line in enumerate(text.splitlines(), 1)]
    return found


def test_no_registry_is_named() -> None:
    assert [f"{place}: {line}" for place, line in lines() if any(host in line.lower() for host in HOSTS)] == []


def test_no_path_of_a_machine_is_named() -> None:
    assert [f"{place}: {line}" for place, line in lines() if HOME.search(line)] == []


@pytest.mark.parametrize("home", HOMES)
def test_a_path_of_a_machine_would_be_seen(home: str) -> None:
    assert HOME.search(f'see "{home}somebody/notes.txt"')
