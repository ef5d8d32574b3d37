"""A forecast for people, in lines that fit a narrow terminal, and for programs, as JSON."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from rich.cells import cell_len

from parallel_agents.canvas.selection import Skipped
from parallel_agents.cli.piloting import Pilot
from parallel_agents.cli.translation import localized
from parallel_agents.core.forecast import AgentForecast, Basis, Forecast, Range, Source
from parallel_agents.sources.plan import Plan, Share, SkippedFor

_LABEL_CELLS = 16


def document_of(
    plan: Plan, found: Forecast, pilot: Pilot | None, *, later: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """All of it as JSON; what is unknown is null. `later` are steps of a pipeline that only results decide."""
    return {
        "plan": {
            "source": plan.source,
            "total_tasks": found.tasks,
            "reused_results": len(found.reused),
            "by_agent": [_of_agent(one) for one in found.agents],
            "by_canvas": [{"canvas_path": path, "tasks": tasks} for path, tasks in _by_canvas(plan, found).items()],
            "skipped": [_of_skip(skip) for skip in plan.skipped],
            "not_selected_nodes": plan.not_selected,
            "later_steps": [{"step": step, "sources": number} for step, number in (later or {}).items()],
            "agents": [_of_share(share) for share in plan.shares],
            "warnings": list(plan.warnings),
            "max_concurrent": found.max_concurrent,
            "input_tokens": _rounded(found.input_tokens),
            "output_tokens": _rounded(found.output_tokens),
            "cost_usd": _figures(found.cost_usd),
            "duration_seconds": _figures(found.duration_s),
            "models_without_price": list(found.unpriced),
            "pilot": None if pilot is None else _of_pilot(pilot),
        }
    }


def lines_of(
    plan: Plan, found: Forecast, *, after_pilot: bool, later: Mapping[str, int] | None = None
) -> Iterator[str]:
    """It in lines, in the language of this process; `later` as in `document_of`."""
    if after_pilot:
        yield localized(f"{plan.source}: {count(found.tasks)} left, {found.max_concurrent} at once")
    else:
        yield localized(f"{plan.source}: {count(found.tasks)}, {found.max_concurrent} at once; nothing was run")
    if found.reused:
        yield localized(_there(len(found.reused)))
    canvases = _by_canvas(plan, found)
    if len(canvases) > 1:
        for path, tasks in canvases.items():
            yield f"  {path}  {tasks}"
    for one in found.agents:
        yield localized(_agent(one))
        yield from _row("input tokens", one.input_tokens, one.input_basis, _whole)
        yield from _row("output tokens", one.output_tokens, one.output_basis, _whole)
        yield from _row("cost", one.cost_usd, None, dollars)
        yield from _row("time of a task", one.seconds_a_task, one.seconds_basis, seconds)
        if one.repaired_share:
            yield _line("asked twice", localized(f"{one.repaired_share:.0%} of the tasks that were observed"))
    if len(found.agents) > 1:
        yield localized("all together")
        yield from _row("cost", found.cost_usd, None, dollars)
    yield from _row("duration", found.duration_s, None, seconds)
    yield from map(localized, (*not_counted(later or {}), *advice(found)))


def not_counted(later: Mapping[str, int]) -> Iterator[str]:
    """Say which steps of a pipeline no figure counts."""
    if later:
        yield f"not in these figures, because it depends on results: {', '.join(later)}"


def count(tasks: int) -> str:
    """So many tasks, in words."""
    return "1 task" if tasks == 1 else f"{tasks} tasks"


def _there(results: int) -> str:
    one = "1 result is there already (run --fresh asks again)"
    return one if results == 1 else f"{results} results are there already (run --fresh asks again)"


def advice(found: Forecast) -> Iterator[str]:
    """What would make it known."""
    for model in found.unpriced:
        yield (
            f"the price of {model} is unknown: set models.NAME.input_usd_per_million and "
            "models.NAME.output_usd_per_million"
        )
    # What a program calls by itself stays unknown, also after a pilot.
    asking = [one for one in found.agents if one.model is not None]
    if any(one.input_tokens is None or one.output_tokens is None for one in asking):
        yield "what an agent in Python sends is unknown without a pilot: --pilot 3 runs three tasks and goes by them"
    elif found.duration_s is None:
        yield "the time is unknown until tasks like these have run: --pilot 3 runs three of them and goes by them"


def dollars(value: float) -> str:
    """An amount with two digits that say something."""
    if value == 0 or value >= 0.1:
        return f"${value:,.2f}"
    return f"${float(f'{value:.2g}'):.9f}".rstrip("0")


def seconds(value: float) -> str:
    """A time as a person says it."""
    whole = round(value)
    if value < 10:
        return f"{value:.1f} s"
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole / 3600:.1f} h"


def between(figure: Range, shown: Callable[[float], str]) -> str:
    """The likely figure, and what it stays between where that is not the same."""
    low, likely, high = shown(figure.low), shown(figure.likely), shown(figure.high)
    return likely if low == likely == high else f"{likely} ({low} – {high})"


def _row(label: str, figure: Range | None, basis: Basis | None, shown: Callable[[float], str]) -> Iterator[str]:
    said = localized("unknown") if figure is None else between(figure, shown)
    line = _line(label, said)
    why = "" if basis is None or figure is None else localized(_said(basis))
    if why and cell_len(line) + cell_len(why) + 2 <= shutil.get_terminal_size().columns:
        yield f"{line}  {why}"
        return
    yield line
    if why:
        yield f"{' ' * (_LABEL_CELLS + 2)}{why}"


def _line(label: str, said: str) -> str:
    name = localized(label)
    return f"  {name}{' ' * max(1, _LABEL_CELLS - cell_len(name))}{said}"


def _said(basis: Basis) -> str:
    tasks = "1 task" if basis.tasks == 1 else f"{basis.tasks} tasks"
    match basis.source:
        case Source.PILOT:
            return f"from {tasks} of the pilot"
        case Source.EARLIER:
            return f"from {tasks} that ran before"
        case Source.CONTRACT:
            return "from what the agent asks for"
        case Source.REQUEST:
            return "counted by characters"
        case Source.NO_MODEL:
            return "no language model"
        case Source.UNKNOWN:
            return ""


def _agent(one: AgentForecast) -> str:
    if one.model is None and one.input_basis.source is not Source.NO_MODEL:
        return f"agent {one.agent}, whose program calls what it likes: {count(one.tasks)}"
    if one.model is None:
        return f"agent {one.agent} without a model: {count(one.tasks)}"
    return f"agent {one.agent} with {one.model}: {count(one.tasks)}"


def _whole(value: float) -> str:
    return f"{round(value):,}"


def _by_canvas(plan: Plan, found: Forecast) -> Counter[str]:
    left = (task for position, task in enumerate(plan.tasks) if position not in found.reused)
    return Counter(task["canvas_path"] for task in left if task.get("canvas_path"))


def _of_agent(one: AgentForecast) -> dict[str, Any]:
    return {
        "agent": one.agent,
        "model": one.model,
        "tasks": one.tasks,
        "input_tokens": _rounded(one.input_tokens),
        "input_tokens_from": msgspec.to_builtins(one.input_basis),
        "output_tokens": _rounded(one.output_tokens),
        "output_tokens_from": msgspec.to_builtins(one.output_basis),
        "cost_usd": _figures(one.cost_usd),
        "seconds_a_task": _figures(one.seconds_a_task),
        "seconds_a_task_from": msgspec.to_builtins(one.seconds_basis),
        "repaired_share": one.repaired_share,
    }


def _of_skip(skip: Skipped) -> dict[str, Any]:
    agent = skip.agent if isinstance(skip, SkippedFor) else None
    return {"path": skip.path, "node_id": skip.node_id, "reason": skip.reason, "agent": agent}


def _of_share(share: Share) -> dict[str, Any]:
    nothing = share.nothing or None
    return {
        "agent": share.agent,
        "tasks": share.tasks,
        "not_selected_nodes": share.not_selected,
        "nothing_because": nothing,
    }


def _of_pilot(pilot: Pilot) -> dict[str, Any]:
    return {
        "execution_id": pilot.execution_id,
        "total_tasks": pilot.tasks,
        "completed_tasks": pilot.completed,
        "input_tokens": pilot.input_tokens,
        "output_tokens": pilot.output_tokens,
        "cost_usd": None if pilot.cost_usd is None else round(pilot.cost_usd, 9),
        "duration_seconds": None if pilot.duration_s is None else round(pilot.duration_s, 3),
    }


def _rounded(figure: Range | None) -> dict[str, int] | None:
    if figure is None:
        return None
    return {"low": round(figure.low), "likely": round(figure.likely), "high": round(figure.high)}


def _figures(figure: Range | None) -> dict[str, float] | None:
    if figure is None:
        return None
    return {"low": round(figure.low, 9), "likely": round(figure.likely, 9), "high": round(figure.high, 9)}
