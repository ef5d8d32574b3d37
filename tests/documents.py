"""Documents as tests look at them: none is opened that does not fit the schema, names a field it lacks, or adds up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import jsonschema

SCHEMA_PATH = Path(__file__).parents[1] / "docs" / "reference" / "execution-document.schema.json"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
STATES = ("pending", "running", "completed", "failed", "skipped", "cancelled")
OPEN = {"input_data", "output_data", "metadata"}
"""What users and agents fill themselves."""


def closed(schema: Any, name: str = "") -> Any:
    """The schema with nothing allowed but what it names, so that a field that is written is one that is documented."""
    if isinstance(schema, list):
        return [closed(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value, key) for key, value in cast("dict[str, Any]", schema).items()}
    if "properties" in found and name not in OPEN and isinstance(found.get("type"), str | list):
        found.setdefault("additionalProperties", False)
    return found


_validate = cast("Callable[[object], None]", cast("Any", jsonschema).Draft202012Validator(closed(SCHEMA)).validate)


def body_of(document: str | bytes | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The body of a document (a mapping, its JSON, or the file that holds it) that is valid and adds up."""
    if isinstance(document, Path):
        document = document.read_bytes()
    found: Any = json.loads(document) if isinstance(document, str | bytes) else document
    _validate(found)
    body: dict[str, Any] = found["parallel_agent_execution"]
    queue = body["task_queue"]
    assert sum(queue[f"{state}_tasks"] for state in STATES) == queue["total_tasks"], queue
    return body


def sessions_of(document: str | bytes | Path | Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sessions of a document."""
    return body_of(document)["agent_execution_sessions"]
