"""The public Python API: submit tasks, follow them, get their results."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from parallel_agents.agents.registry import AgentRegistry, Target
from parallel_agents.archive import Archive
from parallel_agents.assembly import JournalDoor, Service, SystemClock
from parallel_agents.chaining import Chaining
from parallel_agents.configuration import changed, load, refuse_unavailable
from parallel_agents.control import Control
from parallel_agents.core.budget import Budget
from parallel_agents.core.errors import EngineClosedError
from parallel_agents.core.events import Event
from parallel_agents.core.execution import AgentRecord
from parallel_agents.core.forecast import Forecast
from parallel_agents.core.metrics import Resources
from parallel_agents.core.settings import IsolationLevel, Settings
from parallel_agents.core.task import Task
from parallel_agents.forecasts import Forecaster
from parallel_agents.intake import Intake, Origin
from parallel_agents.models.prices import refuse_unpriced
from parallel_agents.models.providers import place_of, usable
from parallel_agents.ports.journal import Journal
from parallel_agents.starting import Starter
from parallel_agents.streaming import BatchStream

DEFAULT_CONFIG = "config/parallel_agents.yaml"


class ParallelAgentExecutor(Archive):
    """Runs agents on many inputs at a time, each in a worker process, every result durable.

    Use it as `async with`, or let the first submit start it and call `aclose`. Closing stops what runs without losing
    anything: `resume_execution` goes on, in this process or another.

    `config_path` is a configuration file; the default one may be missing. `journal` and `model` override what the
    configuration says; `settings` replaces it.
    """

    def __init__(
        self,
        config_path: str | Path = DEFAULT_CONFIG,
        *,
        settings: Settings | None = None,
        journal: str | Path | None = None,
        model: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        named = None if str(config_path) == DEFAULT_CONFIG else config_path
        self.settings = settings if settings is not None else load(named, self._environ)
        if model is not None:
            self.settings = msgspec.structs.replace(self.settings, model=model)
        super().__init__(JournalDoor(self.settings, journal, self._environ), SystemClock())
        self.agents = AgentRegistry()
        self._made: Service | None = None
        self._closed = False
        self._chance = random.SystemRandom()
        self._listeners: list[Callable[[Event], None]] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def journal(self) -> Journal:
        """The journal, opened at the first use. Raises `JournalError`, also when the executor has been closed."""
        return self._journals.opened()

    async def start(self, *, warm: int | None = None, models: Sequence[str] = ()) -> None:
        """Start `warm` workers (the configured number by default) and load the clients of `models`. Safe to repeat.

        Raises:
            JournalError, PoolError, ConfigurationError: a part cannot start.
        """
        if self._running is not None:
            return
        most = self.settings.parallel_processing.process_pool.worker_processes
        await self._service.start(warm=most if warm is None else min(warm, most), models=models)

    async def aclose(self) -> None:
        """Stop what runs, uncharged, end every worker and close the journal, for good. Safe to call twice.

        Whoever waits for an execution that has not ended gets an `EngineClosedError`.
        """
        self._closed = True
        service, self._made = self._made, None
        try:
            if service is not None:
                await service.aclose()
        finally:
            await self._journals.aclose()

    def register_agent(
        self,
        name: str,
        target: Target,
        *,
        description: str = "",
        isolation: IsolationLevel | None = None,
        reusable: bool = False,
    ) -> None:
        """Add a Python agent: `async def run(context) -> Mapping`, as an import string or a module-level function.

        `isolation` is the level that it runs at, where the configuration says nothing else of it. `reusable` says that
        its result is all that it does, so that one of an earlier run with the same code, model and input may serve.

        Raises:
            AgentError: the target cannot be run in a worker, the name is taken, or there is no such level.
        """
        self.agents.register(name, target, description=description, isolation=isolation, reusable=reusable)

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` for every event of this executor's executions, on its event loop."""
        self._listeners.append(listener)
        if self._made is not None:
            self._made.engine.announcer.subscribe(listener)

    def check_model(self, model: str | None = None) -> str:
        """Return the full name of the model that would run. Raises `ModelError`."""
        return usable(model or self.settings.model, self.settings, self._environ)

    async def submit_batch_tasks(
        self,
        tasks: Sequence[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        max_concurrent: int | None = None,
        *,
        model: str | None = None,
        source: str | None = None,
        vault_root: str | None = None,
        places: Sequence[str] = (),
        budget: Budget | None = None,
        fresh: bool = False,
        idempotency_key: str | None = None,
    ) -> str:
        """Journal a batch and start running it; returns its execution id.

        A task is a mapping with `agent_name` and `input_data`, and optionally `task_id`, `canvas_path`, `node_id`,
        `priority`, `timeout_seconds`, `retry_attempts`, `metadata`. `places` say where each came from, for messages.

        `budget` is the most that the execution may spend in all; what it leaves open is as configured.
        A task that was answered before (same agent, model, settings and input) is completed with that result at once,
        unless `fresh` is set. The same batch under the same `idempotency_key` is the same execution, in whatever
        process and state: its id is returned, and nothing is started.

        An async iterable is read no faster than its tasks are done, and the call returns when it is at its end.
        `open_batch` gives the id at once.

        Raises:
            InputError: a task, an agent, the model or the concurrency is wrong, the key is that of another batch, or
                money is to be counted at a model whose price is not known; nothing was journaled. Of an async iterable,
                which has no key, the tasks before the wrong one were, and run.
        """
        origin = Origin(source=source, vault_root=vault_root, places=places, fresh=fresh, key=idempotency_key)
        if not isinstance(tasks, AsyncIterable):
            return await self._starter.submit(tasks, max_concurrent, model, origin, budget=budget)
        async with self._starter.open(max_concurrent, model, origin, budget=budget) as batch:
            async for task in tasks:
                await batch.submit(task)
        return batch.execution_id

    def open_batch(
        self,
        max_concurrent: int | None = None,
        *,
        model: str | None = None,
        source: str | None = None,
        vault_root: str | None = None,
        budget: Budget | None = None,
        fresh: bool = False,
    ) -> BatchStream:
        """A batch to hand tasks in one by one while others of it run: `async with executor.open_batch() as batch`.

        `budget` and `fresh` as in `submit_batch_tasks`.

        Entering it raises `InputError` for a wrong concurrency or model, or a model without a price where the budget is
        one of money.
        """
        origin = Origin(source=source, vault_root=vault_root, fresh=fresh)
        return self._starter.open(max_concurrent, model, origin, budget=budget)

    async def plan(
        self,
        tasks: Sequence[Mapping[str, Any]],
        max_concurrent: int | None = None,
        *,
        model: str | None = None,
        places: Sequence[str] = (),
        pilots: Collection[str] = (),
        fresh: bool = False,
    ) -> Forecast:
        """Foretell what a batch will likely need: tokens, cost, time. Nothing is called, started or journaled.

        What was answered before needs nothing, unless `fresh` is set. It goes by what tasks of the same agent and model
        did that the journal knows, first those of the executions `pilots`; else by the requests and the agent's
        contract.

        Raises:
            InputError: as `submit_batch_tasks`.
        """
        batch = self._intake.prepare(tasks, max_concurrent, model, Origin(places=places, fresh=fresh))
        forecaster = Forecaster(self.settings, self._environ, self._journals.to_look())
        now, reuses = self._clock.now(), batch.request.reuses
        return await forecaster.forecast(batch.execution, batch.tasks, now, reuses=reuses, pilots=pilots)

    async def resume_execution(self, execution_id: str, *, budget: Budget | None = None) -> bool:
        """Go on with an execution that nobody runs, or that is paused here or elsewhere; False when it has ended.

        `budget` is the new total, what was spent before included; what it leaves open stays as it was.

        Raises:
            UnknownExecutionError: the journal has none with this id.
            OwnershipError: another process is running it.
            InputError: a model, or an isolation level or variable of its agents, cannot be had here; or there is a
                budget now and was none before.
        """
        return await self._starter.go_on(execution_id, budget=budget)

    async def wait(self, execution_id: str, *, through_pauses: bool = False) -> dict[str, Any]:
        """Wait until an execution of this executor has ended, is paused or drained; returns its document.

        With `through_pauses`, wait on while it is paused for a closed lane (quota, billing, …): that ends by itself.

        Raises:
            ParallelAgentsError: what broke the engine.
        """
        await self.join(execution_id, through_pauses=through_pauses)
        return await self.get_execution_results(execution_id)

    async def join(self, execution_id: str, *, through_pauses: bool = False) -> None:
        """As `wait`, without reading the document."""
        if self._running is not None:
            await self._running.wait(execution_id, through_pauses=through_pauses)
            if self._closed:
                raise EngineClosedError(execution_id)

    def runs(self, execution_id: str) -> bool:
        """Tell whether this executor runs the execution."""
        return self._running is not None and self._running.engine.is_live(execution_id)

    def drain(self) -> None:
        """Start nothing more; what runs goes on to its end, then `wait` returns."""
        if self._running is not None:
            self._running.engine.drain()

    async def interrupt(self) -> None:
        """Start nothing more and stop what runs, uncharged; `wait` returns."""
        if self._running is not None:
            await self._running.engine.interrupt()

    async def cancel_execution(self, execution_id: str) -> bool:
        """Cancel an execution, whoever runs it; False when it had ended already.

        When it returns, nothing more starts, and what ran here has been stopped. Finished results are kept.

        Raises:
            UnknownExecutionError: the journal has none with this id.
            OwnershipError: the process that runs it did not answer.
        """
        await self.executions.record(execution_id)
        return await self._control.cancel(execution_id)

    async def pause_execution(self, execution_id: str) -> bool:
        """Start nothing more of an execution, whoever runs it; what runs goes on to its end. False when it had ended.

        `resume_execution` goes on with it.

        Raises:
            UnknownExecutionError: the journal has none with this id.
            OwnershipError: the process that runs it did not answer.
        """
        await self.executions.record(execution_id)
        return await self._control.pause(execution_id)

    async def change_concurrency(self, execution_id: str, max_concurrent: int, *, agent: str | None = None) -> bool:
        """Run at most so many attempts of an execution at once from now on, whoever runs it. False when it had ended.

        Attempts that run are left alone. With `agent`, the bound is on that agent's. Without, the document tells no
        ideal and no utilization any more: they have no one number to be measured by.

        Raises:
            InputError: there is no such execution; it has no task of that agent; no whole number from 1 to the limit.
            OwnershipError: the process that runs it did not answer, or its own limit is lower.
        """
        await self.executions.record(execution_id)
        number = self._intake.concurrency(max_concurrent)
        return await self._control.change_concurrency(execution_id, number, agent)

    async def retry_execution(self, execution_id: str, task_ids: Sequence[str] | None = None) -> int:
        """Try failed, skipped and cancelled tasks again (all, or those named); returns how many.

        Charges start from 0. Whoever runs the execution goes on with it; when nobody does, this executor does.

        Raises:
            UnknownExecutionError: the journal has none with this id.
            InputError: a named task is not one of the execution.
            OwnershipError: the process that runs it did not answer.
        """
        return await self._starter.retry(execution_id, task_ids)

    def configure_parallel_settings(self, settings: Mapping[str, Any]) -> bool:
        """Change keys of `parallel_processing` (a nested mapping): all of them, or none.

        Limits, order, retries, fallbacks, the pool and monitoring change at once, also for what runs; limits that a
        task gets when it is submitted (time, memory, retries) hold for later submits. docs/reference/settings.md has it
        key by key. An execution that is resumed later goes by the settings that it was submitted under.

        Raises:
            ConfigurationError: a key or value is wrong, has no effect in this version, or takes effect only at a
                restart while something was started; nothing was changed.
        """
        self.settings = changed(
            self.settings, settings, "configure_parallel_settings", running=self._running is not None
        )
        if self._running is None:
            self._made = None
        else:
            self._running.change(self.settings)
        return True

    async def note_files(self, execution_id: str, paths: Sequence[str]) -> None:
        """Note files that were written for an execution, so that its document names them."""
        await self.journal.add_files(execution_id, paths)

    def _sampled(self, execution_id: str) -> Resources | None:
        return None if self._running is None else self._running.monitor.resources(execution_id)

    @property
    def _service(self) -> Service:
        if self._made is None:
            refuse_unavailable(self.settings, "configuration")  # before a journal is made
            bind = Chaining(self._intake).bind
            self._made = Service(
                self.settings, self.journal, self.agents, self._environ, accept=self._accept, bind=bind
            )
            for listener in self._listeners:
                self._made.engine.announcer.subscribe(listener)
        return self._made

    @property
    def _running(self) -> Service | None:
        return self._made if self._made is not None and self._made.started else None

    @property
    def _control(self) -> Control:
        engine = None if self._running is None else self._running.engine
        return Control(self.journal, engine, now=self._clock.now)

    @property
    def _intake(self) -> Intake:
        return Intake(
            self.settings,
            self.agents,
            check_model=self.check_model,
            place_of=lambda model: place_of(model, self.settings, self._environ),
            random_bytes=self._chance.randbytes,
            environ=self._environ,
        )

    @property
    def _starter(self) -> Starter:
        return Starter(
            self._intake,
            executions=lambda: self.executions,
            control=lambda: self._control,
            journal=lambda: self.journal,
            service=lambda: self._service,
            start=self.start,
            check_prices=lambda models: refuse_unpriced(models, self.settings, self._environ),
            now=self._clock.now,
        )

    def _accept(self, task: Mapping[str, Any], position: int, model: str | None) -> tuple[Task, AgentRecord]:
        return self._intake.accept(task, position, model)
