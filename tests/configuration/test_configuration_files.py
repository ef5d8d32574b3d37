"""What a configuration file may say, and what is said of one that is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest

from parallel_agents.configuration import DEFAULT_PATH, find_faults, load
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.settings import AgentSettings, Settings

Write: TypeAlias = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "agents.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def refused(path: str | Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    return caught.value


def test_a_file_changes_the_keys_that_it_names_and_no_other(write: Write) -> None:
    settings = load(write("parallel_processing:\n  task_queue:\n    queue_type: fifo\n"), {})
    expected = msgspec.structs.replace(
        Settings(),
        parallel_processing=msgspec.structs.replace(
            Settings().parallel_processing,
            task_queue=msgspec.structs.replace(Settings().parallel_processing.task_queue, queue_type="fifo"),
        ),
    )
    assert settings == expected


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", "# nothing but a comment\n", "---\n", "~\n", "parallel_processing:\n", "\ufeffmodel: null\n"],
    ids=["empty", "blank", "comment", "document mark", "null", "empty section", "byte order mark"],
)
def test_an_empty_file_or_section_leaves_the_defaults(write: Write, content: str) -> None:
    assert load(write(content), {}) == Settings()


def test_an_agents_entry_keeps_the_shipped_limits_that_it_does_not_name(write: Write) -> None:
    content = "parallel_processing: {agent_configs: {scoring-agent: {timeout_seconds: 5}, mine: {max_concurrent: 2}}}"
    settings = load(write(content), {})
    shipped = Settings().agent_settings("scoring-agent")
    assert settings.agent_settings("scoring-agent") == msgspec.structs.replace(shipped, timeout_seconds=5.0)
    assert settings.agent_settings("mine") == AgentSettings(max_concurrent=2)
    assert settings.agent_settings("oral-explanation") == Settings().agent_settings("oral-explanation")


def test_null_takes_a_shipped_limit_of_an_agent_away(write: Write) -> None:
    settings = load(write("parallel_processing: {agent_configs: {scoring-agent: {max_concurrent: null}}}"), {})
    assert settings.agent_settings("scoring-agent").max_concurrent is None


def test_an_isolation_level_that_this_version_lacks_is_refused_with_its_place(write: Write) -> None:
    error = refused(write("parallel_processing:\n  context_isolation:\n    isolation_level: container\n"))
    assert (error.line, error.key) == (3, "parallel_processing.context_isolation.isolation_level")
    assert error.problem == "'container' is not available in this version"


@pytest.mark.parametrize(
    ("level", "required", "words"),
    [
        ("container", "[]", "'container' is not available in this version"),
        ("thread", "[memory]", "'thread' cannot guarantee memory"),
        ("coroutine", "[memory]", "'coroutine' cannot guarantee memory"),
    ],
)
def test_an_agents_own_level_that_cannot_be_had_is_refused_with_its_place(
    write: Write, level: str, required: str, words: str
) -> None:
    content = (
        f"parallel_processing:\n  context_isolation: {{require: {required}}}\n"
        f"  agent_configs:\n    mine:\n      isolation_level: {level}\n"
    )
    error = refused(write(content))
    assert (error.line, error.key) == (5, "parallel_processing.agent_configs.mine.isolation_level")
    assert words in error.problem


@pytest.mark.parametrize("level", ["coroutine", "thread"])
def test_a_memory_limit_is_not_promised_where_workers_are_shared(write: Write, level: str) -> None:
    content = f"""
parallel_processing:
  context_isolation: {{isolation_level: {level}, require: [memory]}}
  process_pool: {{pool_type: thread}}
