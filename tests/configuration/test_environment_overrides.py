"""Environment variables go over the file and are named when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel_agents.configuration import load
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.settings import ModelSettings, Settings

PROCESSING = "PARALLEL_AGENTS__PARALLEL_PROCESSING"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agents.yaml"
    path.write_text("model: offline\nparallel_processing:\n  default_max_concurrent: 3\n", encoding="utf-8")
    return path


def refused(file: Path, **environ: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(file, environ)
    return caught.value


def test_a_variable_goes_over_the_file(file: Path) -> None:
    assert load(file, {}).parallel_processing.default_max_concurrent == 3
    settings = load(file, {f"{PROCESSING}__DEFAULT_MAX_CONCURRENT": "5"})
    assert settings.parallel_processing.default_max_concurrent == 5
    assert settings.model == "offline"


def test_a_variables_case_does_not_matter(file: Path) -> None:
    settings = load(file, {"parallel_agents__Parallel_Processing__default_MAX_concurrent": "5"})
    assert settings.parallel_processing.default_max_concurrent == 5


@pytest.mark.parametrize("value", ['["urgent", "low"]', "[urgent, low]"], ids=["JSON", "YAML"])
def test_a_value_is_json_or_yaml(file: Path, value: str) -> None:
    settings = load(file, {f"{PROCESSING}__TASK_QUEUE__PRIORITY_LEVELS": value})
    assert settings.parallel_processing.task_queue.priority_levels == ("urgent", "low")


def test_a_variable_for_a_key_goes_over_one_for_its_section(file: Path) -> None:
    environ = {
        f"{PROCESSING}__TASK_QUEUE__QUEUE_TYPE": "lifo",
        f"{PROCESSING}__TASK_QUEUE": '{"queue_type": "fifo", "max_queue_size": 7}',
    }
    queue = load(file, environ).parallel_processing.task_queue
    assert (queue.queue_type, queue.max_queue_size) == ("lifo", 7)


def test_an_agents_name_may_be_written_with_underscores(file: Path) -> None:
    settings = load(file, {f"{PROCESSING}__AGENT_CONFIGS__SCORING_AGENT__TIMEOUT_SECONDS": "7"})
    assert settings.agent_settings("scoring-agent").timeout_seconds == 7
    assert settings.agent_settings("scoring-agent").max_concurrent == 10


def test_a_model_can_be_set_up_by_variables_alone(file: Path) -> None:
    settings = load(file, {"PARALLEL_AGENTS__MODELS__OPENAI__MAX_TOKENS": "100"})
    assert settings.models == {"openai": ModelSettings(max_tokens=100)}


@pytest.mark.parametrize("name", ["1.0", "2025-01-22", "openai:gpt-4o", "{", "true"])
def test_where_text_is_wanted_a_value_is_taken_as_it_stands(file: Path, name: str) -> None:
    assert load(file, {"PARALLEL_AGENTS__MODEL": name}).model == name


def test_the_two_plain_variables_are_taken_as_they_stand(file: Path) -> None:
    settings = load(file, {"PARALLEL_AGENTS_MODEL": "7", "PARALLEL_AGENTS_JOURNAL": "/tmp/a: b"})
    assert (settings.model, settings.journal.path) == ("7", "/tmp/a: b")


def test_an_empty_plain_variable_is_not_set(file: Path) -> None:
    assert load(file, {"PARALLEL_AGENTS_MODEL": ""}).model == "offline"


def test_other_variables_are_none_of_our_business(file: Path) -> None:
    environ = {"PARALLEL_AGENTS_X": "1", "PARALLEL_PROCESSING__ENABLED": "3", "PATH": "/bin"}
    assert load(file, environ) == load(file, {})


@pytest.mark.parametrize(
    ("variable", "value", "key", "problem"),
    [
        (
            f"{PROCESSING}__DEFAULT_MAX_CONCURRENT",
            "five",
            "parallel_processing.default_max_concurrent",
            "must be a whole number of at least 1, not 'five'",
        ),
        (
            f"{PROCESSING}__DEFAULT_MAX_CONCURRENT",
            "",
            "parallel_processing.default_max_concurrent",
            "must be a whole number of at least 1, not nothing",
        ),
        (PROCESSING, '{"enabled": 3}', "parallel_processing.enabled", "must be true or false, not 3"),
        (
            f"{PROCESSING}__ENABLED",
            "{'",
            "parallel_processing.enabled",
            "is not valid YAML: while scanning a quoted scalar found unexpected end of stream",
        ),
        ("PARALLEL_AGENTS__MODEL__NAME", "x", "model", "is no section: it has no keys of its own"),
        ("PARALLEL_AGENTS__MODELS____BASE_URL", "x", "models.", "is not a known key"),
    ],
)
def test_a_wrong_variable_is_named_and_never_the_file(
    file: Path, variable: str, value: str, key: str, problem: str
) -> None:
    error = refused(file, **{variable: value})
    assert (error.source, error.line, error.key, error.problem) == (variable, None, key, problem)
    assert str(file) not in str(error)


def test_a_variable_with_an_unknown_key_is_told_with_the_one_that_was_meant(file: Path) -> None:
    error = refused(file, PARALLEL_AGENTS__PARALLEL_PROCESING__ENABLED="true")
    assert (error.key, error.hint) == ("parallel_procesing", "Did you mean 'parallel_processing'?")


def test_two_variables_for_one_key_are_refused(file: Path) -> None:
    error = refused(file, PARALLEL_AGENTS_MODEL="a", PARALLEL_AGENTS__MODEL="a")
    assert error.source == "PARALLEL_AGENTS__MODEL"
    assert "PARALLEL_AGENTS_MODEL" in error.problem


def test_a_conflict_with_the_file_names_both_places(file: Path) -> None:
    error = refused(file, **{f"{PROCESSING}__MIN_CONCURRENT": "4"})
    assert error.source == f"{PROCESSING}__MIN_CONCURRENT"
    assert f"(in {file}:3)" in error.problem


def test_variables_work_without_a_file() -> None:
    assert load(None, {"PARALLEL_AGENTS_MODEL": "offline"}).model == "offline"
    assert Settings().model is None
