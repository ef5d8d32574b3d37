"""A chaos run from its start to its report."""

from __future__ import annotations

import asyncio
import json
import shutil
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import apsw
import msgspec

from parallel_agents.chaos import victim
from parallel_agents.chaos.plan import Blow, Plan
from parallel_agents.chaos.proof import Book, Proof, written_outputs
from parallel_agents.chaos.records import Records
from parallel_agents.chaos.recovery import Kept, Killed, kills_of
from parallel_agents.chaos.tally import Report
from parallel_agents.chaos.victim import EngineProgram, Process
from parallel_agents.chaos.work import MODEL
from parallel_agents.core.errors import ParallelAgentsError
from parallel_agents.ports.clock import Clock
from parallel_agents.simulator import Options, running

POLL_S = 0.005
STALL_S = 60.0
ORPHAN_LIMIT_S = 1.0
LATENCY_S, JITTER_S = 0.04, 0.03
AGENT = Path(__file__).with_name("chaos.md")


class EngineFailedError(ParallelAgentsError):
    """The engine ended, or stood still, though nobody had killed it."""


class ChaosRun:
    """One batch under kills. `say` hears what happens; `environ` is what the engine gets, but for settings of ours."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        max_concurrent: int,
        environ: Mapping[str, str],
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._max_concurrent = max_concurrent
        self._own = environ
        self._environ: dict[str, str] = {}
        self._clock = clock
        self._say = say
        self._journal = folder / "journal.sqlite3"
        self._results = folder / "results.json"
        self._temporary = folder / "tmp"
        self._kept = Kept()
        self._engine: EngineProgram | None = None
        self._records: Records | None = None
        self._moved = (0, 0.0)

    async def run(self) -> Report:
        """Run the batch, kill, resume until it has ended, and check."""
        began = self._clock.monotonic()
        self._write_batch()
        failure: str | None = None
        async with running(Options(latency_s=LATENCY_S, jitter_s=JITTER_S, seed=self._plan.seed)) as url:
            self._environ = _environ(self._own, url) | {"TMPDIR": str(self._temporary)}
            try:
                await self._through()
            except EngineFailedError as error:
                failure = str(error)
            finally:
                await self._clear()
            if failure is not None and not self._journal.is_file():
                raise EngineFailedError(f"the engine ended by itself: {failure}")
            wall_s = self._clock.monotonic() - began
            book = await asyncio.to_thread(self._fetch_book, url)
        return await asyncio.to_thread(self._report, book, wall_s, failure)

    async def _through(self) -> None:
        self._start("run", "tasks.jsonl", "--model", f"openai:{MODEL}", "--max-concurrent", str(self._max_concurrent))
        for blow in self._plan.blows:
            await self._until(blow.settled)
            await asyncio.sleep(blow.delay_s)
            if blow.target == "worker":
                await self._kill_worker(blow)
            else:
                await self._kill_engine()
        await self._until(None)

    def _start(self, *arguments: str) -> None:
        journal = ("--journal", self._journal.name, "--output", self._results.name, "--quiet")
        self._engine = EngineProgram((*arguments, *journal), self._folder, self._environ)
        self._moved = (0, self._clock.monotonic())

    async def _until(self, settled: int | None) -> None:
        """Wait for a number of settled tasks; None: for the end of the engine."""
        while True:
            engine = self._running()
            code = engine.exit_code
            found = self._settled()
            if settled is not None and found >= settled:
                return
            if code is not None:
                if settled is None and code in (0, 1):
                    return
                raise EngineFailedError(f"exit code {code}, {found} tasks settled: {engine.last_words()}")
            self._watch_for_a_stall(found)
            await asyncio.sleep(POLL_S)

    def _settled(self) -> int:
        if self._records is None and self._journal.is_file():
            self._records = Records(self._journal)
        try:
            return 0 if self._records is None else self._records.settled()
        except apsw.SQLError:
            return 0  # its tables are being made

    def _watch_for_a_stall(self, settled: int) -> None:
        seen = 0 if self._records is None else self._records.seen
        if seen != self._moved[0]:
            self._moved = (seen, self._clock.monotonic())
        elif self._clock.monotonic() - self._moved[1] > STALL_S:
            raise EngineFailedError(f"nothing moved for {STALL_S:g} s, {settled} tasks settled")

    async def _kill_worker(self, blow: Blow) -> None:
        while not (workers := self._running().workers()):
            if self._running().exit_code is not None:
                raise EngineFailedError(f"it had ended before every kill was made: {self._running().last_words()}")
            await asyncio.sleep(POLL_S)
        chosen = workers[int(blow.pick * len(workers))]
        at = self._clock.now()
        victim.end({chosen})
        self._kept.workers.append(Killed(chosen.pid, at))

    async def _kill_engine(self) -> None:
        engine = self._running()
        settled = self._settled()
        self._close_records()  # a reader would keep alive what the next engine has to recover
        family = engine.family()
        at = self._clock.now()
        engine.kill()
        self._kept.engines.append(Killed(engine.pid, at))
        self._say(f"engine kill {len(self._kept.engines)} of {self._plan.count('engine')}: {settled} tasks had settled")
        self._resume()
        gone_at = await self._count_orphans(family | engine.family())
        if gone_at is not None:
            self._kept.gone_s.append(gone_at - at)

    def _resume(self) -> None:
        records = Records(self._journal)
        try:
            execution = next(iter(records.executions()))
        finally:
            records.close()
        self._start("resume", execution)

    async def _count_orphans(self, family: set[Process]) -> float | None:
        """Wait until a family is gone; returns when. What stays is counted and ended."""
        late = self._clock.monotonic() + ORPHAN_LIMIT_S
        while left := victim.alive(family):
            if self._clock.monotonic() > late:
                self._kept.orphans += len(left)
                victim.end(left)
                return None
            await asyncio.sleep(POLL_S)
        return self._clock.now()

    async def _clear(self) -> None:
        self._close_records()
        engine, self._engine = self._engine, None
        if engine is None:
            return
        family = engine.family()
        if engine.exit_code is None:
            engine.kill()
            victim.end(family)
        else:
            await self._count_orphans(family)
            self._kept.work_directories = len(list(self._temporary.glob("parallel-agents-*")))

    def _close_records(self) -> None:
        records, self._records = self._records, None
        if records is not None:
            records.close()

    def _running(self) -> EngineProgram:
        if self._engine is None:
            raise RuntimeError("no engine was started")
        return self._engine

    def _write_batch(self) -> None:
        lines = [json.dumps(line) for line in self._plan.lines(AGENT.name)]
        (self._folder / "tasks.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._temporary.mkdir()
        shutil.copy(AGENT, self._folder)

    def _fetch_book(self, url: str) -> Book:
        with urllib.request.urlopen(f"{url}/stats", timeout=30) as answer:
            statistics = answer.read()
        (self._folder / "provider.json").write_bytes(statistics)
        return msgspec.json.decode(statistics, type=Book)

    def _report(self, book: Book, wall_s: float, failure: str | None) -> Report:
        records = Records(self._journal)
        try:
            proof = Proof(self._plan, records)
            kills = kills_of(self._plan, self._kept, records)
        finally:
            records.close()
        return Report(
            seed=self._plan.seed,
            max_concurrent=self._max_concurrent,
            wall_s=round(wall_s, 2),
            tasks=proof.tasks(written_outputs(self._results)),
            calls=proof.calls(book),
            kills=kills,
            engine_failure=failure,
        )


def _environ(own: Mapping[str, str], url: str) -> dict[str, str]:
    # The user's settings and keys have no part in this.
    kept = {name: value for name, value in own.items() if not name.startswith("PARALLEL_AGENTS")}
    return kept | {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "simulated", "NO_PROXY": "127.0.0.1"}
