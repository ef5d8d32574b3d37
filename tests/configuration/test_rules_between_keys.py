"""Rules that more than one key has to keep, and changes to settings in force."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parallel_agents.configuration import load, merge, warnings
from parallel_agents.configuration.rules import conflicts
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.settings import AgentSettings, ContextIsolation, ParallelProcessing, Settings

LIMIT = "parallel_processing.max_concurrent_limit"
DEFAULT = "parallel_processing.default_max_concurrent"


def refused(tmp_path: Path, content: str) -> ConfigurationError:
    path = tmp_path / "agents.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    return caught.value


@pytest.mark.parametrize(
    ("content", "key", "line", "problem"),
    [
        (
            "parallel_processing:\n  max_concurrent_limit: 4\n  default_max_concurrent: 6\n",
            DEFAULT,
            3,
            f"6 is more than {LIMIT}, 4 (in FILE:2)",
        ),
        (
            "models:\n  openai:\n    input_usd_per_million: 1.5\n",
            "models.openai.input_usd_per_million",
            3,
            "1.5 is no price without output_usd_per_million",
        ),
        (
            "models:\n  openai: {input_usd_per_million: 1, output_usd_per_million: 2}\n"
            "  openai:big:\n    cached_input_usd_per_million: 1.5\n",
            "models.openai:big.cached_input_usd_per_million",
            4,
            "1.5 is no price without input_usd_per_million",
        ),
        (
            "parallel_processing:\n  default_max_concurrent: 12\n",
            DEFAULT,
            2,
            f"12 is more than {LIMIT}, 10 (its default)",
        ),
        (
            "parallel_processing:\n  max_concurrent_limit: 4\n",
            DEFAULT,
            2,
            f"8 (its default) is more than {LIMIT}, 4 (in FILE:2)",
        ),
        (
            "parallel_processing:\n  default_max_concurrent: 2\n  min_concurrent: 3\n",
            "parallel_processing.min_concurrent",
            3,
            f"3 is more than {DEFAULT}, 2 (in FILE:2)",
        ),
        (
            "parallel_processing:\n  max_concurrent_limit: 20\naiomultiprocess_settings:\n  max_workers: 12\n",
            LIMIT,
            2,
            "20 is more than aiomultiprocess_settings.max_workers, 12 (in FILE:4)",
        ),
        (
            "parallel_processing:\n  process_pool:\n    pool_type: thread\n"
            "aiomultiprocess_settings:\n  worker_type: process\n",
            "parallel_processing.process_pool.pool_type",
            3,
            "thread disagrees with aiomultiprocess_settings.worker_type, process (in FILE:5)",
        ),
        (
            "parallel_processing:\n  process_pool: {pool_type: thread}\n  context_isolation:\n"
            "    isolation_level: container\naiomultiprocess_settings: {worker_type: thread}\n",
            "parallel_processing.context_isolation.isolation_level",
            4,
            "container is stricter than parallel_processing.process_pool.pool_type thread can give (in FILE:2)",
        ),
        (
            "parallel_processing:\n  process_pool: {pool_type: thread}\n"
            "aiomultiprocess_settings: {worker_type: thread}\n",
            "parallel_processing.context_isolation.isolation_level",
            2,
            "process (its default) is stricter than parallel_processing.process_pool.pool_type thread can give "
            "(in FILE:2)",
        ),
        (
            "parallel_processing:\n  process_pool: {pool_type: thread}\n"
            "  context_isolation: {isolation_level: thread}\n"
            "  agent_configs:\n    mine: {isolation_level: process}\n"
            "aiomultiprocess_settings: {worker_type: thread}\n",
            "parallel_processing.agent_configs.mine.isolation_level",
            5,
            "process is stricter than parallel_processing.process_pool.pool_type thread can give (in FILE:2)",
        ),
        (
            "parallel_processing:\n  task_queue:\n    priority_levels:\n      - high\n      - low\n      - high\n",
            "parallel_processing.task_queue.priority_levels[2]",
            6,
            "'high' is the same level as parallel_processing.task_queue.priority_levels[0] (in FILE:4)",
        ),
        (
            'parallel_processing: {task_queue: {priority_levels: [" "]}}\n',
            "parallel_processing.task_queue.priority_levels[0]",
            1,
            "' ' is a level without a name",
        ),
    ],
)
def test_keys_that_contradict_one_another_are_refused_with_both_places(
    tmp_path: Path, content: str, key: str, line: int, problem: str
) -> None:
    error = refused(tmp_path, content)
    assert (error.key, error.line) == (key, line)
    assert error.problem == problem.replace("FILE", str(tmp_path / "agents.yaml"))
    assert error.hint


def test_coroutines_need_no_worker_each() -> None:
    isolation = ContextIsolation(isolation_level="coroutine")
    processing = ParallelProcessing(max_concurrent_limit=50, context_isolation=isolation)
    assert list(conflicts(Settings(parallel_processing=processing))) == []


def test_the_default_of_coroutines_is_bounded_by_their_own_limit(tmp_path: Path) -> None:
    content = (
        "parallel_processing:\n  default_max_concurrent: 60\n  max_coroutines: 50\n"
        "  context_isolation: {isolation_level: coroutine}\n"
    )
    error = refused(tmp_path, content)
    assert (error.key, error.line) == (DEFAULT, 2)
    assert error.problem == f"60 is more than parallel_processing.max_coroutines, 50 (in {tmp_path / 'agents.yaml'}:3)"
    path = tmp_path / "agents.yaml"
    path.write_text(content.replace("50", "60"), encoding="utf-8")
    assert load(path, {}).parallel_processing.default_max_concurrent == 60


def test_a_key_in_place_of_a_variables_name_is_refused_and_not_shown(tmp_path: Path) -> None:
    error = refused(tmp_path, "models:\n  openai:\n    api_key_env: sk-hush\n")
    assert (error.key, error.line) == ("models.openai.api_key_env", 3)
    assert "hush" not in str(error)


def test_an_agent_above_the_general_memory_budget_is_allowed_and_told() -> None:
    assert load(None, {}) == Settings()
    assert warnings(Settings()) == [
        "parallel_processing.agent_configs.deep-decomposition.context_size_mb is 384, more than "
        "parallel_processing.context_isolation.context_size_limit_mb, 256: the agent's own value holds"
    ]


def test_settings_without_an_oddity_have_no_warning() -> None:
    agents = {"mine": AgentSettings(context_size_mb=256), "other": AgentSettings()}
    processing = msgspec.structs.replace(Settings().parallel_processing, agent_configs=agents)
    assert warnings(msgspec.structs.replace(Settings(), parallel_processing=processing)) == []


def test_settings_in_force_can_be_changed_in_part() -> None:
    changed = merge(Settings(), {"default_max_concurrent": 5, "task_queue": {"queue_type": "fifo"}})
    assert changed.parallel_processing.default_max_concurrent == 5
    assert changed.parallel_processing.task_queue.queue_type == "fifo"
    assert changed.parallel_processing.task_queue.max_queue_size == 1000
    assert changed.aiomultiprocess_settings == Settings().aiomultiprocess_settings


@pytest.mark.parametrize(
    ("values", "key", "problem"),
    [
        ({"enabled": "no"}, "parallel_processing.enabled", "must be true or false, not 'no'"),
        ({"enabeld": True}, "parallel_processing.enabeld", "is not a known key"),
        ({"max_concurrent_limit": 11}, LIMIT, "11 is more than aiomultiprocess_settings.max_workers, 10 (its default)"),
        ({"aiomultiprocess_settings": {}}, "aiomultiprocess_settings", "takes effect only at a restart"),
        ({"parallel_processing": {}}, "parallel_processing", "is not a key of itself"),
        ({5: 5}, "parallel_processing[5]", "is not a known key"),
    ],
)
def test_a_wrong_change_is_refused(values: Mapping[str, Any], key: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        merge(Settings(), values, "configure_parallel_settings")
    assert (caught.value.source, caught.value.line) == ("configure_parallel_settings", None)
    assert (caught.value.key, caught.value.problem) == (key, problem)
