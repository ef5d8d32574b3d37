"""Pin every package that this project, its extras and its groups need, in one move.

The same list is written to two places: `[tool.uv] constraint-dependencies` in pyproject.toml, which `uv run` and
`uv sync` obey, and constraints.txt, for `pip install -c`. Both hold names, versions and markers, never an address.

    python scripts/pin.py                      keep the pins there are, add what is missing, drop what is not needed
    python scripts/pin.py --upgrade [NAME ...] move all pins, or those named, to the newest versions
    python scripts/pin.py --check              change nothing; exit 1 when either place is out of date

It needs `uv` on the path.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==[^\s;@]+( ; .+)?")
TABLE = "[tool.uv]\n"
BLOCK = re.compile(r"^constraint-dependencies = \[.*?\]\n", re.MULTILINE | re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; returns the exit code."""
    options = _parser().parse_args(arguments)
    project, constraints = ROOT / "pyproject.toml", ROOT / "constraints.txt"
    text = project.read_text(encoding="utf-8")
    pins = resolve(text, kept_pins(pins_of(text), options.upgrade))
    wanted = {project: with_pins(text, pins), constraints: "".join(f"{pin}\n" for pin in pins)}
    stale = [path for path, content in wanted.items() if _read(path) != content]
    if options.check:
        for path in stale:
            sys.stderr.write(f"{path.name} is out of date: run `python scripts/pin.py`\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    sys.stdout.write(f"{len(pins)} pins, {len(stale)} files written\n")
    return 0


def pins_of(project: str) -> list[str]:
    """Read the pins that stand in the text of a pyproject.toml."""
    return list(tomllib.loads(project).get("tool", {}).get("uv", {}).get("constraint-dependencies", []))


def kept_pins(pins: Iterable[str], upgrade: Sequence[str] | None) -> list[str]:
    """Leave out the pins to move: none without `--upgrade`, all when it names nothing."""
    if upgrade is None:
        return list(pins)
    moved = {_normal(name) for name in upgrade}
    return [pin for pin in pins if moved and _normal(_name(pin)) not in moved]


def with_pins(project: str, pins: Sequence[str]) -> str:
    """Put `pins` in place of those in the text of a pyproject.toml."""
    bare = BLOCK.sub("", project)
    if TABLE not in bare:
        raise SystemExit("pyproject.toml has no [tool.uv] table to hold the pins")
    if not pins:
        return bare
    lines = "".join(f'  "{pin}",\n' for pin in pins)
    return bare.replace(TABLE, f"{TABLE}constraint-dependencies = [\n{lines}]\n", 1)


def resolve(project: str, kept: Sequence[str]) -> list[str]:
    """Resolve all extras and groups for every platform and Python, holding to the `kept` pins.

    Works in an empty directory: `uv pip compile` would take this project's own name, which its extras refer to, for
    the package of that name in the registry.
    """
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "pyproject.toml").write_text(with_pins(project, kept), encoding="utf-8")
        _uv("lock", directory)
        options = ["--all-extras", "--all-groups", "--no-emit-project", "--no-hashes", "--no-header", "--no-annotate"]
        lines = _uv("export", directory, "--frozen", *options).splitlines()
    odd = [line for line in lines if not PIN.fullmatch(line)]
    if odd:
        raise SystemExit(f"not a plain pin (name, version, marker): {odd[0]}")
    return lines


def _uv(command: str, directory: str, *options: str) -> str:
    done = subprocess.run(
        ["uv", command, "--quiet", "--directory", directory, *options], capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        hint = "\nIf a pin stands in the way, move it: `python scripts/pin.py --upgrade NAME`"
        raise SystemExit(f"uv {command} failed:\n{done.stderr.strip()}{hint}")
    return done.stdout


def _name(pin: str) -> str:
    found = PIN.fullmatch(pin)
    if found is None:
        raise SystemExit(f"not a plain pin (name, version, marker): {pin}")
    return found["name"]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pin every package that this project needs.")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="change nothing; exit 1 when a list is out of date")
    action.add_argument("--upgrade", nargs="*", metavar="NAME", help="move all pins, or those named")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
