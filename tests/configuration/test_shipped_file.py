"""The shipped configuration file: the specification's keys, all of them, at their defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
from ruamel.yaml import YAML

from parallel_agents.configuration import DEFAULT_PATH, load
from parallel_agents.core.settings import Settings

SHIPPED = Path(__file__).parents[2] / DEFAULT_PATH
KEY = re.compile(r"^ *(?P<name>[a-z_]+):")
HAN = re.compile(r"[\u4e00-\u9fff]")


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for key, inner in cast("dict[str, object]", value).items():
            yield from leaves(inner, (*path, key))
    else:
        yield path


def test_the_shipped_file_is_exactly_the_defaults() -> None:
    assert load(SHIPPED, {}) == Settings()


def test_the_shipped_file_names_every_key() -> None:
    parser: Any = YAML(typ="safe", pure=True)
    written = parser.load(SHIPPED.read_text(encoding="utf-8"))
    assert set(leaves(written)) == set(leaves(msgspec.to_builtins(Settings())))


def test_every_key_of_the_shipped_file_is_explained_in_both_languages() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    described = {"max_concurrent", "timeout_seconds", "retry_attempts", "context_size_mb"}  # once, above agent_configs
    for number, line in enumerate(lines):
        found = KEY.match(line)
        if found is None or line.endswith(":") or found["name"] in described:
            continue
        comment = lines[number - 1].strip()
        assert comment.startswith("#"), f"line {number + 1}: {line.strip()} has no comment above it"
        both = comment + lines[number - 2].strip() if lines[number - 2].startswith("#") else comment
        assert HAN.search(both), f"line {number + 1}: {line.strip()} is not explained in Chinese"
        assert re.search(r"[a-z]{3}", both), f"line {number + 1}: {line.strip()} is not explained in English"
