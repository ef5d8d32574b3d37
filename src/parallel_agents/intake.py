"""Turns what a caller submits into an execution and tasks with every limit resolved; nothing is kept or started yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from parallel_agents.agents.registry import (
    Agent,
    AgentRegistry,
    missing_fields,
    own_budget_of,
    variables_of,
    with_known_fields,
)
from parallel_agents.core.budget import Budget, budget_of, with_limits
from parallel_agents.core.errors import AgentError, ConcurrencyError, ModelError, TaskError
from parallel_agents.core.execution import AgentRecord, ExecutionRecord, models_of
from parallel_agents.core.ids import new_id
from parallel_agents.core.levels import available, obstacle, own_level
from parallel_agents.core.settings import IsolationLevel, Level, Settings
from parallel_agents.core.submission import TaskMapping, packed_input, parse_task, parse_tasks, resolve_task
from parallel_agents.core.task import Task
from parallel_agents.fingerprinting import Fingerprinting, digest_of
from parallel_agents.ports.entries import Request


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a batch comes from. `places` say it for every task (a file and line), for messages.

    `fresh` asks anew what was answered before; `key` is its idempotency key.
    """

    source: str | None = None
    vault_root: str | None = None
    places: Sequence[str] = ()
    fresh: bool = False
    key: str | None = None

    def place(self, position: int) -> str:
        """The place of one task; empty where only its position is known."""
        return self.places[position] if self.places else ""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """An execution that can be submitted as the `request` says; `models` are those that its agents will call.

    `workers` of the configured level are worth starting ahead: tasks at another level of their agent need none.
    """

    execution: ExecutionRecord
    request: Request
    tasks: list[Task]
    models: list[str]
    workers: int


