"""The in-memory twin of the process pool: runs agents in the engine's own loop, without any isolation."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any

from parallel_agents.core.errors import AttemptError, BudgetSpentError, LaneClosedError
from parallel_agents.core.outcome import Interrupted, Usage, WorkerIdentity
from parallel_agents.ports.workers import Assignment, Link, Report
from parallel_agents.workers.attempting import outcome_of
from parallel_agents.workers.context import WorkerContext


class InlinePool:
    """Runs attempts as coroutines of the calling task.

    For tests and trusted code: agents share the engine's memory, environment and files, nothing limits their memory,
    and one that blocks blocks everything.
    """

    def __init__(self) -> None:
        self._me = WorkerIdentity(
            pid=os.getpid(),
            thread_id=str(threading.get_native_id()),
            effective={"memory": "none", "files": "none", "network": "none", "kill": "cooperative"},
        )

        self._reading = asyncio.Event()
        self._reading.set()

    async def start(self, warm: int) -> None:
        """Nothing to start."""

    def pause_reading(self) -> None:
        """Hold back the ends of attempts."""
        self._reading.clear()

    def resume_reading(self) -> None:
        """Let them through again."""
        self._reading.set()

    async def aclose(self) -> None:
        """Nothing to stop."""

    def workers(self) -> list[WorkerIdentity]:
        """The engine's own process."""
        return [self._me]

    async def run(self, assignment: Assignment, link: Link) -> Report:
        """Run one attempt here."""
        link.started(self._me)
        report = await self._run(assignment, link)
        # The first one through may bring the next pause, while others have been woken too.
        while not self._reading.is_set():
            await self._reading.wait()
        link.received()
        return report

    async def _run(self, assignment: Assignment, link: Link) -> Report:
        closed: asyncio.Future[LaneClosedError | BudgetSpentError] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:

            def ask(request: bytes) -> asyncio.Future[bytes]:
                return answered(link.call(request))

            def delegate(request: bytes) -> asyncio.Future[bytes]:
                return answered(link.delegate(request))

            def answered(work: Coroutine[Any, Any, bytes]) -> asyncio.Future[bytes]:
                answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
                calls.append(group.create_task(_answer(work, answer, closed)))
                return answer

            calls: list[asyncio.Task[None]] = []
            agent = group.create_task(_run(assignment, WorkerContext(assignment, ask, link.progress, delegate)))
            await asyncio.wait([agent, closed], return_when=asyncio.FIRST_COMPLETED)
            for task in (agent, *calls):
                task.cancel()
        if closed.done():
            return Report(outcome=_taken_back(closed.result()))
        return agent.result()


async def _run(assignment: Assignment, context: WorkerContext) -> Report:
    return Report(outcome=await outcome_of(assignment, context), usage=Usage())


async def _answer(
    work: Coroutine[Any, Any, bytes],
    answer: asyncio.Future[bytes],
    closed: asyncio.Future[LaneClosedError | BudgetSpentError],
) -> None:
    try:
        response = await work
    except (LaneClosedError, BudgetSpentError) as error:
        # The agent gets no answer: it must not go on, and is cancelled as soon as the pool has seen this.
        if not closed.done():
            closed.set_result(error)
    except AttemptError as error:
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(response)


def _taken_back(error: LaneClosedError | BudgetSpentError) -> Interrupted:
    if isinstance(error, BudgetSpentError):
        return Interrupted("budget", str(error))
    return Interrupted("lane_closed", str(error), error.resume_at)
