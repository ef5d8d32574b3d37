"""Results as text, piece by piece: one JSON document, JSON lines, or a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

import msgspec

from parallel_agents.core.aggregate import Method, has_questions, questions_in
from parallel_agents.core.document import SCHEMA_VERSION, DocumentWriter
from parallel_agents.core.task import TaskRecord

Format: TypeAlias = Literal["json", "jsonl", "csv"]

FORMATS: tuple[Format, ...] = ("json", "jsonl", "csv")


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What of an execution is written, and how.

    Without `aggregate` it is everything: the document, or its sessions as lines or as a table. `merge_outputs` are the
    totals alone, `preserve_individual` the totals with every result beside them (a table has the results only).
    """

    format: Format = "json"
    aggregate: Method | None = None


COLUMNS = (
    "task_id",
    "agent_name",
    "canvas_path",
    "node_id",
    "note_path",
    "status",
    "result_status",
    "reason",
    "quality",
    "duplicate_of",
    "priority",
    "attempt",
    "execution_duration_ms",
    "waited_ms",
    "model",
    "input_tokens",
    "output_tokens",
    "total_score",
    "sub_questions",
    "error_class",
    "error_message",
    "output_data",
)
"""The columns of the table, one line for every session."""

_ACTIVE = ("=", "+", "-", "@", "\t", "\r")


def pieces(writer: DocumentWriter, tasks: Iterable[TaskRecord], view: View) -> Iterator[bytes]:
    """What a view shows, to be written one piece after the other."""
    match view.aggregate, view.format:
        case "merge_outputs", _:
            yield from _totals(writer, tasks, view.format)
        case _, "csv":
            yield from session_table(writer, tasks)
        case None, "json":
            yield from document_pieces(writer, tasks)
        case None, "jsonl":
            yield from session_lines(writer, tasks)
        case "preserve_individual", "json":
            yield from _individual_document(writer, tasks)
        case "preserve_individual", "jsonl":
            yield from (json_bytes(individual(writer.session(task))) + b"\n" for task in tasks)
            yield json_bytes({"result_aggregation": writer.aggregation("preserve_individual", "jsonl")}) + b"\n"


def individual(session: Mapping[str, Any]) -> dict[str, Any]:
    """One result as it stands beside the totals."""
    given = session["input_data"]
    return {
        **{name: session[name] for name in ("task_id", "agent_name", "status")},
        **{name: given[name] for name in ("canvas_path", "node_id") if name in given},
        **{name: session["metadata"][name] for name in ("note_path",) if name in session["metadata"]},
        "result": session["result"],
    }


def json_bytes(value: object) -> bytes:
    """Compact JSON in UTF-8. Half characters, which models do write and UTF-8 lacks, stand there as escapes."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")


def document_pieces(writer: DocumentWriter, tasks: Iterable[TaskRecord]) -> Iterator[bytes]:
    """The whole document, indented by two blanks."""
    yield f'{{\n  "schema_version": "{SCHEMA_VERSION}",\n  "parallel_agent_execution": {{\n'.encode()
    for name, value in writer.head().items():
        yield f'    "{name}": '.encode() + _indented(value, 4) + b",\n"
    yield b'    "agent_execution_sessions": ['
    separator = b"\n      "
    for task in tasks:
        yield separator + _indented(writer.session(task), 6)
        separator = b",\n      "
    yield b"]" if separator == b"\n      " else b"\n    ]"
    for name, value in writer.closing().items():
        yield f',\n    "{name}": '.encode() + _indented(value, 4)
    yield b"\n  }\n}\n"


def _individual_document(writer: DocumentWriter, tasks: Iterable[TaskRecord]) -> Iterator[bytes]:
    yield b'{\n  "results": ['
    separator = b"\n    "
    for task in tasks:
        yield separator + _indented(individual(writer.session(task)), 4)
        separator = b",\n    "
    yield b"]" if separator == b"\n    " else b"\n  ]"
    for name, value in writer.aggregation("preserve_individual").items():
        yield f',\n  "{name}": '.encode() + _indented(value, 2)
    yield b"\n}\n"


def _totals(writer: DocumentWriter, tasks: Iterable[TaskRecord], how: Format) -> Iterator[bytes]:
    for task in tasks:
        writer.count(task)
    found = writer.aggregation("merge_outputs", how)
    match how:
        case "json":
            yield _indented(found, 0) + b"\n"
        case "jsonl":
            yield json_bytes(found) + b"\n"
        case "csv":
            yield from figure_table({"merged_results": found["merged_results"], "quality": found["quality"]})


def session_lines(writer: DocumentWriter, tasks: Iterable[TaskRecord]) -> Iterator[bytes]:
    """One session a line."""
    for task in tasks:
        yield json_bytes(writer.session(task)) + b"\n"


def session_table(writer: DocumentWriter, tasks: Iterable[TaskRecord]) -> Iterator[bytes]:
    """A heading and one line for every session.

    A text that a spreadsheet would run as a formula has a `'` in front; the other formats give it as it is.
    """
    yield _row(COLUMNS)
    for task in tasks:
        yield _row(row_of(writer.session(task)).values())


def figure_table(figures: Mapping[str, Any]) -> Iterator[bytes]:
    """Totals as a table of names and values; names inside names are joined by dots."""
    yield _row(("figure", "value"))
    for name, value in _flat(figures, ""):
        yield _row((name, value))


def row_of(session: Mapping[str, Any]) -> dict[str, object]:
    """The columns of one session; None where it has nothing for one."""
    result: Mapping[str, Any] = session["result"] or {}
    output: Mapping[str, Any] | None = result.get("output_data")
    measured: Mapping[str, Any] = result.get("performance_metrics") or {}
    tokens: Mapping[str, Any] = measured.get("token_usage") or {}
    history: list[dict[str, Any]] = session["error_handling"]["error_history"]
    error: Mapping[str, Any] = history[-1] if history and result.get("status") not in {"success", "unscored"} else {}
    found: dict[str, object] = {
        **{name: session[name] for name in COLUMNS if name in session},
        **{name: session["input_data"].get(name) for name in ("canvas_path", "node_id")},
        "note_path": session["metadata"].get("note_path"),
        **{name: result.get(name) for name in ("reason", "duplicate_of", "model")},
        "result_status": result.get("status"),
        "quality": " ".join(result.get("quality") or ()) or None,
        "input_tokens": tokens.get("input_tokens"),
        "output_tokens": tokens.get("output_tokens"),
        "total_score": None if output is None else output.get("total_score"),
        "sub_questions": len(list(questions_in(output))) if has_questions(output) else None,
        "error_class": error.get("class"),
        "error_message": error.get("message"),
        "output_data": None if output is None else json_bytes(output).decode(),
    }
    return {name: found[name] for name in COLUMNS}


def _indented(value: object, by: int) -> bytes:
    text = msgspec.json.format(json_bytes(value), indent=2)
    return text.replace(b"\n", b"\n" + b" " * by)


def _row(values: Iterable[object]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return out.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_ACTIVE) else value


def _flat(value: object, name: str) -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            for key, inner in cast("dict[str, object]", value).items():
                yield from _flat(inner, f"{name}.{key}" if name else key)
        case list():
            yield name, json_bytes(cast("list[object]", value)).decode()
        case _:
            yield name, value
