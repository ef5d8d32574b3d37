"""The shipped configuration file: the specification's keys, all of them, at their defaults."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from parallel_agents.configuration import DEFAULT_PATH, load, load_with_origins
from parallel_agents.configuration.layer import dotted, leaves, paths_in
from parallel_agents.configuration.meanings import Language, general, meanings
from parallel_agents.configuration.reference import reference, variable_of
from parallel_agents.core.settings import ModelSettings, Settings

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / DEFAULT_PATH
HAN = re.compile(r"[\u4e00-\u9fff]")


def test_the_shipped_file_is_exactly_the_defaults() -> None:
    assert load(SHIPPED, {}) == Settings()


def test_the_shipped_file_names_every_key() -> None:
    parser: Any = YAML(typ="safe", pure=True)
    written = parser.load(SHIPPED.read_text(encoding="utf-8"))
    assert {path for path, _ in leaves(written)} == {path for path, _ in leaves(Settings())}


def test_the_file_and_the_pages_are_what_the_table_of_meanings_gives() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write_settings.py"), "--check"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_every_key_and_section_is_explained_in_both_languages_and_no_other() -> None:
    known = meanings()
    expected = {general(path) for path in paths_in(msgspec.to_builtins(Settings())) if not isinstance(path[-1], int)}
    expected |= {f"models.NAME.{name}" for name in ModelSettings.__struct_fields__}
    assert set(known.keys) == expected - {"parallel_processing.agent_configs.NAME"}
    for key, meaning in known.keys.items():
        assert re.search(r"[a-z]{3}", meaning.en), key
        assert HAN.search(meaning.zh), key
        assert "|" not in meaning.en + meaning.zh, f"{key}: would end a cell of the page's table"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_lists_every_key_with_its_variable_and_names_the_deferred_ones(language: Language) -> None:
    page = reference(language)
    for key, meaning in meanings().keys.items():
        assert (meaning.en if language == "en" else meaning.zh) in page
        if meaning.when is not None:
            assert f"`{variable_of(key)}`" in page
    for key, part in meanings().deferred.items():
        (row,) = [line for line in page.splitlines() if f"`{variable_of(key)}`" in line]
        assert part in row


@pytest.mark.parametrize(
    ("key", "kind", "default"),
    [
        ("enabled", "`true` 或 `false`", "true"),
        ("max_tasks_per_worker", "整数（≥ 0）", "4"),
        ("isolation_level", "`container`、`coroutine`、`process`、`thread`", '"process"'),
        ("priority_levels", "列表，至少 1 项", '["urgent", "high", "normal", "low"]'),
        ("NAME.temperature", "数字（≥ 0，≤ 2） 或 null", "null"),
    ],
)
def test_the_page_says_in_chinese_too_what_a_key_takes(key: str, kind: str, default: str) -> None:
    assert f"| `{key}` | {kind} | `{default}` |" in reference("zh")


def test_every_variable_that_the_page_names_sets_its_key() -> None:
    for path, value in leaves(Settings()):
        if "agent_configs" not in path and path != ("models",):
            _, origins = load_with_origins(None, {variable_of(dotted(path)): msgspec.json.encode(value).decode()})
            assert origins[dotted(path)] == variable_of(dotted(path))
