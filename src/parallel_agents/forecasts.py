"""Foretells a batch from what the journal knows of others like it. Makes no call, and writes nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec

from parallel_agents.agents.needs import contract_output, foreseen_input
from parallel_agents.agents.parsing import parse_spec
from parallel_agents.agents.registry import calls_by_itself, own_budget_of
from parallel_agents.agents.spec import AgentSpec
from parallel_agents.core.execution import AgentRecord, ExecutionRecord
from parallel_agents.core.forecast import Forecast, Observed, Range, Source, Work, forecast
from parallel_agents.core.prices import PER, Pricing
from parallel_agents.core.schedule import LaneLimits, Slots
from parallel_agents.core.settings import Settings
from parallel_agents.core.states import State
from parallel_agents.core.task import Task, TaskRecord
from parallel_agents.models.prices import pricing_of
from parallel_agents.models.providers import OFFLINE, is_on_this_machine
from parallel_agents.ports.journal import Journal, Reader

MOST_OBSERVED = 200
_MOST_EXECUTIONS = 50
_PAGE = 100
_ENDED = (State.COMPLETED, State.FAILED)


class Forecaster:
    """Foretells batches under settings; the journal is only read."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], journal: Journal) -> None:
        self._settings = settings
        self._environ = environ
        self._journal = journal

    async def forecast(
        self,
        execution: ExecutionRecord,
        tasks: Sequence[Task],
        at: float,
        *,
        reuses: bool = False,
        pilots: Collection[str] = (),
    ) -> Forecast:
        """Foretell these tasks, submitted at this time (seconds since the epoch).

        Tasks whose input is made of the results of others are left out. With `reuses`, those that were answered before
        need nothing. What ran in the executions `pilots` goes before everything else that the journal knows.
        """
        agents = execution.agents
        reused = await self._reused(tasks) if reuses else frozenset[int]()
        # What a later step will ask is in results that are not there yet.
        left = [task for position, task in enumerate(tasks) if position not in reused and task.binding is None]
        of_agent = {agent.name: [task for task in left if task.agent_name == agent.name] for agent in agents}
        seen = await self._journal.read(lambda reader: _History(reader, agents, pilots).read())

        def foretell() -> Forecast:
            works = [self._work(agent, of_agent[agent.name], seen) for agent in agents if of_agent[agent.name]]
            return msgspec.structs.replace(forecast(works, self._slots(execution, agents), at), reused=reused)

        # In a thread: the list of prices is slow to load, and a large batch takes a second.
        return await asyncio.to_thread(foretell)

    async def _reused(self, tasks: Sequence[Task]) -> frozenset[int]:
        asked = {task.fingerprint for task in tasks if task.fingerprint is not None}
        known = await self._journal.read(lambda reader: reader.answered(asked)) if asked else frozenset[bytes]()
        return frozenset(position for position, task in enumerate(tasks) if task.fingerprint in known)

    def _work(self, agent: AgentRecord, tasks: Sequence[Task], seen: _Seen) -> Work:
        reaches_out, pays = calls_by_itself(agent), own_budget_of(agent) is not None
        # What such a program adds to a request, and whom it asks, nobody sees.
        spec = None if reaches_out else spec_of(agent)
        inputs = [_values(task) for task in tasks]
        known, by = seen.of(agent)
        has_model = agent.model is not None and agent.model != OFFLINE
        pricing = None if agent.model is None else pricing_of(agent.model, self._settings, self._environ)
        return Work(
            agent=agent.name,
            model=agent.model,
            inputs=tuple(None if spec is None else foreseen_input(spec, values) for values in inputs),
            observed=tuple(known),
            observed_by=by,
            ratios=tuple(seen.ratios[agent.model]),
            contract_output=None if spec is None else _mean([contract_output(spec, values) for values in inputs]),
            pricing=pricing,
            has_no_model=not has_model and not reaches_out,
            may_cost=pays or (has_model and self._may_cost(agent.model or "", pricing)),
        )

    def _may_cost(self, model: str, pricing: Pricing | None) -> bool:
        if pricing is None:
            # A server on this machine is the user's own.
            return not is_on_this_machine(model, self._settings, self._environ)
        return pricing.most_usd(input_tokens=PER, output_tokens=PER) > 0

    def _slots(self, execution: ExecutionRecord, agents: Sequence[AgentRecord]) -> Slots:
        named = {agent.name: self._settings.agent_settings(agent.name).max_concurrent for agent in agents}
        caps = {agent.name: named[agent.name] or agent.max_concurrent for agent in agents}
        return Slots(
            at_once=execution.max_concurrent,
            by_agent={name: cap for name, cap in caps.items() if cap is not None},
            lanes={agent.model: self._lane(agent.model) for agent in agents if agent.model is not None},
        )

    def _lane(self, model: str) -> LaneLimits:
        chosen = self._settings.model_settings(model)
        return LaneLimits(
            requests_per_minute=chosen.requests_per_minute,
            input_tokens_per_minute=chosen.input_tokens_per_minute,
            output_tokens_per_minute=chosen.output_tokens_per_minute,
            at_once=chosen.max_concurrent,
        )


