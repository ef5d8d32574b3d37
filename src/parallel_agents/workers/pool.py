"""A pool of supervised worker processes: grows on demand, replaces what dies, recycles what is used up."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from parallel_agents.core.errors import PoolError
from parallel_agents.core.outcome import Interrupted, Outcome, WorkerIdentity, WorkerLost
from parallel_agents.ports.workers import Assignment, Level, Link, Report
from parallel_agents.workers import child
from parallel_agents.workers.loading import folder_of
from parallel_agents.workers.placement import Balance, paced
from parallel_agents.workers.process import Starter, make_starter
from parallel_agents.workers.seating import Seating
from parallel_agents.workers.supervision import Started, SupervisedWorker

BOOT_TIMEOUT_S = 60.0
WATCH_S = 0.05
_TOO_LONG = "path too long"  # what the system says of a socket
BOOTS_BEFORE_GIVING_UP = 5


class ProcessPool:
    """Runs attempts in worker processes; see `ports.workers.WorkerPool`.

    At the level `process` each has one at a time; else up to `slots`. At most `max_workers` take attempts at once; one
    more may be starting to replace a worker that is on its last attempt: each gets `max_tasks_per_worker` per slot, 0
    never recycles. Idle workers above `min_workers` end after `idle_timeout_s`. A
    busy worker that says nothing for `worker_timeout_s`, not even that it lives, is killed.
    """

    def __init__(
        self,
        *,
        max_workers: int,
        max_tasks_per_worker: int,
        idle_timeout_s: float,
        min_workers: int,
        worker_timeout_s: float,
        level: Level = "process",
        slots: int = 1,
        balance: Balance = "least_busy",
        preload: Sequence[str] = (),
        use_aiomultiprocess: bool = True,
        environ: Mapping[str, str] | None = None,
        on_worker: Callable[[str, WorkerIdentity], None] | None = None,
        starter: Callable[[], Starter] | None = None,
    ) -> None:
        self._seating = Seating(max_workers=max_workers, slots=slots, balance=balance)
        self._max_attempts = max_tasks_per_worker
        self._idle_timeout_s = idle_timeout_s
        self._min_workers = min_workers
        self._worker_timeout_s = worker_timeout_s
        self._make_starter = starter or partial(
            make_starter, preload, use_aiomultiprocess=use_aiomultiprocess, environ=environ
        )
        self._on_worker = on_worker
        self._alive: dict[int, SupervisedWorker] = {}
        self._level: Level = level
        # Tasks that went down with a worker in which nobody knows who was at fault.
        self._suspects: set[tuple[str, str]] = set()
        self._pids: set[int] = set()
        self._booting = 0
        self._failed_boots = 0
        self._failure: PoolError | None = None
        self._closing = False
        self._is_reading = True
        self._all_gone = asyncio.Event()
        self._started = False
        self._starter: Starter | None = None
        self._watch: asyncio.TimerHandle | None = None

    async def start(self, warm: int) -> None:
        """Start supervision and `warm` workers; returns when they are ready.

        Raises:
            PoolError: workers cannot be started.
        """
        self._loop = asyncio.get_running_loop()
        # One thread for everything that touches multiprocessing: starting blocks for milliseconds, and two threads
        # reading exit codes through one fork server would race.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker-starter")
        self._started = True
        self._starter = await self._loop.run_in_executor(self._thread, self._make_starter)
        self._watch = self._loop.call_later(WATCH_S, self._look_round)
        wanted = [self._seating.ask(alone=True) for _ in range(min(warm, self._seating.max_workers))]
        self._grow()
        if wanted:
            await asyncio.wait(wanted)
        failures = [error for ready in wanted if (error := ready.exception()) is not None]
        for ready in wanted:
            if ready.exception() is None:
                self._give_back(ready.result())
        if failures:
            raise failures[0]

    def adjust(
        self,
        *,
        max_workers: int,
        max_tasks_per_worker: int,
        idle_timeout_s: float,
        min_workers: int,
        warm: int,
        slots: int = 1,
        balance: Balance = "least_busy",
    ) -> None:
        """Change a running pool, starting workers until `warm` live; what runs is left alone."""
        self._seating.max_workers = max_workers
        self._seating.slots = slots
        self._seating.balance = balance
        self._max_attempts = max_tasks_per_worker
        self._idle_timeout_s = idle_timeout_s
        self._min_workers = min_workers
        if self._starter is None:
            return  # `start` goes by the new numbers
        self._hand_out()
        self._grow()
        for _ in range(min(warm, max_workers) - self._staying() - self._booting):
            self._boot()

    async def run(self, assignment: Assignment, link: Link) -> Report:
        """Run one attempt on a worker with room, waiting for one if need be.

        Raises:
            PoolError: workers cannot be started any more.
        """
        task = (assignment.execution_id, assignment.task_id)
        alone, folder = task in self._suspects, folder_of(assignment.target)
        worker = await self._acquire(alone=alone, folder=folder)
        while worker.dying:
            self._give_back(worker)
            worker = await self._acquire(alone=alone, folder=folder)
        self._note_last_attempt(worker)
        began = self._loop.time()
        try:
            report = await worker.run(assignment, link)
        finally:
            self._give_back(worker)
        worker.pace_s = paced(worker.pace_s, self._loop.time() - began)
        self._note_suspect(task, report.outcome, worker)
        return report

    def pause_reading(self) -> None:
        """Leave what workers say unread."""
        self._is_reading = False
        for worker in self._alive.values():
            worker.pause_reading()

    def resume_reading(self) -> None:
        """Listen to them again."""
        self._is_reading = True
        for worker in self._alive.values():
            worker.resume_reading()

    async def aclose(self) -> None:
        """Kill every worker, wait until it is gone, and stop the fork server. Safe to call twice."""
        if not self._started or self._closing:
            return
        self._closing = True
        if self._watch is not None:
            self._watch.cancel()
        self._seating.turn_away(PoolError("the pool is closed"))
        for worker in tuple(self._alive.values()):
            worker.kill()
        while self._alive or self._booting:
            self._all_gone.clear()
            await self._all_gone.wait()
        if self._starter is not None:
            await self._loop.run_in_executor(self._thread, self._starter.close)
        self._thread.shutdown()

    def workers(self) -> list[WorkerIdentity]:
        """List the workers that have said hello and live now."""
        return [worker.identity for worker in self._alive.values() if worker.identity is not None]

    @asynccontextmanager
    async def _lent(self, worker: SupervisedWorker) -> AsyncGenerator[None]:
        self._seating.lend(worker)
        self._hand_out()
        self._grow()
        try:
            yield
        except BaseException:
            self._seating.take_place(worker)
            raise
        place = self._seating.ask_back(worker)
        self._hand_out()
        try:
            await place
        except asyncio.CancelledError:
            if not place.done() or place.cancelled():
                self._seating.take_place(worker)
            raise

    async def _acquire(self, *, alone: bool, folder: str | None) -> SupervisedWorker:
        if self._failure is not None:
            raise self._failure
        if self._closing or self._starter is None:
            raise PoolError("the pool is not running")
        ready = self._seating.ask(alone=alone, folder=folder)
        self._hand_out()
        self._grow()
        try:
            return await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled() and ready.exception() is None:
                self._give_back(ready.result())
            raise

    def _note_suspect(self, task: tuple[str, str], outcome: Outcome, worker: SupervisedWorker) -> None:
        is_bystander = isinstance(outcome, Interrupted) and outcome.reason == "bystander"
        if is_bystander and not worker.culprit_is_known:
            self._suspects.add(task)
        elif not is_bystander:
            self._suspects.discard(task)

    def _note_last_attempt(self, worker: SupervisedWorker) -> None:
        if not self._max_attempts or worker.attempts + 1 < self._max_attempts * self._seating.slots:
            return
        # One after the other where many attempts share a worker: if all of them went at once, nothing could start.
        if self._level == "process" or not any(other.retiring for other in self._alive.values()):
            worker.retiring = True
            # Its replacement starts now, so that the next attempt finds it ready.
            self._grow(spare=1)

    def _give_back(self, worker: SupervisedWorker) -> None:
        self._seating.take_back(worker)
        if not worker.load:
            worker.rested_at = self._loop.time()
            if worker.retiring and not self._closing:
                worker.kill()
        self._hand_out()

    def _hand_out(self) -> None:
        if not self._closing:
            self._seating.hand_out(self._alive.values())

    def _grow(self, spare: int = 0) -> None:
        if self._closing or self._failure is not None:
            return
        unready = self._booting + sum(worker.identity is None for worker in self._alive.values())
        ready = sum(worker.is_idle for worker in self._alive.values())
        wanted = self._seating.workers_wanted() + spare - ready - unready
        for _ in range(min(wanted, self._seating.max_workers - self._staying() - self._booting)):
            self._boot()

    def _staying(self) -> int:
        # One whose attempts all wait for others takes nobody's place: those need workers as well.
        return sum(not worker.retiring and not worker.is_lent_out for worker in self._alive.values())

    def _boot(self) -> None:
        self._booting += 1
        delay = 0.05 * 2**self._failed_boots if self._failed_boots else 0.0
        self._loop.call_later(delay, self._boot_now, self._failed_boots)

    def _boot_now(self, tries: int) -> None:
        if self._closing:
            self._booted_nothing()
            return
        starting = self._loop.run_in_executor(self._thread, self._start_process)
        starting.add_done_callback(partial(self._booted, tries))

    def _start_process(self) -> Started:
        ours, theirs = socket.socketpair()
        try:
            if self._starter is None:
                raise PoolError("the pool is not running")
            process = self._starter.start(
                child.serve, (theirs, min(child.BEAT_S, self._worker_timeout_s / 4), self._level)
            )
            self._pids.add(process.pid)
            return Started(process, process.pid, os.pidfd_open(process.pid), ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()

    def _booted(self, tries: int, result: asyncio.Future[Started]) -> None:
        error = result.exception()
        if error is not None:
            self._booted_nothing()
            self._count_failure(f"{type(error).__name__}: {error}", tries)
            return
        self._booting -= 1
        worker = SupervisedWorker(
            result.result(),
            level=self._level,
            on_ready=self._ready,
            on_gone=self._gone,
            exit_of=self._exit_of,
            lent=self._lent,
        )
        worker.boot_tries = tries
        self._alive[worker.pid] = worker
        if not self._is_reading:
            worker.pause_reading()
        if self._closing:
            worker.kill()

    def _booted_nothing(self) -> None:
        self._booting -= 1
        self._all_gone.set()

    def _ready(self, worker: SupervisedWorker) -> None:
        self._failed_boots = 0
        if self._on_worker is not None and worker.identity is not None:
            self._on_worker("started", worker.identity)
        worker.rested_at = self._loop.time()
        self._hand_out()
        # It may not suit the next one who waits.
        self._grow()

    def _gone(self, worker: SupervisedWorker, how: str) -> None:
        self._alive.pop(worker.pid, None)
        self._all_gone.set()
        if worker.identity is None:
            self._count_failure(how, worker.boot_tries)
        elif self._on_worker is not None:
            self._on_worker("ended", worker.identity)
        self._grow()

    def _count_failure(self, how: str, tries: int) -> None:
        if self._closing:
            return
        # Workers that were started together and failed together are one try.
        self._failed_boots = max(self._failed_boots, tries + 1)
        if self._failed_boots >= BOOTS_BEFORE_GIVING_UP:
            told = f"workers could not be started in {self._failed_boots} tries; the last: {how}"
            place = tempfile.gettempdir()
            # A socket's whole path has about a hundred characters, and those of workers stand in there.
            too_long = f"TMPDIR {place!r} is too long a path for the sockets of workers. Set it to a shorter one"
            self._failure = PoolError(too_long if _TOO_LONG in how else told)
            self._seating.turn_away(self._failure)
        else:
            self._grow()

    def _exit_of(self, process: Any) -> asyncio.Future[int | None]:
        def reap() -> int | None:
            process.join(5.0)
            code = process.exitcode
            self._pids.discard(process.pid)
            if self._starter is not None:
                self._starter.end_strays(self._pids)
            if code is not None:
                process.close()
            return code

        return self._loop.run_in_executor(self._thread, reap)

    def _end_idle(self) -> None:
        too_old = self._loop.time() - self._idle_timeout_s
        idle = [worker for worker in self._alive.values() if worker.is_idle and worker.rested_at <= too_old]
        for worker in sorted(idle, key=lambda worker: worker.rested_at)[: max(0, self._staying() - self._min_workers)]:
            worker.retiring = True
            worker.kill()

    def _look_round(self) -> None:
        # A timer for each worker would keep it, and all that it knows, for a minute after its end.
        for worker in tuple(self._alive.values()):
            if worker.mute_for_s > BOOT_TIMEOUT_S:
                worker.kill()
            worker.watch_memory()
            if worker.silent_for_s() > self._worker_timeout_s:
                worker.condemn(WorkerLost(f"it said nothing for {self._worker_timeout_s:g} s"))
        self._end_idle()
        self._watch = self._loop.call_later(WATCH_S, self._look_round)