aiomultiprocess_settings: {{worker_type: thread}}
"""
    assert [(error.key, error.line) for error in find_faults(write(content), {})] == [
        ("parallel_processing.context_isolation.require", 3),
    ]
    error = refused(write(content))
    assert error.problem == f"the level {level} cannot guarantee memory: attempts share their worker's"
    sound = write(content.replace("[memory]", "[]"))
    assert load(sound, {}).parallel_processing.context_isolation.isolation_level == level


def test_the_default_file_may_be_missing(tmp_path: Path) -> None:
    assert not (tmp_path / DEFAULT_PATH).exists()
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert load(None, {}) == Settings()
    finally:
        os.chdir(before)


def test_the_default_file_is_read_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / DEFAULT_PATH).parent.mkdir()
    (tmp_path / DEFAULT_PATH).write_text("model: offline\n", encoding="utf-8")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert load(None, {}).model == "offline"
    finally:
        os.chdir(before)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    error = refused(tmp_path / "none.yaml")
    assert error.source == str(tmp_path / "none.yaml")
    assert "no such file" in error.problem


def test_a_directory_is_no_configuration_file(tmp_path: Path) -> None:
    assert "is a directory" in refused(tmp_path).problem


def test_a_path_that_no_file_can_have_is_an_error() -> None:
    assert "cannot be read" in refused("a\0b").problem
    assert "cannot be read" in refused("a" * 5000).problem


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"\xff\xfem\x00", 1), (b"model: null\nmodels: {}\njournal: \xe4\n", 3)],
    ids=["UTF-16", "Latin-1"],
)
def test_text_that_is_not_utf8_is_told_with_its_line(write: Write, content: bytes, line: int) -> None:
    error = refused(write(content))
    assert (error.line, error.problem, error.hint) == (line, "is not UTF-8 text", "Save it as UTF-8.")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("model: [1\n", 2),
        ("model: a: b\n", 1),
        ("models: {}\n\tmodel: x\n", 2),
        ("model: null\n---\nmodel: null\n", 2),
        ("model: *nowhere\n", 1),
    ],
    ids=["open list", "two colons", "tab", "two documents", "unknown alias"],
)
def test_broken_yaml_is_told_with_its_line(write: Write, content: str, line: int) -> None:
    error = refused(write(content))
    assert error.problem.startswith("is not valid YAML: ")
    assert error.line == line


@pytest.mark.parametrize("content", ["\x00", "[" * 5000], ids=["control character", "endless nesting"])
def test_what_no_yaml_reader_can_read_is_refused(write: Write, content: str) -> None:
    assert refused(write(content)).problem.startswith("is not valid YAML: ")


@pytest.mark.parametrize(
    ("content", "key", "line", "problem"),
    [
        ("- model\n", None, 1, "must be a mapping of sections, not a list"),
        ("offline\n", None, 1, "must be a mapping of sections, not a single value"),
        ("model: a\nmodels: {}\nmodel: b\n", "model", 3, "stands twice, first in line 1"),
        ("journal:\n  path: a\n  path: a\n", "journal.path", 3, "stands twice, first in line 2"),
        ("model: null\n5: x\n", None, 2, "has a key that is not text: '5'"),
        ("models:\n  ? [a]\n  : {}\n", "models", 2, "has a key that is not text: a list or a mapping"),
        ("models: &a\n  b: *a\n", "models.b", 1, "contains itself"),
        ("models: {a: &a {}}\njournal:\n  <<: *a\n", "journal", 3, "merges another mapping (<<)"),
        ("model: !secret x\n", "model", 1, "cannot be read: could not determine a constructor for the tag '!secret'"),
        ("model: 2025-13-01\n", "model", 1, "cannot be read: month must be in 1..12"),
    ],
)
def test_yaml_that_says_nothing_clear_is_refused(
    write: Write, content: str, key: str | None, line: int, problem: str
) -> None:
    error = refused(write(content))
    assert (error.key, error.line, error.problem) == (key, line, problem)


@pytest.mark.parametrize(
    ("section", "key", "value", "problem"),
    [
        ("", "enabled", "yes", "must be true or false, not 'yes'"),
        ("", "default_max_concurrent", "eight", "must be a whole number of at least 1, not 'eight'"),
        ("", "default_max_concurrent", "0", "must be a whole number of at least 1, not 0"),
        ("", "default_max_concurrent", "2.5", "must be a whole number of at least 1, not 2.5"),
        ("", "default_max_concurrent", "true", "must be a whole number of at least 1, not true"),
        ("", "default_max_concurrent", "", "must be a whole number of at least 1, not nothing"),
        ("process_pool", "task_timeout_seconds", "0", "must be a number above 0, not 0"),
        ("process_pool", "task_timeout_seconds", ".inf", "must be a number above 0, not inf"),
        ("process_pool", "task_timeout_seconds", ".nan", "must be a number above 0, not nan"),
        ("process_pool", "pool_type", "[process]", "must be one of process, thread, not a list"),
        ("task_queue", "priority_levels", "high", "must be a list with at least 1 entry, not 'high'"),
        ("task_queue", "priority_levels", "[]", "must be a list with at least 1 entry, not an empty list"),
        ("error_handling", "fallback_strategy", "retry|skip|fail", "must be one of fail, retry, skip, not 'retry|"),
        ("agent_configs", "mine", "5", "must be a mapping of keys, not 5"),
        ("agent_configs", "mine", "", "must be a mapping of keys, not nothing"),
        ("agent_configs", "mine", "{retry_attempts: -1}", "must be a whole number of at least 0 or null, not -1"),
    ],
)
def test_a_wrong_value_is_told_with_its_place_and_what_was_expected(
    write: Write, section: str, key: str, value: str, problem: str
) -> None:
    head = f"  {section}:\n  " if section else ""
    error = refused(write(f"parallel_processing:\n{head}  {key}: {value}\n"))
    assert error.line == (3 if section else 2)
    assert error.key is not None
    assert error.key.startswith(".".join(part for part in ("parallel_processing", section, key) if part))
    assert error.problem.startswith(problem)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("parallel_processing: 5\n", "must be a mapping of keys, not 5"),
        ("models: [openai]\n", "must be a mapping of names, not a list"),
        ("model: 5\n", "must be text or null, not 5"),
        ("model: {openai: gpt}\n", "must be text or null, not a mapping"),
        ("models: {a: {temperature: 3}}\n", "must be a number from 0 to 2 or null, not 3"),
        (f"model: [{'x' * 99}]\n", "must be text or null, not a list"),
        (f"parallel_processing: {'x' * 99}\n", f"must be a mapping of keys, not '{'x' * 59}…"),
    ],
)
def test_a_wrong_kind_of_value_is_named_in_words(write: Write, content: str, problem: str) -> None:
    assert refused(write(content)).problem == problem


@pytest.mark.parametrize(
    ("content", "key", "line", "meant"),
    [
        ("model: x\nmodells: {}\n", "modells", 2, "models"),
        (
            "parallel_processing:\n  default-max-concurrent: 5\n",
            "parallel_processing.default-max-concurrent",
            2,
            "parallel_processing.default_max_concurrent",
        ),
        ("max_queue_size: 5\n", "max_queue_size", 1, "parallel_processing.task_queue.max_queue_size"),
        (
            "parallel_processing:\n  agent_configs:\n    mine:\n      timeout: 5\n",
            "parallel_processing.agent_configs.mine.timeout",
            4,
            "parallel_processing.agent_configs.mine.timeout_seconds",
        ),
    ],
)
def test_an_unknown_key_is_told_with_the_one_that_was_meant(
    write: Write, content: str, key: str, line: int, meant: str
) -> None:
    error = refused(write(content))
    assert (error.key, error.line, error.problem) == (key, line, "is not a known key")
    assert error.hint == f"Did you mean {meant!r}?"


def test_an_unknown_key_that_resembles_none_is_told_with_those_there_are(write: Write) -> None:
    assert refused(write("journal: {xyzzy: 1}\n")).hint == "Known here: path."


def test_a_wrong_choice_is_told_with_the_nearest_one(write: Write) -> None:
    error = refused(write("parallel_processing:\n  context_isolation:\n    require: [memory,\n      file]\n"))
    assert error.key == "parallel_processing.context_isolation.require[1]"
    assert (error.line, error.hint) == (4, "Did you mean 'files'?")


def test_of_several_faults_the_first_in_the_file_is_told(write: Write) -> None:
    error = refused(write("model: 5\nparallel_processing: {enabled: 3}\naiomultiprocess_settings: 7\n"))
    assert (error.key, error.line) == ("model", 1)


def test_an_unknown_keys_value_is_not_shown(write: Write) -> None:
    assert "hush" not in str(refused(write("models: {openai: {api_key: hush}}\n")))
