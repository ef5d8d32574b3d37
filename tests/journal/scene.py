"""Values that the tests of the journal, and the programs they kill, have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from parallel_agents.core.execution import AgentRecord, Counts, ExecutionRecord
from parallel_agents.core.outcome import CallTotals, ErrorClass, ErrorRecord, Usage, WorkerIdentity
from parallel_agents.core.settlement import Settlement
from parallel_agents.core.states import Trigger
from parallel_agents.core.task import Task, TaskRecord
from parallel_agents.journal import SqliteJournal
from parallel_agents.ports.entries import CanvasLanding, Change
from parallel_agents.ports.journal import Reader

T = TypeVar("T")

EXECUTION = "exec-00000000000000a1"
OTHER = "exec-00000000000000b2"
OUTPUT = msgspec.msgpack.encode({"score": None})
WORKER = WorkerIdentity(
    pid=4242, thread_id="thread-1", node="node-1", baseline_mb=12.5, effective={"memory": "rlimit_data"}
)


def bare(path: Path | str) -> Any:
    """Open the file past the journal. (The annotations of apsw need a newer Python than ours.)"""
    return apsw.Connection(str(path))


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def an_execution(execution_id: str = EXECUTION, **changes: Any) -> ExecutionRecord:
    record = ExecutionRecord(
        execution_id=execution_id,
        submitted_at=1000.5,
        max_concurrent=8,
        model="offline",
        source="笔记库/离散数学.canvas",
        vault_root="笔记库",
        settings=b'{"model":"offline"}',
        agents=(AgentRecord(name="scoring-agent", target="agents:run", spec="# 评分", context_tokens=4096),),
    )
    return msgspec.structs.replace(record, **changes)


def a_task(position: int, **changes: Any) -> Task:
    task = Task(
        task_id=f"task-{position:016x}",
        position=position,
        agent_name="scoring-agent",
        input_data=msgspec.msgpack.encode({"material_text": "什么是逆否命题？", "position": position}),
        priority="normal",
        rank=2,
        timeout_s=30.0,
        retry_attempts=3,
        memory_mb=64.0,
        canvas_path="笔记库/离散数学.canvas",
        node_id=f"node-{position}",
        metadata=msgspec.msgpack.encode({"chapter": 3}),
    )
    return msgspec.structs.replace(task, **changes)


def tasks(number: int) -> list[Task]:
    return [a_task(position) for position in range(number)]


def settled(key: int, attempt: int, trigger: Trigger = Trigger.SUCCEEDED, **changes: Any) -> Settlement:
    if trigger is Trigger.SUCCEEDED:
        told: dict[str, Any] = {"outcome": "succeeded", "output": OUTPUT, "result_status": "success"}
    else:
        told = {"outcome": "failed", "error": an_error()}
    settlement = Settlement(
        key=key,
        attempt=attempt,
        trigger=trigger,
        at=2000.0,
        duration_ms=120.0,
        usage=Usage(cpu_ms=80.0, peak_memory_mb=3.5, thread_id="thread-9"),
        calls=CallTotals(
            calls=2,
            replayed=1,
            generation_ms=90.0,
            waited_ms=15.0,
            input_tokens=256,
            output_tokens=189,
            model="offline:extract",
            is_language_model=False,
        ),
        **told,
    )
    return msgspec.structs.replace(settlement, **changes)


def an_error(message: str = "the provider is overloaded") -> ErrorRecord:
    return ErrorRecord(error_class=ErrorClass.TRANSIENT, type="TransientError", message=message, traceback="Traceback…")


def a_landing(execution_id: str = EXECUTION) -> CanvasLanding:
    return CanvasLanding(
        execution_id=execution_id,
        canvas_path="/笔记库/离散数学.canvas",
        begun_at=5.0,
        added=msgspec.msgpack.encode({"nodes": [{"id": "0123456789abcdef", "text": "什么是命题？"}]}),
        reversal=msgspec.msgpack.encode({"digest": "ab", "patches": []}),
        nodes_before=3,
        nodes_after=4,
        edges_before=0,
        edges_after=0,
    )


def landings_of(journal: SqliteJournal, execution_id: str = EXECUTION) -> list[CanvasLanding]:
    return journal.read_now(lambda reader: reader.landings(execution_id))


def record_of(journal: SqliteJournal, key: int, execution_id: str = EXECUTION) -> TaskRecord:
    return {record.key: record for record in records_of(journal, execution_id)}[key]


def records_of(journal: SqliteJournal, execution_id: str = EXECUTION) -> list[TaskRecord]:
    return journal.read_now(lambda reader: reader.tasks(execution_id))


def keys_of(journal: SqliteJournal, execution_id: str = EXECUTION) -> list[int]:
    return [record.key for record in records_of(journal, execution_id)]


def counts_of(journal: SqliteJournal, execution_id: str = EXECUTION) -> Counts:
    return journal.read_now(lambda reader: reader.counts(execution_id))


def execution_of(journal: SqliteJournal, execution_id: str = EXECUTION) -> ExecutionRecord:
    found = journal.read_now(lambda reader: reader.execution(execution_id))
    assert found is not None
    return found


def history_of(journal: SqliteJournal, execution_id: str = EXECUTION) -> list[Change]:
    return journal.read_now(lambda reader: reader.history(execution_id))


def seen(journal: SqliteJournal, query: Callable[[Reader], T]) -> T:
    return journal.read_now(query)


async def settle_one(journal: SqliteJournal, settlement: Settlement) -> bool:
    return (await journal.settle(settlement)).landed


async def submitted(journal: SqliteJournal, number: int, execution_id: str = EXECUTION) -> list[int]:
    await journal.submit(an_execution(execution_id), tasks(number))
    return keys_of(journal, execution_id)
