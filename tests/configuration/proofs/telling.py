"""Proofs of the keys that say what a failure does, what is told, how workers are watched, and which model answers."""

from __future__ import annotations

from typing import Any

from tests.configuration.proofs.proof import PROCESSING, Proof
from tests.configuration.proofs.running import (
    CONTEXT,
    DEFAULT,
    LIMIT,
    NO_RETRY,
    QUEUE,
    end_of_taking_memory,
    key_of_refusal,
    number_of_attempts,
    refused_or_ran,
)
from tests.configuration.proofs.scene import AGENTS, Scene, error_classes, outputs, statuses, task

from parallel_agents.core.events import EventType
from parallel_agents.simulator import Fault, Options, running

ERRORS = f"{PROCESSING}.error_handling"
MONITORING = f"{PROCESSING}.performance_monitoring"
WORKERS = "aiomultiprocess_settings"
NO_DELAY = {f"{QUEUE}.task_retry_delay_seconds": 0}
BASE_URL = {"models.openai.base_url": "http://127.0.0.1:PORT/v1"}
MODEL = "openai:recorded"
TASK = '{"agent_name": "basic-decomposition", "input_data": {"topic": "t", "material_content": "What is a set?"}}\n'


async def ends_after_a_failure(scene: Scene) -> object:
    return statuses(await scene.run(task("raises"), task("tells"), max_concurrent=1))


async def ends_and_traceback(scene: Scene) -> object:
    body = await scene.run(task("raises", retry_attempts=1), task("tells"), max_concurrent=1)
    shown = any("agents_for_proofs.py" in line for line in scene.lines.by_logger["failures"])
    return statuses(body), body["agent_execution_sessions"][0]["attempt"], shown


async def end_and_attempts(scene: Scene) -> object:
    body = await scene.run(task("raises"))
    return statuses(body), body["agent_execution_sessions"][0]["attempt"]


async def model_that_answered(scene: Scene) -> object:
    async with running(Options(faults=(Fault(kind="quota"),))) as url:
        scene.environ["OPENAI_BASE_URL"] = f"{url}/v1"
        body = await scene.run(task("asks"), model="openai:first", max_concurrent=1)
    result: dict[str, Any] = body["agent_execution_sessions"][0]["result"] or {}
    return body["overall_status"], result.get("model"), result.get("fallback_from")


async def notices(scene: Scene) -> object:
    await scene.run(task("raises", "one"), task("tells"), task("raises", "two"))
    told = sorted(str(event.task_id) for event in scene.told(EventType.FAILURE_NOTIFIED))
    return told, len(scene.lines.by_logger["failures"])


async def what_is_measured_and_told(scene: Scene) -> object:
    body = await scene.run(task("naps", seconds=0.5))
    sampled = body["performance_metrics"]["resource_usage"]["peak_memory_usage_mb"] is not None
    return sampled, len(scene.tasks_log), len(scene.told(EventType.TASK_SLOW))


async def kinds_of_log_lines(scene: Scene) -> object:
    await scene.run(task("tells"), task("raises"))
    return sorted(line["kind"] for line in scene.tasks_log)


async def alerts(scene: Scene) -> object:
    await scene.run(task("naps", seconds=0.6), task("tells"))
    return len(scene.told(EventType.TASK_SLOW)), len(scene.lines.by_logger["slow"])


async def who_started_the_worker(scene: Scene) -> object:
    body = await scene.run(task("tells"))
    return "aiomultiprocess.run_async" in outputs(body)[0]["callers"]


async def ran_or_both_places(scene: Scene) -> object:
    found = str(await refused_or_ran(scene))
    return [part in found for part in ("worker_type", "pool_type", f"{scene.file}:")]


async def end_of_falling_silent(scene: Scene) -> object:
    return error_classes(await scene.run(task("falls_silent", timeout_seconds=3)))


