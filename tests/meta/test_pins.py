"""Pins: one list in two places, exact, complete and without an address."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[0-9][A-Za-z0-9.+!]*)( ; [a-z_]+ .+)?")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def constraints() -> list[str]:
    return (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def wanted(tables: dict[str, Any]) -> Iterator[str]:
    """Every requirement that the project, its extras and its groups name."""
    yield from tables["project"]["dependencies"]
    for group in (*tables["project"]["optional-dependencies"].values(), *tables["dependency-groups"].values()):
        yield from (requirement for requirement in group if isinstance(requirement, str))


def normal(requirement: str) -> str:
    found = NAME.match(requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def test_both_installers_obey_the_same_pins() -> None:
    assert constraints() == project()["tool"]["uv"]["constraint-dependencies"]


def test_every_pin_is_a_name_an_exact_version_and_perhaps_a_marker() -> None:
    assert constraints()
    assert [line for line in constraints() if not PIN.fullmatch(line)] == []


def test_everything_that_is_asked_for_is_pinned() -> None:
    pinned = {normal(line) for line in constraints()}
    own = normal(project()["project"]["name"])
    assert {normal(requirement) for requirement in wanted(project())} - {own} - pinned == set()


def test_this_project_is_not_pinned_to_a_package_of_its_name() -> None:
    # The registry has a package of the same name that is not this project.
    assert normal(project()["project"]["name"]) not in {normal(line) for line in constraints()}


def test_no_lock_file_with_addresses_is_kept() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "uv.lock" in ignored
