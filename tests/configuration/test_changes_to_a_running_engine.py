"""`configure_parallel_settings` while something runs: all keys of a change take effect, or none does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.configuration.proofs.proof import nested
from tests.configuration.proofs.scene import (
    Scene,
    naps,
    outputs,
    statuses,
    task,
    until_processes,
    worker_processes,
)
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.configuration.layer import dotted, leaves
from parallel_agents.configuration.meanings import meaning_of, meanings
from parallel_agents.core.errors import ConfigurationError
from parallel_agents.core.events import EventType
from parallel_agents.core.settings import Settings

MakeScene = Callable[..., Scene]
SECTION = "parallel_processing."
TWO = {f"{SECTION}max_concurrent_limit": 2, f"{SECTION}default_max_concurrent": 2}


@pytest.fixture
def make_scene(tmp_path: Path) -> MakeScene:
    def make(flat: dict[str, Any] | None = None) -> Scene:
        return Scene(tmp_path, nested(flat or {"model": None}))

    return make


def waiting_tasks(scene: Scene, number: int, **more: Any) -> list[dict[str, Any]]:
    return [task("waits_for_a_file", f"w{n}", file=str(scene.folder / "gate"), **more) for n in range(number)]


def open_gate(scene: Scene) -> None:
    (scene.folder / "gate").touch()


def failing(number: int, **more: Any) -> list[dict[str, Any]]:
    return [task("raises", f"f{n}", **more) for n in range(number)]


async def ended(executor: ParallelAgentExecutor, execution_id: str) -> dict[str, Any]:
    return body_of(await executor.wait(execution_id))


async def test_a_raised_limit_starts_what_waited_for_it(make_scene: MakeScene) -> None:
    scene = make_scene(TWO)
    async with scene.executor() as executor:
        for _ in range(2):
            await executor.submit_batch_tasks(waiting_tasks(scene, 2))
        await scene.until(lambda: len(scene.starts) == 2)
        assert executor.configure_parallel_settings({"max_concurrent_limit": 4})
        await scene.until(lambda: len(scene.starts) == 4)
        assert scene.peak == 4


async def test_a_lowered_limit_lets_what_runs_end_and_starts_less(make_scene: MakeScene) -> None:
    scene = make_scene()
    async with scene.executor() as executor:
        first = await executor.submit_batch_tasks(waiting_tasks(scene, 3))
        await scene.until(lambda: len(scene.starts) == 3)
        executor.configure_parallel_settings({"enabled": False})
        second = await executor.submit_batch_tasks(naps(3, 0.05), max_concurrent=3)
        open_gate(scene)
        assert statuses(await ended(executor, first)) == ["completed"] * 3
        assert (await ended(executor, second))["execution_mode"] == "serial"
    later = [event for event in scene.events if event.execution_id == second]
    scene.events[:] = later
    assert scene.peak == 1


async def test_an_agents_cap_changes_for_what_runs(make_scene: MakeScene) -> None:
    scene = make_scene({f"{SECTION}agent_configs.waits_for_a_file.max_concurrent": 1})
    async with scene.executor() as executor:
        execution_id = await executor.submit_batch_tasks(waiting_tasks(scene, 3))
        await scene.until(lambda: len(scene.starts) == 1)
        executor.configure_parallel_settings({"agent_configs": {"waits_for_a_file": {"max_concurrent": 2}}})
        await scene.until(lambda: len(scene.starts) == 2)
        executor.configure_parallel_settings({"agent_configs": {"waits_for_a_file": {"max_concurrent": None}}})
        await scene.until(lambda: len(scene.starts) == 3)
        open_gate(scene)
        assert statuses(await ended(executor, execution_id)) == ["completed"] * 3


async def test_the_order_changes_for_what_has_not_started(make_scene: MakeScene) -> None:
    scene = make_scene({f"{SECTION}task_queue.queue_type": "fifo"})
    gate = str(scene.folder / "gate")
    batch = [task("waits_for_a_file", "first", file=gate), *(task("tells", f"t{n}") for n in range(5))]
    async with scene.executor() as executor:
        execution_id = await executor.submit_batch_tasks(batch, max_concurrent=1)
        await scene.until(lambda: scene.starts == ["first"])
        executor.configure_parallel_settings({"task_queue": {"queue_type": "lifo", "max_queue_size": 2}})
        open_gate(scene)
        await executor.wait(execution_id)
    assert scene.starts == ["first", "t4", "t3", "t2", "t1", "t0"]


async def test_what_settles_from_now_on_is_judged_by_the_new_rules(make_scene: MakeScene) -> None:
    scene = make_scene({f"{SECTION}task_queue.task_retry_attempts": 0})
    async with scene.executor() as executor:
        batch = [*waiting_tasks(scene, 1), *failing(1), *(task("tells", f"t{n}") for n in range(2))]
        execution_id = await executor.submit_batch_tasks(batch, max_concurrent=1)
        await scene.until(lambda: len(scene.starts) == 1)
        executor.configure_parallel_settings({"error_handling": {"continue_on_error": False}})
        open_gate(scene)
        body = await ended(executor, execution_id)
    assert statuses(body) == ["completed", "failed", "cancelled", "cancelled"]
    assert body["overall_status"] == "failed"


async def test_the_fallback_and_the_pause_change_for_what_runs(make_scene: MakeScene) -> None:
    scene = make_scene({f"{SECTION}task_queue.task_retry_delay_seconds": 300})
    async with scene.executor() as executor:
        batch = [*waiting_tasks(scene, 1), *failing(1, retry_attempts=1)]
        execution_id = await executor.submit_batch_tasks(batch, max_concurrent=1)
        await scene.until(lambda: len(scene.starts) == 1)
        executor.configure_parallel_settings(
            {"task_queue": {"task_retry_delay_seconds": 0}, "error_handling": {"fallback_strategy": "skip"}}
        )
        open_gate(scene)
        body = await ended(executor, execution_id)
    assert statuses(body) == ["completed", "skipped"]
    assert scene.starts == ["w0", "f0", "f0"]


async def test_a_lower_threshold_tells_of_what_has_run_longer_already_and_only_once(make_scene: MakeScene) -> None:
    scene = make_scene()
    async with scene.executor() as executor:
        await executor.submit_batch_tasks(waiting_tasks(scene, 1))
        await scene.until(lambda: len(scene.starts) == 1)
        executor.configure_parallel_settings({"performance_monitoring": {"slow_execution_threshold_seconds": 0.01}})
        await scene.until(lambda: len(scene.told(EventType.TASK_SLOW)) == 1)
        executor.configure_parallel_settings({"performance_monitoring": {"slow_execution_threshold_seconds": 0.02}})
        other = await executor.submit_batch_tasks(naps(1, 0.2))
        await executor.wait(other)
    assert [event.execution_id == other for event in scene.told(EventType.TASK_SLOW)] == [False, True]


async def test_monitoring_can_be_switched_on_while_something_runs(make_scene: MakeScene) -> None:
    scene = make_scene({f"{SECTION}performance_monitoring.enabled": False})
    async with scene.executor() as executor:
        execution_id = await executor.submit_batch_tasks(waiting_tasks(scene, 1))
        await scene.until(lambda: len(scene.starts) == 1)
        executor.configure_parallel_settings({"performance_monitoring": {"enabled": True}})
        open_gate(scene)
        body = await ended(executor, execution_id)
    assert body["performance_metrics"]["resource_usage"]["peak_memory_usage_mb"] > 0
    assert sorted(line["kind"] for line in scene.tasks_log) == ["execution", "task"]


async def test_a_running_pool_warms_more_workers_and_lets_idle_ones_go(make_scene: MakeScene) -> None:
    before = worker_processes()
    async with make_scene({f"{SECTION}process_pool.worker_processes": 1}).executor() as executor:
        await executor.start()
        assert len(worker_processes() - before) == 1
        executor.configure_parallel_settings({"process_pool": {"worker_processes": 3}})
        await until_processes(lambda: len(worker_processes() - before) == 3)
        executor.configure_parallel_settings({"process_pool": {"worker_idle_timeout_seconds": 0.05}})
        await until_processes(lambda: len(worker_processes() - before) == 1)


async def test_recycling_changes_for_workers_that_live(make_scene: MakeScene) -> None:
    async with make_scene({f"{SECTION}process_pool.max_tasks_per_worker": 0}).executor() as executor:
        pids: list[int] = []
        for most in (0, 1):
            executor.configure_parallel_settings({"process_pool": {"max_tasks_per_worker": most}})
            batch = await executor.submit_batch_tasks([task("tells")] * 2, max_concurrent=1)
            pids += [output["pid"] for output in outputs(await ended(executor, batch))]
    assert pids[0] == pids[1] == pids[2] != pids[3]


async def test_limits_of_a_task_are_those_it_was_submitted_under(make_scene: MakeScene) -> None:
    scene = make_scene()
    async with scene.executor() as executor:
        first = await executor.submit_batch_tasks([*waiting_tasks(scene, 1), *naps(1, 0.4)], max_concurrent=1)
        await scene.until(lambda: len(scene.starts) == 1)
        executor.configure_parallel_settings(
            {"process_pool": {"task_timeout_seconds": 0.1}, "task_queue": {"task_retry_attempts": 0}}
        )
        open_gate(scene)
        assert statuses(await ended(executor, first)) == ["completed", "completed"]
        second = await executor.submit_batch_tasks(naps(1, 0.4))
        assert statuses(await ended(executor, second)) == ["failed"]


def test_a_change_before_the_start_holds_from_the_start(make_scene: MakeScene) -> None:
    scene = make_scene()
    executor = ParallelAgentExecutor(scene.file, journal=scene.folder / "journal.sqlite3", environ={})
    assert executor.configure_parallel_settings({"context_isolation": {"require": ["memory"]}})
    assert executor.settings.parallel_processing.context_isolation.require == ("memory",)


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"context_isolation": {"require": ["memory"]}}, "context_isolation.require", "only at a restart"),
    ({"context_isolation": {"isolation_level": "container"}}, "context_isolation.isolation_level", "not available"),
    ({"context_isolation": {"require": ["files"]}}, "context_isolation.require", "cannot guarantee files"),
    ({"process_pool": {"pool_type": "thread"}}, "process_pool.pool_type", "disagrees with"),
    ({"max_concurrent_limit": 11}, "max_concurrent_limit", "aiomultiprocess_settings.max_workers"),
    ({"task_queue": {"max_queue_size": 0}}, "task_queue.max_queue_size", "at least 1"),
]


@pytest.mark.parametrize(("change", "key", "words"), REFUSED)
async def test_one_key_that_cannot_change_leaves_all_unchanged(
    make_scene: MakeScene, change: dict[str, Any], key: str, words: str
) -> None:
    scene = make_scene(TWO)
    async with scene.executor() as executor:
        await executor.submit_batch_tasks(waiting_tasks(scene, 2))
        await executor.submit_batch_tasks([task("tells", "third")])
        await scene.until(lambda: len(scene.starts) == 2)
        before = executor.settings
        with pytest.raises(ConfigurationError, match=words) as caught:
            executor.configure_parallel_settings({"max_concurrent_limit": 4, **change})
        assert caught.value.key == SECTION + key
        assert executor.settings == before
        executor.configure_parallel_settings({"error_handling": {"fallback_strategy": "skip"}})
        assert "third" not in scene.starts


@pytest.mark.parametrize(("change", "key", "words"), REFUSED[1:])
def test_what_this_version_lacks_is_refused_also_when_nothing_runs(
    make_scene: MakeScene, change: dict[str, Any], key: str, words: str
) -> None:
    scene = make_scene()
    executor = ParallelAgentExecutor(scene.file, journal=scene.folder / "journal.sqlite3", environ={})
    with pytest.raises(ConfigurationError, match=words) as caught:
        executor.configure_parallel_settings({"default_max_concurrent": 3, **change})
    assert caught.value.key == SECTION + key
    assert executor.settings.parallel_processing.default_max_concurrent == 8


async def test_sections_that_need_a_restart_say_so(make_scene: MakeScene) -> None:
    async with make_scene().executor() as executor:
        with pytest.raises(ConfigurationError, match="aiomultiprocess_settings: takes effect only at a restart"):
            executor.configure_parallel_settings({"aiomultiprocess_settings": {"max_workers": 20}})


def test_every_key_says_when_a_change_of_it_takes_effect() -> None:
    known = meanings()
    for path, _ in leaves(Settings()):
        if path not in {("models",)}:
            assert meaning_of(path).when is not None, dotted(path)
    assert {key for key, meaning in known.keys.items() if meaning.when is None} >= {"models", "journal"}


def test_our_loggers_print_nothing_of_their_own() -> None:
    for name in ("failures", "slow", "performance"):
        handlers = logging.getLogger(f"parallel_agents.{name}").handlers
        assert [type(handler) for handler in handlers] == [logging.NullHandler]