async def journals_of_a_command(scene: Scene) -> object:
    code = (await run_command(scene))[0]
    return code, sorted(path.name for path in scene.folder.glob("*.sqlite3"))


async def outcome_of_a_command(scene: Scene) -> object:
    code, errors = await run_command(scene, "--journal", "j.sqlite3")
    return code, "no model was chosen" in errors


async def run_command(scene: Scene, *options: str) -> tuple[int, str]:
    (scene.folder / "tasks.jsonl").write_text(TASK, encoding="utf-8")
    return await scene.command("run", "tasks.jsonl", "--config", scene.file.name, *options)


async def requested(scene: Scene) -> list[dict[str, Any]]:
    scene.environ = {"KEY_ONE": "sk-one", "KEY_TWO": "sk-two"}
    body = await scene.run(task("asks"), model=MODEL)
    assert statuses(body) == ["completed"], body["error_management"]
    return scene.requests


async def paths_asked(scene: Scene) -> object:
    return [request["path"] for request in await requested(scene)]


async def keys_sent(scene: Scene) -> object:
    return [request["authorization"] for request in await requested(scene)]


async def most_tokens_asked(scene: Scene) -> object:
    return [request["body"].get("max_tokens") for request in await requested(scene)]


async def temperatures_asked(scene: Scene) -> object:
    return [request["body"].get("temperature") for request in await requested(scene)]


async def calls_of_a_slow_provider(scene: Scene) -> object:
    return len(await requested(scene))


async def whether_the_second_of_two_calls_waits(scene: Scene) -> object:
    body = await scene.run(task("asks_twice_at_once"), model=MODEL)
    assert statuses(body) == ["completed"], body["error_management"]
    return body["performance_metrics"]["parallel_efficiency"]["waited_time_ms"] > 0


def limit(low: int, high: int) -> Proof:
    return Proof(
        values=(low, high),
        shows=(True, False),
        observe=whether_the_second_of_two_calls_waits,
        given=BASE_URL,
        needs_provider=True,
    )


async def calls_of_asking_twice(scene: Scene) -> object:
    async with scene.executor() as executor:
        executor.register_agent("asks_again", f"{AGENTS}:asks", reusable=True)
        for _ in range(2):
            await executor.wait(await executor.submit_batch_tasks([task("asks_again")], model=MODEL))
    return len(scene.requests)


