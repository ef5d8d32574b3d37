"""What Ctrl-C and SIGTERM do to a run."""

from __future__ import annotations

import asyncio
import signal

from parallel_agents.cli.progress import Progress
from parallel_agents.cli.streams import note
from parallel_agents.executor import ParallelAgentExecutor

TERM_LIMIT_S = 10.0


class Interruption:
    """Ctrl-C once lets running tasks end, twice stops them; SIGTERM lets them end within a limit.

    An async context manager. `asked` counts how often somebody asked; lines go to `progress` where there is one.
    """

    def __init__(self, executor: ParallelAgentExecutor) -> None:
        self._executor = executor
        self.asked = 0
        self.progress: Progress | None = None
        self._over = False
        self._stop_now = asyncio.Event()

    async def __aenter__(self) -> Interruption:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._ask)
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        # A Ctrl-C from before waits for the next await: let it end the command here, with nothing started yet.
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)

    async def watch(self) -> None:
        """Stop what runs when asked for the second time; to be cancelled."""
        if self.asked:
            # Asked while workers were being started: there was nothing to drain yet.
            self._executor.drain()
        await self._stop_now.wait()
        await self._executor.interrupt()

    def end(self) -> None:
        """Nothing runs any more: what is left (writing results down) takes no time and is not interrupted."""
        self._over = True

    def _ask(self) -> None:
        if self._over:
            return
        self.asked += 1
        if self.asked == 1:
            self._say("waiting for running tasks to end; Ctrl-C again stops them (nothing is lost)")
            self._executor.drain()
        else:
            self._say("stopping what runs")
            self._stop_now.set()

    def _terminate(self) -> None:
        self._ask()
        asyncio.get_running_loop().call_later(TERM_LIMIT_S, self._stop_now.set)

    def _say(self, line: str) -> None:
        if self.progress is not None:
            self.progress.say(line)
        else:
            note(line)