class Intake:
    """Prepares batches under settings. `check_model` gives the full name of a model and `place_of` where it is.

    `environ` holds the variables that commands may ask for.
    """

    def __init__(
        self,
        settings: Settings,
        agents: AgentRegistry,
        *,
        check_model: Callable[[str | None], str],
        place_of: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
        environ: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._agents = agents
        self._check_model = check_model
        self._random_bytes = random_bytes
        self._environ = environ
        self._fingerprinting = Fingerprinting(settings, agents, place_of)

    def prepare(
        self,
        tasks: Sequence[Mapping[str, Any]],
        max_concurrent: int | None,
        model: str | None,
        origin: Origin,
        *,
        budget: Budget | None = None,
    ) -> Batch:
        """Check a batch whole.

        Raises:
            InputError: a task, an agent, the model or the concurrency is wrong.
        """
        opened = self.open(max_concurrent, origin, budget=budget)
        parsed = parse_tasks(tasks, origin.places)
        agents = self._agent_records(parsed, model, origin)
        self._refuse_uncounted(agents, opened.budget)
        execution = msgspec.structs.replace(
            opened, model=next((agent.model for agent in agents if agent.model is not None), None), agents=agents
        )
        by_name = {agent.name: agent for agent in agents}
        resolved = [
            self._resolved(task, position, origin.place(position), by_name) for position, task in enumerate(parsed)
        ]
        elsewhere = {agent.name for agent in agents if agent.isolation not in (None, self._level)}
        here = sum(task.agent_name not in elsewhere for task in resolved)
        workers = min(execution.max_concurrent, here)
        batch = None if origin.key is None else digest_of(parsed, agents)
        request = msgspec.structs.replace(self.request(origin), idempotency_key=origin.key, batch=batch)
        return Batch(execution=execution, request=request, tasks=resolved, models=models_of(agents), workers=workers)

    def request(self, origin: Origin) -> Request:
        """How an execution from there is asked for, its idempotency key left out."""
        return Request(reuses=self._settings.reuse_results and not origin.fresh)

    def open(self, max_concurrent: int | None, origin: Origin, *, budget: Budget | None = None) -> ExecutionRecord:
        """An execution whose tasks are still to come; the configured budget is that of what `budget` leaves open.

        Raises:
            ConcurrencyError: a concurrency beyond the limits.
        """
        return ExecutionRecord(
            execution_id=new_id("exec", self._random_bytes(8)),
            submitted_at=0.0,
            max_concurrent=self.concurrency(max_concurrent),
            model=None,
            source=origin.source,
            vault_root=origin.vault_root,
            settings=msgspec.json.encode(self._settings),
            agents=(),
            budget=self._budget(budget),
        )

    def accept(
        self, task: Mapping[str, Any], position: int, model: str | None, *, budget: Budget | None = None
    ) -> tuple[Task, AgentRecord]:
        """Check one task of an open execution with this budget; returns it with its agent.

        Raises:
            InputError: the task, its agent or the model is wrong.
        """
        parsed = parse_task(task, position, "")
        (agent,) = self._agent_records([parsed], model, Origin())
        self._refuse_uncounted([agent], self._budget(budget))
        return self._resolved(parsed, position, "", {agent.name: agent}), agent

    def bound(self, task: Task, values: Mapping[str, Any], record: AgentRecord) -> Task:
        """A task that was taken in without an input, with these values for it; those that its agent knows count.

        Raises:
            TaskError: a required field is missing, or a value cannot be kept.
        """
        agent = self._agents.recorded(record)
        known = with_known_fields(agent, values, task.canvas_path)
        if agent.fields and not agent.takes_all:
            known = {name: value for name, value in known.items() if name in agent.fields}
        if missing := missing_fields(agent, known):
            raise TaskError(
                task.position,
                f"{agent.name} needs {', '.join(missing)}",
                key="input_data",
                place=f"task {task.task_id}",
            )
        packed = packed_input(known, task.position, f"task {task.task_id}")
        return msgspec.structs.replace(task, input_data=packed, fingerprint=self._fingerprinting.of(record, known))

    def check_agents(self, agents: Sequence[AgentRecord], budget: Budget | None) -> None:
        """Hold what agents were submitted with against settings, environment and budget of now. Raises `AgentError`."""
        self._refuse_uncounted(agents, budget)
        for agent in agents:
            self._check_level(agent.name, agent.isolation, agent.spec_path)
            self._check_variables(agent.name, variables_of(agent), agent.spec_path)

    def _budget(self, asked: Budget | None) -> Budget | None:
        usual = self._settings.budget
        return with_limits(budget_of(usual.usd, usual.tokens), asked)

    def concurrency(self, asked: int | None) -> int:
        """The number asked for, or the configured one. Raises `ConcurrencyError` for one beyond the limits."""
        processing = self._settings.parallel_processing
        if not processing.enabled:
            return 1
        if asked is None:
            return min(processing.default_max_concurrent, processing.most_at_once)
        # bool is an int to Python, and no concurrency.
        if isinstance(asked, bool) or not isinstance(asked, int) or not 1 <= asked <= processing.most_at_once:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConcurrencyError(asked, processing.most_at_once, processing.key_of_most_at_once)
        return asked

    def model_of(self, model: str | None) -> str | None:
        """The full name of a model, by default the configured one; None where there is none. Raises `ModelError`."""
        chosen = model or self._settings.model
        return None if chosen is None else self._check_model(chosen)

    def _agent_records(
        self, tasks: Sequence[TaskMapping], model: str | None, origin: Origin
    ) -> tuple[AgentRecord, ...]:
        records: dict[str, AgentRecord] = {}
        for position, task in enumerate(tasks):
            agent = self._agents.resolve(task.agent_name, origin.place(position))
            if agent.name not in records:
                self._check_variables(agent.name, agent.env, agent.spec_path)
                chosen = None if agent.is_command else model or self._settings.model
                needed = self._check_model(chosen) if agent.needs_model or chosen is not None else None
                level, fallback = self._level_of(agent), self._fallback_of(agent, needed)
                records[agent.name] = self._agents.record(agent, needed, level, fallback)
        return tuple(records.values())

    def _fallback_of(self, agent: Agent, model: str | None) -> str | None:
        configured = self._settings.agent_settings(agent.name).fallback_model
        named = agent.fallback_model if configured is None else configured
        if named is None or model is None:
            return None
        try:
            fallback = self._check_model(named)
        except ModelError as error:
            key = f"agent_configs.{agent.name}.fallback_model" if configured is not None else "fallback_model"
            place = f"{agent.spec_path or agent.name}: " if configured is None else ""
            raise ModelError(named, f"{place}{key}: {error.problem}", hint=error.hint) from None
        return None if fallback == model else fallback

    @property
    def _level(self) -> str:
        return self._settings.parallel_processing.context_isolation.isolation_level

    def _level_of(self, agent: Agent) -> Level | None:
        level = own_level(agent.name, agent.isolation, self._settings)
        if agent.is_command and level != "process":
            problem = f"runs a command, which needs a worker of its own, not the isolation level {level}"
            hint = f"Take agent_configs.{agent.name}.isolation_level out."
            raise AgentError(agent.name, problem, place=agent.spec_path or "", hint=hint)
        self._check_level(agent.name, level, agent.spec_path)
        return available(level)

    def _check_variables(self, agent: str, names: Sequence[str], place: str | None) -> None:
        for name in names:
            if name not in self._environ:
                problem = f"asks under `env` for the environment variable {name}, which is not set"
                raise AgentError(agent, problem, place=place or "", hint="Set it, or take it out of `env`.")

    def _refuse_uncounted(self, agents: Sequence[AgentRecord], budget: Budget | None) -> None:
        # What such a program spends is known by its own estimate, and only afterwards: a budget would not be held.
        for agent in agents if budget is not None else ():
            if (most := own_budget_of(agent)) is not None:
                problem = "calls its model by itself, which the budget of an execution does not count"
                hint = f"Leave the budget out: each of its attempts may spend {most:g} USD (`max_budget_usd`)."
                raise AgentError(agent.name, problem, place=agent.spec_path or "", hint=hint)

    def _check_level(self, agent: str, level: IsolationLevel | None, place: str | None) -> None:
        found = None if level is None else obstacle(level, self._settings)
        if found is not None:
            problem = f"cannot run at its isolation level, {level}: that {found.problem}"
            raise AgentError(agent, problem, place=place or "", hint=found.hint)

    def _resolved(self, task: TaskMapping, position: int, place: str, records: Mapping[str, AgentRecord]) -> Task:
        agent = self._agents.resolve(task.agent_name)
        # A task that gets its input later has none, not even a topic.
        known = task.input_data if task.binding else with_known_fields(agent, task.input_data, task.canvas_path)
        if task.binding is None and (missing := missing_fields(agent, known)):
            hint = f"{agent.name} reads {', '.join(agent.fields)}."
            raise TaskError(
                position, f"{agent.name} needs {', '.join(missing)}", key="input_data", hint=hint, place=place
            )
        task = msgspec.structs.replace(task, agent_name=agent.name, input_data=known)
        resolved = resolve_task(task, position, place, self._settings, agent.limits, self._random_bytes(8))
        # What it asks is known once it has its input.
        fingerprint = None if task.binding is not None else self._fingerprinting.of(records[agent.name], known)
        return msgspec.structs.replace(resolved, fingerprint=fingerprint)