PROOFS: dict[str, Proof] = {
    f"{ERRORS}.continue_on_error": Proof(
        values=(True, False),
        shows=(["failed", "completed"], ["failed", "cancelled"]),
        observe=ends_after_a_failure,
        given=NO_RETRY,
    ),
    f"{ERRORS}.error_isolation": Proof(
        values=(True, False),
        shows=((["failed", "completed"], 2, False), (["failed", "cancelled"], 1, True)),
        observe=ends_and_traceback,
        given=NO_DELAY,
    ),
    f"{ERRORS}.fallback_strategy": Proof(
        values=("fail", "skip", "retry"),
        shows=((["failed"], 1), (["skipped"], 1), (["failed"], 2)),
        observe=end_and_attempts,
        given=NO_RETRY,
    ),
    f"{ERRORS}.error_notification": Proof(
        values=(True, False), shows=((["one", "two"], 2), ([], 0)), observe=notices, given=NO_RETRY
    ),
    f"{MONITORING}.enabled": Proof(
        values=(True, False),
        shows=((True, 2, 1), (False, 0, 0)),
        observe=what_is_measured_and_told,
        given={f"{MONITORING}.slow_execution_threshold_seconds": 0.1},
    ),
    f"{MONITORING}.collect_metrics": Proof(
        values=(True, False), shows=((True, 2, 0), (False, 2, 0)), observe=what_is_measured_and_told
    ),
    f"{MONITORING}.log_performance_data": Proof(
        values=(True, False), shows=(["execution", "task", "task"], []), observe=kinds_of_log_lines, given=NO_RETRY
    ),
    f"{MONITORING}.alert_on_slow_execution": Proof(
        values=(True, False),
        shows=((1, 1), (0, 0)),
        observe=alerts,
        given={f"{MONITORING}.slow_execution_threshold_seconds": 0.4},
    ),
    f"{MONITORING}.slow_execution_threshold_seconds": Proof(values=(0.4, 30), shows=((1, 1), (0, 0)), observe=alerts),
    f"{PROCESSING}.agent_configs.NAME.retry_attempts": Proof(
        values=(0, 2), shows=(1, 3), observe=number_of_attempts, given=NO_DELAY | {f"{QUEUE}.task_retry_attempts": 5}
    ),
    f"{PROCESSING}.agent_configs.NAME.context_size_mb": Proof(
        values=(16, 256),
        shows=((["failed"], ["memory_limit"]), (["completed"], [])),
        observe=end_of_taking_memory,
        given={**NO_RETRY, f"{CONTEXT}.context_size_limit_mb": 32},
    ),
    f"{PROCESSING}.agent_configs.NAME.fallback_model": Proof(
        values=(None, "openai:second"),
        shows=(("paused", None, None), ("completed", "openai:second", "openai:first")),
        observe=model_that_answered,
    ),
    f"{WORKERS}.enabled": Proof(values=(True, False), shows=(True, False), observe=who_started_the_worker),
    f"{WORKERS}.worker_type": Proof(
        values=("process", "thread"), shows=([False] * 3, [True] * 3), observe=ran_or_both_places
    ),
    f"{WORKERS}.max_workers": Proof(
        values=(3, 4), shows=(LIMIT, "ran"), observe=key_of_refusal, given={LIMIT: 4, DEFAULT: 1}
    ),
    f"{WORKERS}.worker_timeout": Proof(
        values=(0.5, 60), shows=(["worker_lost"], ["timeout"]), observe=end_of_falling_silent, given=NO_RETRY
    ),
    "journal.path": Proof(
        values=("one.sqlite3", "other.sqlite3"),
        shows=((0, ["one.sqlite3"]), (0, ["other.sqlite3"])),
        observe=journals_of_a_command,
        given={"model": "offline"},
    ),
    "model": Proof(values=(None, "offline"), shows=((2, True), (0, False)), observe=outcome_of_a_command),
    "reuse_results": Proof(
        values=(True, False), shows=(1, 2), observe=calls_of_asking_twice, given=BASE_URL, needs_provider=True
    ),
    "models.NAME.base_url": Proof(
        values=("http://127.0.0.1:PORT/v1", "http://127.0.0.1:PORT/other/v1"),
        shows=(["/v1/chat/completions"], ["/other/v1/chat/completions"]),
        observe=paths_asked,
        needs_provider=True,
    ),
    "models.NAME.api_key_env": Proof(
        values=("KEY_ONE", "KEY_TWO"),
        shows=(["Bearer sk-one"], ["Bearer sk-two"]),
        observe=keys_sent,
        given=BASE_URL,
        needs_provider=True,
    ),
    "models.NAME.max_tokens": Proof(
        values=(7, None), shows=([7], [None]), observe=most_tokens_asked, given=BASE_URL, needs_provider=True
    ),
    "models.NAME.temperature": Proof(
        values=(0.25, 1.5), shows=([0.25], [1.5]), observe=temperatures_asked, given=BASE_URL, needs_provider=True
    ),
    "models.NAME.timeout_seconds": Proof(
        values=(0.5, 30), shows=(2, 1), observe=calls_of_a_slow_provider, given=BASE_URL, needs_provider=True
    ),
    "models.NAME.requests_per_minute": limit(60, 60_000),
    "models.NAME.input_tokens_per_minute": limit(60, 600_000),
    "models.NAME.output_tokens_per_minute": limit(600, 600_000),
    "models.NAME.max_concurrent": limit(1, 2),
}
