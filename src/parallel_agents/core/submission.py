"""Turns the task mappings that callers submit into tasks with every limit resolved."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta

from parallel_agents.core.chains import Binding
from parallel_agents.core.dependencies import check_dependencies
from parallel_agents.core.errors import InputError, TaskError
from parallel_agents.core.ids import new_id
from parallel_agents.core.priority import rank_of
from parallel_agents.core.settings import Settings
from parallel_agents.core.task import Task

MOST_RETRIES = 1_000_000
MOST_DEPENDENCIES = 100_000
TaskId = Annotated[str, Meta(min_length=1, max_length=200)]


class TaskMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A task as a caller writes it. With a `binding` its input is made when what it depends on is completed."""

    agent_name: Annotated[str, Meta(min_length=1)]
    input_data: dict[str, Any]
    task_id: TaskId | None = None
    canvas_path: str | None = None
    node_id: str | None = None
    priority: str | None = None
    timeout_seconds: Annotated[float, Meta(gt=0)] | None = None
    retry_attempts: Annotated[int, Meta(ge=0, le=MOST_RETRIES)] | None = None
    metadata: dict[str, Any] = {}
    depends_on: Annotated[tuple[TaskId, ...], Meta(max_length=MOST_DEPENDENCIES)] = ()
    binding: Binding | None = None


N = TypeVar("N", int, float)
_HALF_A_CHARACTER = "holds half a character (a lone surrogate)"
_REQUIRED = ("agent_name", "input_data")
_TEXTS = ("agent_name", "task_id", "canvas_path", "node_id", "priority")
TASK_KEYS = tuple(field.name for field in msgspec.structs.fields(TaskMapping))


class AgentLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits that an agent's own spec gives; None leaves the configuration's value."""

    timeout_s: float | None = None
    retry_attempts: int | None = None
    memory_mb: float | None = None


def parse_tasks(mappings: Sequence[Mapping[str, Any]], places: Sequence[str] = ()) -> list[TaskMapping]:
    """Check every mapping. `places` name where each came from (a file and line), for messages.

    Raises:
        InputError: the batch is empty.
        TaskError: a mapping has a key that is not known, misses one, or holds a wrong value; an id comes twice; or a
            task depends on one that is not there, or on itself, also through others.
    """
    if not mappings:
        raise InputError("the batch is empty: there is no task to run")
    parsed = [
        parse_task(mapping, position, places[position] if places else "") for position, mapping in enumerate(mappings)
    ]
    seen: dict[str, int] = {}
    for position, task in enumerate(parsed):
        if task.task_id is not None and seen.setdefault(task.task_id, position) != position:
            first = places[seen[task.task_id]] if places else f"task {seen[task.task_id] + 1}"
            problem = f"{task.task_id!r} is the id of {first} already"
            raise TaskError(position, problem, key="task_id", place=places[position] if places else "")
    if any(task.depends_on for task in parsed):
        check_dependencies(
            [task.task_id for task in parsed],
            [task.depends_on for task in parsed],
            lambda position: places[position] if places else "",
        )
    return parsed


def resolve_task(
    task: TaskMapping, position: int, place: str, settings: Settings, agent: AgentLimits, random_bytes: bytes
) -> Task:
    """Fill in what a task leaves open: the task's own value, else the configuration's for its agent, else the spec's.

    `place` says where the task came from, for messages; empty where only its position is known.

    Raises:
        TaskError: the priority is not a level of the configuration, or the input holds what JSON cannot.
    """
    processing, own = settings.parallel_processing, settings.agent_settings(task.agent_name)
    levels = processing.task_queue.priority_levels
    try:
        rank = rank_of(task.priority, levels)
    except ValueError as error:
        raise TaskError(position, str(error), key="priority", place=place) from None
    return Task(
        task_id=task.task_id or new_id("task", random_bytes),
        position=position,
        agent_name=task.agent_name,
        input_data=_packed(task.input_data, position, place, "input_data"),
        priority=levels[rank],
        rank=rank,
        timeout_s=_first(
            task.timeout_seconds, own.timeout_seconds, agent.timeout_s, processing.process_pool.task_timeout_seconds
        ),
        retry_attempts=_first(
            task.retry_attempts, own.retry_attempts, agent.retry_attempts, processing.task_queue.task_retry_attempts
        ),
        memory_mb=_first(own.context_size_mb, agent.memory_mb, processing.context_isolation.context_size_limit_mb),
        canvas_path=task.canvas_path,
        node_id=task.node_id,
        metadata=_packed(task.metadata, position, place, "metadata"),
        depends_on=tuple(dict.fromkeys(task.depends_on)),
        binding=None
        if task.binding is None
        else _packed(msgspec.to_builtins(task.binding), position, place, "binding"),
    )


def packed_input(values: Mapping[str, Any], position: int, place: str) -> bytes:
    """An input as the journal keeps it. Raises `TaskError` where it holds what JSON cannot."""
    return _packed(values, position, place, "input_data")


def parse_task(mapping: Mapping[str, Any], position: int, place: str) -> TaskMapping:
    """Check one mapping. Raises `TaskError`, as `parse_tasks`."""
    if not isinstance(mapping, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TaskError(position, f"a task is a mapping, not {type(mapping).__name__}", place=place)
    _check_keys(mapping, position, place)
    try:
        task = msgspec.convert(dict(mapping), TaskMapping)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at ")
        key = path.strip("`").removeprefix("$.") or None
        raise TaskError(position, problem, key=key, place=place) from None
    _check_values(task, position, place)
    return task


def _check_keys(mapping: Mapping[str, Any], position: int, place: str) -> None:
    for key in mapping:
        if key not in TASK_KEYS:
            close = difflib.get_close_matches(str(key), TASK_KEYS, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"A task has the keys {', '.join(TASK_KEYS)}."
            raise TaskError(position, "is not a key of a task", key=str(key), hint=hint, place=place)
    for key in _REQUIRED:
        if key not in mapping:
            raise TaskError(position, "is missing", key=key, place=place)


def _check_values(task: TaskMapping, position: int, place: str) -> None:
    """Refuse what fits its type and can still not be kept: half characters, a time without an end."""
    for key in _TEXTS:
        if not _can_be_kept(getattr(task, key)):
            raise TaskError(position, _HALF_A_CHARACTER, key=key, place=place)
    if not all(map(_can_be_kept, task.depends_on)):
        raise TaskError(position, _HALF_A_CHARACTER, key="depends_on", place=place)
    if task.task_id in task.depends_on:
        raise TaskError(position, f"{task.task_id!r} depends on itself", key="depends_on", place=place)
    if task.binding is not None:
        _check_binding(task, task.binding, position, place)
    if task.timeout_seconds is not None and not math.isfinite(task.timeout_seconds):
        raise TaskError(position, "has no end", key="timeout_seconds", hint="Give it in seconds.", place=place)


def _check_binding(task: TaskMapping, binding: Binding, position: int, place: str) -> None:
    named = {name for names in binding.steps.values() for name in names}
    if not named or named != set(task.depends_on):
        problem = "has to name in `steps` the tasks that it depends on, each of them and no other"
        raise TaskError(position, problem, key="binding", place=place)
    if stray := [step for step in binding.lists if step not in binding.steps]:
        raise TaskError(
            position, f"has the list {stray[0]!r}, which is none of its `steps`", key="binding", place=place
        )


def _can_be_kept(text: str | None) -> bool:
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        return False
    return True


def _packed(value: Mapping[str, Any], position: int, place: str, key: str) -> bytes:
    try:
        if _is_endless(value):
            raise ValueError("it has a number that is not finite")
        return msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        raise TaskError(position, _HALF_A_CHARACTER, key=key, place=place) from None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        hint = "Use text, numbers, booleans, null, lists and mappings."
        raise TaskError(position, f"cannot be kept: {error}", key=key, hint=hint, place=place) from None


def _is_endless(value: object) -> bool:
    match value:
        case float():
            return not math.isfinite(value)
        case Mapping():
            return any(map(_is_endless, cast("Mapping[object, object]", value).values()))
        case list() | tuple():
            return any(map(_is_endless, cast("Sequence[object]", value)))
        case _:
            return False


def _first(*values: N | None) -> N:
    return next(value for value in values if value is not None)
