"""A task: one agent on one input, as submitted and as the journal holds it."""

from __future__ import annotations

import msgspec

from parallel_agents.core.outcome import ErrorRecord
from parallel_agents.core.states import State


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One submitted task with every limit resolved.

    `input_data` and `metadata` are msgpack maps. `rank` is the priority's place, 0 first. `position` counts from 0
    in the submitted order. `memory_mb` is a budget above the worker's baseline. It runs once every task that it
    `depends_on` (ids of its execution) is completed. `parent_id` is the task that handed it in while it ran and `depth`
    the number of those above it: 0 for a task that was submitted. `fingerprint` is a digest of what it asks, None where
    its result serves nobody else; a task that is read from the journal does not have it. `binding`, a msgpack map of a
    `core.chains.Binding`, says how it gets its input later; it too is not read back.
    """

    task_id: str
    position: int
    agent_name: str
    input_data: bytes
    priority: str
    rank: int
    timeout_s: float
    retry_attempts: int
    memory_mb: float
    canvas_path: str | None = None
    node_id: str | None = None
    metadata: bytes = b"\x80"
    depends_on: tuple[str, ...] = ()
    parent_id: str | None = None
    depth: int = 0
    fingerprint: bytes | None = None
    binding: bytes | None = None


def note_path(task: Task) -> str | None:
    """The path of the note that a task was made of; None where it was made of something else."""
    path = None if task.metadata == Task.metadata else msgspec.msgpack.decode(task.metadata).get("note_path")
    return path if isinstance(path, str) else None


def node_ids_of(task: Task) -> tuple[str, ...]:
    """The nodes that a task is about, its own first; none where it is about no node."""
    own = () if task.node_id is None else (task.node_id,)
    listed = None if task.metadata == Task.metadata else msgspec.msgpack.decode(task.metadata).get("node_ids")
    try:
        return tuple(dict.fromkeys((*own, *msgspec.convert(listed or (), tuple[str, ...]))))
    except msgspec.ValidationError:  # metadata is the caller's, and may mean something else by the name
        return own


class ReadyTask(msgspec.Struct, frozen=True, kw_only=True):
    """What the dispatcher needs of a pending task. `key` is the journal's number for it.

    `attempt` is the number of the last attempt, `charged` how many were charged, `losses` how many workers it lost.
    """

    key: int
    execution_id: str
    task: Task
    attempt: int
    charged: int
    losses: int
    final_round: bool


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One try as the journal holds it. Times are seconds since the epoch, durations milliseconds.

    `finish_reason` is what the provider said of its last answer; `kept_workdir` its work directory where that was kept.
    `cost_usd` is what its answers cost, and `unpriced` counts requests that may have cost something nobody told.
    """

    attempt: int
    worker_pid: int | None
    started_at: float
    ended_at: float | None
    outcome: str | None
    charged: bool
    error: ErrorRecord | None
    duration_ms: float | None
    waited_ms: float | None
    cpu_ms: float | None
    peak_memory_mb: float | None
    thread_id: str | None
    calls: int
    replayed: int
    generation_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    model: str | None
    is_language_model: bool | None
    effective: dict[str, str]
    finish_reason: str | None = None
    kept_workdir: str | None = None
    cached_input_tokens: int | None = None
    cost_usd: float | None = None
    unpriced: int = 0


class ReuseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reused result comes from: the task that had the attempt, when it was completed, and by which model."""

    execution_id: str
    task_id: str
    node_id: str | None
    at: float
    model: str | None
    is_language_model: bool | None
    finish_reason: str | None


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One task as the journal holds it, with its attempts in order.

    `output` is the accepted msgpack map, still packed; None when there is none. `reused` tells of which task it is,
    where that is another one.
    """

    key: int
    execution_id: str
    task: Task
    state: State
    attempt: int
    charged: int
    losses: int
    submitted_at: float
    completed_at: float | None
    due_at: float | None
    output: bytes | None
    result_status: str | None
    result_reason: str | None
    fallback: str
    attempts: tuple[AttemptRecord, ...]
    reused: ReuseRecord | None = None
