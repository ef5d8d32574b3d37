"""What `config check` and `config show --origin` are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from parallel_agents.configuration import find_faults, load, load_with_origins, warnings
from parallel_agents.configuration.rules import PROVIDERS
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.settings import Settings
from parallel_agents.models.providers import full_name

Write = Callable[[str], Path]
ENABLED = "PARALLEL_AGENTS__PARALLEL_PROCESSING__ENABLED"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str) -> Path:
        path = tmp_path / "agents.yaml"
        path.write_text(content, encoding="utf-8")
        return path

    return write_file


def places(found: list[ConfigurationError]) -> list[tuple[int | None, str | None]]:
    return [(error.line, error.key) for error in found]


def test_every_fault_of_a_file_is_found_in_the_order_of_its_lines(write: Write) -> None:
    path = write("modle: x\nparallel_processing:\n  task_queue:\n    queue_type: fiffo\n  enabled: 5\nmodel: [1]\n")
    found = find_faults(path, {})
    assert places(found) == [
        (1, "modle"),
        (4, "parallel_processing.task_queue.queue_type"),
        (5, "parallel_processing.enabled"),
        (6, "model"),
    ]
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    assert str(caught.value) == str(found[0])


def test_every_conflict_is_found(write: Write) -> None:
    path = write(
        "parallel_processing:\n  default_max_concurrent: 12\n  min_concurrent: 13\n"
        "models:\n  openai:\n    api_key_env: sk-x\n"
    )
    assert places(find_faults(path, {})) == [
        (2, "parallel_processing.default_max_concurrent"),
        (3, "parallel_processing.min_concurrent"),
        (6, "models.openai.api_key_env"),
    ]


def test_a_fault_of_a_variable_is_found_beside_those_of_the_file(write: Write) -> None:
    found = find_faults(write("model: 5\n"), {ENABLED: "maybe"})
    assert [(error.source.rpartition("/")[2], error.line) for error in found] == [(ENABLED, None), ("agents.yaml", 1)]


def test_what_a_run_would_refuse_is_a_fault(write: Write) -> None:
    path = write(
        "parallel_processing:\n  context_isolation:\n    isolation_level: container\n    require: [memory, network]\n"
    )
    found = find_faults(path, {})
    assert places(found) == [
        (3, "parallel_processing.context_isolation.isolation_level"),
        (4, "parallel_processing.context_isolation.require"),
    ]
    assert "cannot guarantee network" in str(found[1])


def test_a_file_that_cannot_be_read_is_one_fault(write: Write, tmp_path: Path) -> None:
    assert places(find_faults(write("model: a\nmodel: b\n"), {})) == [(2, "model")]
    assert len(find_faults(tmp_path / "none.yaml", {})) == 1


def test_a_sound_configuration_has_no_fault(write: Write) -> None:
    assert find_faults(write("parallel_processing: {context_isolation: {require: [memory]}}\n"), {}) == []


def test_no_key_is_warned_of_as_one_without_effect(write: Write) -> None:
    content = "parallel_processing: {adaptive_concurrency: true}\naiomultiprocess_settings: {result_queue_size: 3}\n"
    assert warnings(load(write(content), {})) == warnings(Settings())


def test_a_name_that_nobody_goes_by_is_warned_of(write: Write) -> None:
    path = write(
        "parallel_processing: {agent_configs: {scoring: {}, mine: {}, scoring-agent: {}}}\n"
        "models: {opneai: {}, openai: {}, 'anthropic:x': {}, offline: {}}\n"
    )
    assert warnings(load(path, {}))[1:] == [
        "parallel_processing.agent_configs.scoring is no agent that ships, and nearly 'scoring-agent': "
        "only an agent of that very name is meant",
        "models.opneai sets up nothing: the providers are openai, anthropic",
        "models.offline sets up nothing: the providers are openai, anthropic",
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_providers_are_those_of_the_models(provider: str) -> None:
    assert full_name(f"{provider}:x") == f"{provider}:x"


def test_every_key_says_where_its_value_comes_from(write: Write) -> None:
    path = write(
        "parallel_processing:\n  default_max_concurrent: 3\n  task_queue:\n    priority_levels:\n      - high\n"
        "  agent_configs: {mine: {retry_attempts: 1}}\nmodels:\n  openai: {max_tokens: 5}\n"
    )
    settings, origins = load_with_origins(path, {ENABLED: "false", "PARALLEL_AGENTS_MODEL": "offline"})
    assert settings.model == "offline"
    shown = {key: origin for key, origin in origins.items() if origin != "default"}
    assert shown == {
        "parallel_processing.enabled": ENABLED,
        "parallel_processing.default_max_concurrent": f"{path}:2",
        "parallel_processing.task_queue.priority_levels": f"{path}:4",
        "parallel_processing.agent_configs.mine.retry_attempts": f"{path}:6",
        "model": "PARALLEL_AGENTS_MODEL",
        "models.openai.max_tokens": f"{path}:8",
    }
    assert origins["aiomultiprocess_settings.max_workers"] == "default"
    assert origins["parallel_processing.agent_configs.mine.timeout_seconds"] == "default"


def test_a_variable_for_a_section_is_the_origin_of_the_keys_that_it_names(write: Write) -> None:
    variable = "PARALLEL_AGENTS__PARALLEL_PROCESSING__TASK_QUEUE"
    _, origins = load_with_origins(write(""), {variable: "{queue_type: fifo}"})
    assert origins["parallel_processing.task_queue.queue_type"] == variable
    assert origins["parallel_processing.task_queue.max_queue_size"] == "default"
