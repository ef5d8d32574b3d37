"""What went wrong in an execution, for a person: which errors, how often, since when, and what to do about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parallel_agents.cli import codes
from parallel_agents.cli.reading import reading
from parallel_agents.cli.streams import one_line, tell_data, tell_json
from parallel_agents.cli.translation import localized

_INDENT = "  "


async def show_errors(execution_id: str, *, config: Path | None, journal: Path | None, as_json: bool) -> int:
    """Show the error report of an execution."""
    async with reading(config, journal) as executor:
        report = await executor.executions.error_report(execution_id)
    if as_json:
        tell_json({"execution_id": execution_id, "error_report": report})
    else:
        tell_data("\n".join(report_lines(execution_id, report)))
    return codes.OK


def report_lines(execution_id: str, report: dict[str, Any]) -> list[str]:
    """The report in lines, in the language of this process."""
    if not report["total_errors"]:
        return [localized(f"{execution_id}: no errors"), *_taken_back(report)]
    lines = [localized(f"{execution_id}: {_errors(report['total_errors'])} in {_tasks(report['tasks_with_errors'])}")]
    for group in report["by_class"]:
        lines += ["", *_group(group, group["class"], "agents")]
        lines.append(_INDENT + localized(group["what_to_do"].replace("ID", execution_id)))
    for group in report["by_agent"] if len(report["by_agent"]) > 1 else ():
        lines += ["", *_group(group, f"agent {group['agent_name']}", "classes")]
    return [*lines, *_taken_back(report)]


def _group(group: dict[str, Any], name: str, parts: str) -> list[str]:
    example = group["example"]
    counted = ", ".join(f"{part} {number}" for part, number in group[parts].items())
    head = f"{name}: {_errors(group['errors'])} in {_tasks(group['tasks'])}"
    return [
        localized(head),
        _INDENT + localized(f"{group['charged']} charged, {group['failed_tasks']} failed for good"),
        _INDENT + localized(f"from {group['first_at']} to {group['last_at']}"),
        _INDENT + localized(f"{parts}: {counted}"),
        _INDENT + localized(f"{example['task_id']}, attempt {example['attempt']}: {one_line(example['message'])}"),
    ]


def _taken_back(report: dict[str, Any]) -> list[str]:
    number = report["attempts_taken_back"]
    if not number:
        return []
    if number == 1:
        return ["", localized("1 attempt was taken back through no fault of the task (not counted above)")]
    return ["", localized(f"{number} attempts were taken back through no fault of the task (not counted above)")]


def _errors(number: int) -> str:
    return "1 error" if number == 1 else f"{number} errors"


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"
