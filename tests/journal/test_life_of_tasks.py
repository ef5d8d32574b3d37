"""The journal against a plain model of it, under any order of writes that hypothesis can think of."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.journal.known import OPEN, REACHED, Known, Model
from tests.journal.scene import (
    EXECUTION,
    OTHER,
    OUTPUT,
    WORKER,
    a_task,
    an_execution,
    counts_of,
    execution_of,
    history_of,
    keys_of,
    records_of,
    seen,
    settled,
)

from parallel_agents.core.errors import JournalError
from parallel_agents.core.execution import Counts
from parallel_agents.core.outcome import CallTotals
from parallel_agents.core.retry import ENGINE_LOSS_LIMIT
from parallel_agents.core.states import SETTLED, TRANSITIONS, State, Trigger, move
from parallel_agents.journal import SqliteJournal
from parallel_agents.ports.entries import Adopted, Released, Request

T = TypeVar("T")

NUMBER = 4
ENDINGS = sorted({row.trigger for row in TRANSITIONS if row.source is State.RUNNING} - {Trigger.ENGINE_LOST})
tasks = st.integers(0, NUMBER - 1)


class LifeOfTasks(RuleBasedStateMachine):
    """Every rule does one thing to the journal and to the model; every invariant compares them."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = Model(Known() for _ in range(NUMBER))
        self.now = 10.0
        self.discarded = 0
        self.cancelled = self.stopped = False
        self.journal = self.open()

    def open(self) -> SqliteJournal:
        journal = SqliteJournal(":memory:")
        journal.start()
        return journal

    def teardown(self) -> None:
        self.runner.run(self.journal.aclose())
        self.runner.close()

    def done(self, *writes: Callable[[], asyncio.Future[Any]]) -> list[Any]:
        """Queue the writes at once, so that they may share a commit; wait for all."""

        async def together() -> list[Any]:
            futures = [write() for write in writes]
            return [await future for future in futures]

        self.now += 1.0
        return self.runner.run(together())

    @initialize(
        ranks=st.lists(st.integers(0, 3), min_size=NUMBER, max_size=NUMBER),
        order=st.permutations(range(NUMBER)),
        edges=st.sets(st.tuples(tasks, tasks), max_size=4),
        answered=st.sets(tasks),
        unbound=st.sets(tasks),
    )
    def submit(
        self, ranks: list[int], order: list[int], edges: set[tuple[int, int]], answered: set[int], unbound: set[int]
    ) -> None:
        self.ranks = ranks
        for one, other in edges:
            # Along one order of all tasks there is no circle, and any graph without circles has such an order.
            if order[one] > order[other]:
                self.model[one].depends_on |= {other}
                self.model[one].is_unbound = one in unbound
        given = [
            a_task(
                position,
                rank=rank,
                depends_on=tuple(a_task(on).task_id for on in self.model[position].depends_on),
                fingerprint=None if self.model[position].is_unbound else bytes([position]),
                binding=b"\x80" if self.model[position].is_unbound else None,
            )
            for position, rank in enumerate(ranks)
        ]
        self.answer_before(answered)
        self.answered = answered
        expected = {a_task(number).task_id for number in self.model.reuse(answered, an_execution().submitted_at)}
        (reused,) = self.done(lambda: self.journal.submit(an_execution(), given, Request(reuses=True)))
        assert set(reused) == expected
        self.keys = keys_of(self.journal)

    def answer_before(self, answered: set[int]) -> None:
        """An earlier execution with the same tasks, all of them answered by a language model."""
        given = [
            a_task(place, task_id=f"earlier-{number}", fingerprint=bytes([number]))
            for place, number in enumerate(sorted(answered))
        ]
        self.done(lambda: self.journal.submit(an_execution(OTHER), given))
        keys = keys_of(self.journal, OTHER)
        calls = CallTotals(calls=1, model="openai:m", is_language_model=True)
        begins = [partial(self.journal.begin, key, 1, WORKER, 1.0) for key in keys]
        self.done(*begins, *(partial(self.journal.settle, settled(key, 1, calls=calls)) for key in keys))

    def names(self, numbers: set[int]) -> set[str]:
        return {a_task(number).task_id for number in numbers}

    def expect_begin(self, task: int, attempt: int) -> bool:
        known = self.model[task]
        landed = self.model.is_ready(known) and attempt == len(known.attempts) + 1
        if landed:
            known.take(Trigger.STARTED, self.now)
            known.attempts.append((None, True))
        return landed

    @rule(task=tasks, ahead=st.sampled_from([1, 1, 1, 0, 2]))
    def begin(self, task: int, ahead: int) -> None:
        attempt = len(self.model[task].attempts) + ahead
        landed = self.done(lambda: self.journal.begin(self.keys[task], attempt, WORKER, self.now))
        assert landed == [self.expect_begin(task, attempt)]

    def expect_settle(
        self, task: int, attempt: int, trigger: Trigger, due_in: float | None, *, lost_worker: bool = False
    ) -> bool:
        known = self.model[task]
        if known.state is not State.RUNNING or attempt != len(known.attempts):
            self.discarded += 1
            return False
        known.take(trigger, self.now, "succeeded" if trigger is Trigger.SUCCEEDED else "failed")
        known.losses += lost_worker
        if trigger is Trigger.RETRY_SCHEDULED:
            known.due_at = None if due_in is None else self.now + due_in
            known.final_round = known.final_round or due_in is None
        return True

    @rule(
        task=tasks,
        behind=st.sampled_from([0, 0, 0, 0, 1, 2]),
        trigger=st.sampled_from(ENDINGS),
        due_in=st.none() | st.sampled_from([0.5, 3.0, 9.0]),
    )
    def settle(self, task: int, behind: int, trigger: Trigger, due_in: float | None) -> None:
        attempt = len(self.model[task].attempts) - behind
        lost_worker = trigger in {Trigger.WORKER_LOST, Trigger.POISONED}
        self.now += 1.0
        due_at = None if due_in is None else self.now + due_in
        settlement = settled(self.keys[task], attempt, trigger, at=self.now, due_at=due_at, lost_worker=lost_worker)
        expected = self.expect_settle(task, attempt, trigger, due_in, lost_worker=lost_worker)
        (landing,) = self.done(lambda: self.journal.settle(settlement))
        assert landing.landed == expected
        assert set(landing.skipped) == (self.names(self.model.pass_on(task, settlement.at)) if expected else set())

    @rule(task=tasks, trigger=st.sampled_from(ENDINGS), due_in=st.none() | st.sampled_from([0.5, 3.0]))
    def run_an_attempt(self, task: int, trigger: Trigger, due_in: float | None) -> None:
        self.begin(task, 1)
        self.settle(task, 0, trigger, due_in)

    @rule(task=tasks, trigger=st.sampled_from([Trigger.SUCCEEDED, Trigger.INTERRUPTED]))
    def run_whole_attempts_beside_a_write_that_fails(self, task: int, trigger: Trigger) -> None:
        key, attempt = self.keys[task], len(self.model[task].attempts) + 1
        self.now += 1.0
        at = self.now

        async def together() -> list[Any]:
            begun = self.journal.begin(key, attempt, WORKER, at)
            bad = self.journal.record_call(-1, "hash", 0, b"answer", at)
            ended = self.journal.settle(settled(key, attempt, trigger, at=at))
            return [await begun, isinstance(await _failure(bad), JournalError), await ended]

        landed, is_refused, ended = self.runner.run(together())
        assert is_refused
        assert landed == self.expect_begin(task, attempt)
        assert ended.landed == self.expect_settle(task, attempt, trigger, None)

    @rule(later=st.sampled_from([0.0, 4.0, 10.0]))
    def release_due(self, later: float) -> None:
        self.now += later
        now = self.now
        due = [known for known in self.model if known.due_at is not None and known.due_at <= now]
        for known in due:
            known.take(Trigger.DUE, now)
        left = [known.due_at for known in self.model if known.due_at is not None]
        released = self.done(lambda: self.journal.release_due(EXECUTION, now))
        assert released == [Released(len(due), min(left, default=None))]

    @rule(task=tasks)
    def bind(self, task: int) -> None:
        self.now += 1.0
        at, known = self.now, self.model[task]
        expected = self.model.waits_for_its_input(known)
        (bound,) = self.done(lambda: self.journal.bind(self.keys[task], [a_task(task, fingerprint=bytes([task]))], at))
        assert bound.landed == expected
        if expected:
            known.is_unbound = False
            if task in self.answered:
                known.take(Trigger.REUSED, at)
                known.is_reused = True

    @rule(task=tasks, trigger=st.sampled_from([Trigger.NOT_NEEDED, Trigger.INPUT_FAILED]))
    def drop(self, task: int, trigger: Trigger) -> None:
        self.now += 1.0
        at, known = self.now, self.model[task]
        expected = self.model.waits_for_its_input(known)
        (landing,) = self.done(lambda: self.journal.drop(self.keys[task], trigger, "because", at))
        assert landing.landed == expected
        if expected:
            known.take(trigger, at)
        assert set(landing.skipped) == (self.names(self.model.pass_on(task, at)) if expected else set())

    @rule(task=tasks)
    def try_again_after_a_pause(self, task: int) -> None:
        self.run_an_attempt(task, Trigger.RETRY_SCHEDULED, 0.5)
        self.release_due(10.0)

    @rule()
    def release_final_round(self) -> None:
        waiting = [known for known in self.model if known.state is State.WAITING and known.due_at is None]
        for known in waiting:
            known.take(Trigger.DUE, self.now)
        assert self.done(lambda: self.journal.release_final_round(EXECUTION, self.now)) == [len(waiting)]

    @rule()
    def adopt(self) -> None:
        self.now += 1.0
        at = self.now
        poisoned, running = 0, [known for known in self.model if known.state is State.RUNNING]
        for known in running:
            known.engine_losses += 1
            is_poison = known.engine_losses >= ENGINE_LOSS_LIMIT
            poisoned += is_poison
            known.take(Trigger.POISONED if is_poison else Trigger.ENGINE_LOST, at, "engine_lost")
        adopted = self.done(lambda: self.journal.adopt(EXECUTION, at))
        assert adopted == [Adopted(taken_back=len(running) - poisoned, poisoned=poisoned)]
        for task in range(NUMBER):
            self.model.pass_on(task, at)

    @rule(stopped=st.booleans())
    def cancel(self, stopped: bool) -> None:
        self.now += 1.0
        at = self.now
        affected = [known for known in self.model if known.state in {State.PENDING, State.WAITING}]
        for known in affected:
            known.take(Trigger.CANCELLED, at)
        self.stopped = self.stopped or stopped
        self.cancelled = self.cancelled or not stopped
        assert self.done(lambda: self.journal.cancel(EXECUTION, at, stopped=stopped)) == [len(affected)]

    @rule(chosen=st.none() | st.sets(tasks))
    def retry(self, chosen: set[int] | None) -> None:
        affected = self.model.hang_together_with(set(range(NUMBER)) if chosen is None else chosen)
        for number in affected:
            known = self.model[number]
            known.take(Trigger.RETRIED, self.now)
            known.losses = known.engine_losses = 0
            known.final_round = False
        if any(known.state in OPEN for known in self.model):
            self.cancelled = self.stopped = False
        names = None if chosen is None else [a_task(number).task_id for number in chosen]
        renewed = self.renew(chosen or set())
        if any(known.state in OPEN for known in self.model):
            self.cancelled = self.stopped = False
        assert self.done(lambda: self.journal.retry(EXECUTION, names, self.now)) == [len(affected) + renewed]

    def renew(self, chosen: set[int]) -> int:
        """Those that are named, have a reused result and stand alone are asked anew."""
        anew = [
            number
            for number in chosen
            if self.model[number].is_reused
            and self.model[number].state is State.COMPLETED
            and not self.model[number].depends_on
            and not self.model.below(number)
        ]
        for number in anew:
            self.model[number].take(Trigger.RENEWED, self.now)
            self.model[number].is_reused = False
        return len(anew)

    @invariant()
    def nothing_waits_for_what_has_failed(self) -> None:
        failed = {number for number, known in enumerate(self.model) if known.state in SETTLED - {State.COMPLETED}}
        assert not [known for known in self.model if known.state in OPEN and known.depends_on & failed]

    @invariant()
    def every_task_is_as_the_model_says(self) -> None:
        for known, record in zip(self.model, records_of(self.journal), strict=True):
            assert (record.state, record.attempt) == (known.state, len(known.attempts))
            assert (record.charged, record.losses) == (known.charged, known.losses)
            assert (record.due_at, record.completed_at) == (known.due_at, known.completed_at)
            assert record.output == (OUTPUT if known.state is State.COMPLETED else None)
            assert (record.reused is not None) == known.is_reused
            assert [(one.outcome, one.charged) for one in record.attempts] == known.attempts
            assert [one.attempt for one in record.attempts] == list(range(1, len(known.attempts) + 1))

    @invariant()
    def the_history_replays_to_the_same_states(self) -> None:
        replayed: dict[str, State | None] = {a_task(number).task_id: None for number in range(NUMBER)}
        refused = 0
        for line in history_of(self.journal):
            if line.trigger == "result_discarded":
                refused += 1
                assert line.source == line.target == replayed[line.task_id]
            else:
                assert line.source == replayed[line.task_id]
                assert move(line.source, Trigger(line.trigger)).target is line.target
                replayed[line.task_id] = line.target
        assert list(replayed.values()) == [known.state for known in self.model]
        assert refused == self.discarded == seen(self.journal, lambda reader: reader.discarded(EXECUTION))

    @invariant()
    def what_is_derived_agrees(self) -> None:
        states = [known.state for known in self.model]
        assert counts_of(self.journal) == Counts.of({state: states.count(state) for state in State})
        pending = [number for number in range(NUMBER) if self.model.is_ready(self.model[number])]
        ready = seen(self.journal, lambda reader: reader.ready(EXECUTION, exclude=(), limit=9, order="priority"))
        expected = sorted(pending, key=lambda number: (self.ranks[number], number))
        assert [one.key for one in ready] == [self.keys[number] for number in expected]
        assert [one.final_round for one in ready] == [self.model[number].final_round for number in expected]
        unbound = [self.keys[number] for number in range(NUMBER) if self.model.waits_for_its_input(self.model[number])]
        assert [one.key for one in seen(self.journal, lambda reader: reader.unbound(EXECUTION, 9))] == unbound
        due = [known.due_at for known in self.model if known.due_at is not None]
        assert seen(self.journal, lambda reader: reader.next_due_at(EXECUTION)) == min(due, default=None)
        execution = execution_of(self.journal)
        assert (execution.cancel_requested, execution.stopped) == (self.cancelled, self.stopped)


