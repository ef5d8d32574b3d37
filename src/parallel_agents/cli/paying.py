"""Asks whoever sits at a terminal before a run that may cost money."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator

from parallel_agents.cli.foretold import advice, between, count, dollars, not_counted, seconds
from parallel_agents.cli.streams import note
from parallel_agents.cli.translation import localized
from parallel_agents.core.forecast import Forecast
from parallel_agents.executor import ParallelAgentExecutor
from parallel_agents.sources.pipelines import first_steps, later_steps
from parallel_agents.sources.plan import Plan

_YES = frozenset({"y", "yes", "是", "好"})


async def agreed(
    executor: ParallelAgentExecutor, plan: Plan, max_concurrent: int | None, *, yes: bool, fresh: bool
) -> bool:
    """Tell whether to go on: it costs nothing, `yes` was said beforehand, nobody can be asked, or somebody agreed.

    Raises:
        InputError: as `submit_batch_tasks`.
    """
    if yes or not _somebody_is_there():
        return True
    first = first_steps(plan)
    found = await executor.plan(first.tasks, max_concurrent, places=first.places, fresh=fresh)
    later = later_steps(plan)
    # Whether a later step costs money is known before its input is, how much is not.
    whole = await executor.plan(plan.tasks, max_concurrent, places=plan.places, fresh=fresh) if later else found
    if not any(one.may_cost for one in whole.agents):
        return True
    for line in (*_short(found), *not_counted(later)):
        note(line)
    answer = await _answer(localized("Run it? [y/N]") + " ")
    if answer is not None and answer.strip().lower() in _YES:
        return True
    if not (answer or "").endswith("\n"):
        sys.stderr.write("\n")
    note("nothing was run")
    return False


def _somebody_is_there() -> bool:
    # Where only the output is a terminal, a script feeds the input: it would wait for an answer for ever.
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _short(found: Forecast) -> Iterator[str]:
    paid = [one for one in found.agents if one.model is not None or one.may_cost]
    names = ", ".join(dict.fromkeys(one.model or one.agent for one in paid))
    if found.cost_usd is None and found.unpriced:
        yield f"this runs {count(found.tasks)} with {names}: it may cost money"
    elif found.cost_usd is None:
        yield f"this runs {count(found.tasks)} with {names}: it costs money, how much is unknown"
    else:
        yield f"this runs {count(found.tasks)} with {names} for about {between(found.cost_usd, dollars)}"
    if found.duration_s is not None:
        yield f"it takes about {between(found.duration_s, seconds)}"
    yield from advice(found)


async def _answer(question: str) -> str | None:
    """Ask, and return the line that was typed; None where it was Ctrl-C.

    Waits on the loop, which a plain read would hold up. Listens before it asks, so that no key is too early.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[bool] = loop.create_future()

    def tell(can_be_read: bool) -> None:
        if not told.done():
            told.set_result(can_be_read)

    loop.add_reader(sys.stdin.fileno(), tell, True)
    loop.add_signal_handler(signal.SIGINT, tell, False)
    try:
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline() if await told else None
    finally:
        loop.remove_reader(sys.stdin.fileno())
        loop.remove_signal_handler(signal.SIGINT)
