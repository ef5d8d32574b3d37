"""An execution in a few lines of text."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from parallel_agents.cli.colour import Colour, has_colour, painted
from parallel_agents.cli.streams import one_line, tell, tell_data
from parallel_agents.cli.translation import localized

_FAILURES_SHOWN = 20


_COLOURS: dict[str, Colour] = {
    "completed": "green",
    "completed_with_errors": "yellow",
    "paused": "yellow",
    "cancelled": "yellow",
    "failed": "red",
}


def show_summary(document: dict[str, Any], path: Path | None) -> None:
    """Print how an execution ended, in colour where there is colour."""
    lines = summary_lines(document, path)
    if not has_colour(sys.stdout):
        tell("\n".join(lines))
        return
    status = _COLOURS.get(document["parallel_agent_execution"]["overall_status"])
    colours: list[Colour | None] = [status, *("red" if line.startswith("failed ") else None for line in lines[1:])]
    tell_data("\n".join(painted(localized(line), colour) for line, colour in zip(lines, colours, strict=True)))


def summary_lines(document: dict[str, Any], path: Path | None) -> list[str]:
    """Say how an execution ended, from its document alone."""
    body = document["parallel_agent_execution"]
    lines = [headline(body), *_counts(body), *_pause(body), *_times(body)]
    lines += [*_usage(body), *budget_lines(body), *_model(body)]
    if path is not None:
        lines.append(f"results: {path}")
    return lines


def headline(body: dict[str, Any]) -> str:
    """One line: id, status, how many tasks."""
    queue = body["task_queue"]
    reason = f" ({body['pause_reason']})" if body["pause_reason"] else ""
    done = f"{queue['completed_tasks']} of {queue['total_tasks']} tasks completed"
    return f"{body['execution_id']}  {body['overall_status']}{reason}  {done}  {body['submission_timestamp']}"


def _counts(body: dict[str, Any]) -> list[str]:
    queue = body["task_queue"]
    others = ("pending", "running", "failed", "skipped", "cancelled")
    used_again = [told_reused(queue["reused_tasks"])] if queue["reused_tasks"] else []
    counts = [f"{queue[f'{state}_tasks']} {state}" for state in others if queue[f"{state}_tasks"]]
    merged = body.get("result_aggregation", {}).get("merged_results", {})
    if merged.get("unscored_count"):
        counts.append(f"{merged['unscored_count']} unscored")
    failures = body["error_management"]["failed_tasks"]
    shown = [
        f"failed {_name(failure, body['source'])}: {one_line(str(failure['message']))}"
        for failure in failures[:_FAILURES_SHOWN]
    ]
    if len(failures) > _FAILURES_SHOWN:
        shown.append(f"… and {len(failures) - _FAILURES_SHOWN} more failed")
    if failures:
        shown.append(_classes(failures, body["execution_id"]))
    return used_again + ([", ".join(counts)] if counts else []) + shown


def told_reused(number: int) -> str:
    """Say how many results of earlier tasks serve."""
    return "1 result reused (--fresh asks again)" if number == 1 else f"{number} results reused (--fresh asks again)"


def _pause(body: dict[str, Any]) -> list[str]:
    return [f"the provider takes calls again at {body['resume_at']}"] if body["resume_at"] else []


def _classes(failures: list[dict[str, Any]], execution_id: str) -> str:
    counted = Counter(failure["class"] or "unknown" for failure in failures)
    by_class = ", ".join(f"{number} {name}" for name, number in counted.most_common())
    return f"failed by: {by_class}; `parallel-agents errors {execution_id}` says what to do"


def _name(failure: dict[str, Any], source: str | None) -> str:
    if not failure["node_id"]:
        return failure["note_path"] or failure["task_id"]
    node, canvas = failure["node_id"], failure["canvas_path"]
    return f"node {node}" if canvas in (None, source) else f"node {node} of {canvas}"


def _times(body: dict[str, Any]) -> list[str]:
    found = body["performance_metrics"]["parallel_efficiency"]
    if found["total_execution_time_ms"] is None or found["efficiency_ratio"] is None:
        return []
    wall, serial = found["total_execution_time_ms"] / 1000, found["estimated_serial_time_ms"] / 1000
    return [f"{wall:.2f} s, {serial:.2f} s of work one after the other: {found['efficiency_ratio']:.2f} times as fast"]


def _model(body: dict[str, Any]) -> list[str]:
    model = body["model"]
    if model is None or model["is_language_model"] is not False:
        return []
    return [f"{model['name']} is not a language model: it quotes and asks from the material itself, and never scores"]


def _usage(body: dict[str, Any]) -> list[str]:
    used = body["performance_metrics"]["token_usage"]
    if used["total_tokens"] is None:
        return []
    given, made, cached = used["input_tokens"], used["output_tokens"], used["cached_input_tokens"]
    if cached:
        return [f"tokens: {given:,} in, of them {cached:,} from the provider's cache, and {made:,} out", _cost(used)]
    return [f"tokens: {given:,} in, {made:,} out", _cost(used)]


def _cost(used: dict[str, Any]) -> str:
    if used["cost_usd"] is not None:
        return f"cost: ${used['cost_usd']:.6f}"
    if used["known_cost_usd"] is None:
        return "cost: unknown"
    return (
        f"cost: ${used['known_cost_usd']:.6f} and what {used['requests_of_unknown_cost']} other requests may have cost"
    )


def budget_lines(body: dict[str, Any]) -> list[str]:
    """How much of its budget an execution has spent; nothing where it has none."""
    budget, lines = body["budget"], list[str]()
    if budget is None:
        return lines
    if budget["usd"] is not None and budget["spent_usd"] is not None:
        lines.append(f"budget: ${budget['usd']:.6f} in all, ${budget['spent_usd']:.6f} spent")
    if budget["tokens"] is not None:
        lines.append(f"budget: {budget['tokens']:,} tokens in all, {budget['spent_tokens']:,} spent")
    return lines