class LifeOfTasksOnAFile(LifeOfTasks):
    """The same on a file, closed and opened again in between."""

    def open(self) -> SqliteJournal:
        self.directory = tempfile.TemporaryDirectory()
        return self.open_file()

    def open_file(self) -> SqliteJournal:
        journal = SqliteJournal(Path(self.directory.name, "journal.sqlite3"))
        journal.start()
        return journal

    @rule()
    def open_again(self) -> None:
        self.runner.run(self.journal.aclose())
        self.journal = self.open_file()

    def teardown(self) -> None:
        super().teardown()
        self.directory.cleanup()


async def _failure(future: asyncio.Future[Any]) -> Exception | None:
    try:
        await future
    except JournalError as error:
        return error
    return None


common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)


def test_random_lives_go_through_every_row_of_the_table() -> None:
    rows = {row for row in TRANSITIONS if row.source is not None}
    for lives in (100, 200, 400, 800):
        run_state_machine_as_test(LifeOfTasks, settings=settings(common, max_examples=lives, stateful_step_count=40))
        if rows <= REACHED:
            break

    assert rows - REACHED == set()


TestLifeOfTasks = LifeOfTasks.TestCase
TestLifeOfTasks.settings = settings(common, max_examples=80, stateful_step_count=40)
TestLifeOfTasksOnAFile = LifeOfTasksOnAFile.TestCase
TestLifeOfTasksOnAFile.settings = settings(common, max_examples=12, stateful_step_count=40)
