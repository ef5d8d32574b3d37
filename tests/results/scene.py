"""A journal with settled tasks in it, without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.core.execution import ExecutionRecord
from parallel_agents.core.outcome import CallTotals, ErrorClass, ErrorRecord, WorkerIdentity
from parallel_agents.core.settings import Settings
from parallel_agents.core.settlement import Settlement
from parallel_agents.core.states import Trigger
from parallel_agents.core.task import Task
from parallel_agents.journal import SqliteJournal

EXECUTION = "exec-0123456789abcdef"
WORKER = WorkerIdentity(pid=4242, thread_id="1", effective={"memory": "rlimit", "kill": "process_group"})


def a_task(position: int, *, agent: str = "basic-decomposition", **given: Any) -> Task:
    return Task(
        task_id=f"task-{position}",
        position=position,
        agent_name=agent,
        input_data=msgspec.msgpack.encode({"material_content": f"材料 {position}", "topic": "逻辑", **given}),
        priority="normal",
        rank=2,
        timeout_s=60,
        retry_attempts=0,
        memory_mb=64,
        canvas_path="笔记 库/逻辑.canvas",
        node_id=f"n{position}",
        metadata=msgspec.msgpack.encode({"chapter": position}),
    )


def accepted(key: int, output: Mapping[str, Any], **more: Any) -> Settlement:
    return Settlement(
        key=key,
        attempt=1,
        trigger=Trigger.SUCCEEDED,
        at=101.0,
        outcome="succeeded",
        output=msgspec.msgpack.encode(output),
        result_status="success",
        duration_ms=900.0,
        calls=CallTotals(
            calls=1, generation_ms=800.0, input_tokens=10, output_tokens=5, model="m", is_language_model=True, **more
        ),
    )


def refused(key: int, message: str, error_class: ErrorClass = ErrorClass.CONTRACT) -> Settlement:
    error = ErrorRecord(error_class=error_class, type="ContractError", message=message, raw="{}")
    return Settlement(
        key=key, attempt=1, trigger=Trigger.GAVE_UP, at=101.0, outcome="failed", error=error, fallback="fail"
    )


async def filled(path: Path, number: int, settle: Callable[[int], Settlement]) -> SqliteJournal:
    """A started journal with one execution of `number` tasks, each settled as `settle(key)` says."""
    journal = SqliteJournal(path)
    journal.start()
    execution = ExecutionRecord(
        execution_id=EXECUTION,
        submitted_at=100.0,
        max_concurrent=8,
        model="openai:m",
        source="笔记 库/逻辑.canvas",
        vault_root=None,
        settings=msgspec.json.encode(Settings()),
        agents=(),
    )
    await journal.submit(execution, [a_task(position) for position in range(number)])
    keys = [ready.key for ready in await journal.read(lambda r: r.ready(EXECUTION, exclude=(), limit=-1, order="fifo"))]
    written: list[asyncio.Future[Any]] = []
    for key in keys:
        written.append(journal.begin(key, 1, WORKER, 100.1))
        written.append(journal.settle(settle(key)))
    for write in written:
        assert await write
    await journal.end(EXECUTION, 101.0, None)
    return journal