def spec_of(agent: AgentRecord) -> AgentSpec | None:
    """The agent's spec where its calls follow from it; None for one in Python, whose calls nobody can foresee."""
    return None if agent.spec is None else _parsed(agent.spec, agent.spec_path or agent.name)


@lru_cache(maxsize=64)
def _parsed(text: str, place: str) -> AgentSpec | None:
    spec = parse_spec(text, place)
    return None if spec.output is None else spec


class _Seen:
    """What was observed, by agent (with its spec and model), and the ratios of each model."""

    def __init__(self) -> None:
        self.by_pilot: defaultdict[tuple[str, str | None, str | None], list[Observed]] = defaultdict(list)
        self.earlier: defaultdict[tuple[str, str | None, str | None], list[Observed]] = defaultdict(list)
        self.ratios: defaultdict[str | None, list[float]] = defaultdict(list)

    def of(self, agent: AgentRecord) -> tuple[list[Observed], Source]:
        """The pilot's where there are some, else what was before."""
        key = _key(agent)
        if self.by_pilot[key]:
            return self.by_pilot[key], Source.PILOT
        return self.earlier[key], Source.EARLIER


class _History:
    """Reads the newest executions, as many tasks as say enough."""

    def __init__(self, reader: Reader, agents: Sequence[AgentRecord], pilots: Collection[str]) -> None:
        self._reader = reader
        self._wanted = {_key(agent) for agent in agents}
        self._models = {agent.model for agent in agents}
        self._pilots = pilots
        self._seen = _Seen()

    def read(self) -> _Seen:
        """Read it."""
        for record in self._reader.executions()[:_MOST_EXECUTIONS]:
            known = {agent.name: agent for agent in record.agents if agent.model in self._models}
            for task in self._tasks_of(record, known):
                self._take(record, known[task.task.agent_name], task)
        return self._seen

    def _tasks_of(self, record: ExecutionRecord, known: Collection[str]) -> Iterator[TaskRecord]:
        after, left = -1, MOST_OBSERVED
        while known and left > 0:
            page = self._reader.tasks(record.execution_id, states=_ENDED, after=after, limit=min(_PAGE, left))
            if not page:
                return
            yield from (task for task in page if task.task.agent_name in known)
            after, left = page[-1].task.position, left - len(page)

    def _take(self, record: ExecutionRecord, agent: AgentRecord, task: TaskRecord) -> None:
        one = _observed(agent, task)
        if one is None:
            return
        if _key(agent) in self._wanted:
            place = self._seen.by_pilot if record.execution_id in self._pilots else self._seen.earlier
            if len(place[_key(agent)]) < MOST_OBSERVED:
                place[_key(agent)].append(one)
        ratios = self._seen.ratios[agent.model]
        if one.input_tokens is not None and one.foreseen_input and len(ratios) < MOST_OBSERVED:
            ratios.append(one.input_tokens / one.foreseen_input)


def _key(agent: AgentRecord) -> tuple[str, str | None, str | None]:
    # With the text of its spec: another prompt gets other answers.
    return agent.name, agent.spec, agent.model


def _observed(agent: AgentRecord, task: TaskRecord) -> Observed | None:
    """What a task did; None where it tells nothing of another one.

    That is where answers came from the ledger, and where the agent did not get as far as its call.
    """
    spec, attempts = spec_of(agent), task.attempts
    calls = sum(one.calls for one in attempts)
    if any(one.replayed for one in attempts) or (spec is not None and not calls) or not attempts:
        return None
    busy = [_busy_s(one.started_at, one.ended_at, one.waited_ms) for one in attempts]
    return Observed(
        calls=calls,
        foreseen_input=None if spec is None else foreseen_input(spec, _values(task.task)),
        input_tokens=_told([one.input_tokens for one in attempts], calls),
        output_tokens=_told([one.output_tokens for one in attempts], calls),
        busy_s=None if None in busy else sum(filter(None, busy)),
    )


def _told(counts: Sequence[int | None], calls: int) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known or not calls else None


def _busy_s(begun: float, ended: float | None, waited_ms: float | None) -> float | None:
    span_s = None if ended is None else ended - begun - (waited_ms or 0.0) / 1000
    # The wall clock may have been set back meanwhile.
    return span_s if span_s is not None and span_s >= 0 else None


def _values(task: Task) -> dict[str, object]:
    return msgspec.msgpack.decode(task.input_data, type=dict[str, object])


def _mean(ranges: Sequence[Range | None]) -> Range | None:
    known = [one for one in ranges if one is not None]
    return sum(known, Range(0.0, 0.0, 0.0)) * (1 / len(known)) if known else None
