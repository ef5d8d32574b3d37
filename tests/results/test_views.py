"""What is written of an execution: the document, lines, a table, totals; piece by piece and all the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.documents import body_of, sessions_of
from tests.results.scene import EXECUTION, accepted, filled, refused

from parallel_agents.core.errors import UnknownExecutionError
from parallel_agents.core.formats import COLUMNS, View, json_bytes
from parallel_agents.core.settlement import Settlement
from parallel_agents.executions import Executions

ASKED = [
    {"text": "什么是逆否命题？", "type": "定义型", "difficulty": "基础", "guidance": "💡 提示：想一想"},
    {"text": '=1+1 是什么，\n换行,"引号"', "type": "实例型", "difficulty": "基础", "guidance": ""},
]
OUTPUTS: list[dict[str, Any]] = [
    {"sub_questions": ASKED},
    {"sub_questions": ASKED},
    {"sub_questions": [ASKED[0]]},
    {"text": '=HYPERLINK("x")', "bytes": b"\x00", "half": "\\ud83d"},
]


def settled(key: int) -> Settlement:
    if key % 5 == 0:
        return refused(key, "=cmd|' /C calc'!A0")
    return accepted(key, OUTPUTS[key % 5 - 1], finish_reason="length" if key % 5 == 3 else "stop")


@pytest.fixture
async def executions(tmp_path: Path) -> AsyncGenerator[Executions]:
    journal = await filled(tmp_path / "journal.sqlite3", 5, settled)
    yield Executions(journal, now=lambda: 200.0, sampled=lambda _: None)
    await journal.aclose()


async def text_of(executions: Executions, view: View) -> str:
    pieces: list[bytes] = []
    await executions.write(EXECUTION, view, pieces.append)
    return b"".join(pieces).decode()


async def test_the_document_that_is_written_is_the_one_that_is_given(executions: Executions) -> None:
    written = await text_of(executions, View())
    body = body_of(written)
    given = await executions.results(EXECUTION)
    # Bytes of an agent are a text in JSON.
    assert json.loads(written) == json.loads(json.dumps(given, default=lambda _: "AA=="))
    assert written.startswith('{\n  "schema_version": "1.1",\n')
    assert [session["metadata"] for session in body["agent_execution_sessions"]] == [{"chapter": n} for n in range(5)]
    _, summary = (await executions.summary(EXECUTION)).values()
    assert summary == {name: part for name, part in body.items() if name != "agent_execution_sessions"}


async def test_parts_that_are_read_alone_are_those_of_the_document(executions: Executions) -> None:
    body = body_of(await text_of(executions, View()))
    assert executions.metrics(EXECUTION) == body["performance_metrics"]
    assert await executions.error_report(EXECUTION) == body["error_management"]["error_report"]
    (standing,) = await executions.all_standings()
    assert standing == await executions.standing(EXECUTION)
    assert standing == {name: body[name] for name in standing}
    _, status = (await executions.status(EXECUTION)).values()
    assert status == {name: body[name] for name in status} | {"agent_execution_sessions": []}
    assert "result_aggregation" not in status
    with pytest.raises(UnknownExecutionError):
        await executions.error_report("exec-ffffffffffffffff")


async def test_findings_stand_at_their_session_and_are_counted(executions: Executions) -> None:
    body = body_of(await text_of(executions, View()))
    results = [session["result"] for session in body["agent_execution_sessions"]]
    assert [(result["quality"], result["duplicate_of"]) for result in results] == [
        ([], None),
        (["duplicate"], "task-0"),
        (["truncated"], None),
        ([], None),
        (["off_contract"], None),
    ]
    assert results[2]["finish_reason"] == "length"
    assert body["result_aggregation"]["quality"] == {
        "results_checked": 5,
        "empty": 0,
        "truncated": 1,
        "off_contract": 1,
        "duplicate": 1,
    }
    assert body["result_aggregation"]["merged_results"]["unique_concepts_covered"] == 2


async def test_lines_are_the_sessions_of_the_document(executions: Executions) -> None:
    lines = (await text_of(executions, View(format="jsonl"))).splitlines()
    assert [json.loads(line) for line in lines] == sessions_of(await text_of(executions, View()))


async def test_a_table_has_a_line_for_every_session_and_runs_nothing(executions: Executions) -> None:
    text = await text_of(executions, View(format="csv"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["task_id"] for row in rows] == [f"task-{n}" for n in range(5)]
    assert [row["status"] for row in rows] == ["completed"] * 4 + ["failed"]
    assert [row["quality"] for row in rows] == ["", "duplicate", "truncated", "", "off_contract"]
    assert json.loads(rows[0]["output_data"])["sub_questions"] == ASKED
    assert rows[0]["sub_questions"] == "2"
    assert rows[4]["error_class"] == "contract"
    assert rows[4]["error_message"].startswith("'=cmd")
    assert rows[0]["canvas_path"] == "笔记 库/逻辑.canvas"
    assert not any(value.startswith(("=", "+", "@")) for row in rows for value in row.values())


async def test_totals_are_those_of_the_document_in_every_format(executions: Executions) -> None:
    whole = body_of(await text_of(executions, View()))["result_aggregation"]
    totals = json.loads(await text_of(executions, View(aggregate="merge_outputs")))
    assert totals == whole
    line = json.loads(await text_of(executions, View(format="jsonl", aggregate="merge_outputs")))
    assert line == {**whole, "output_format": "jsonl"}
    table = list(csv.reader(io.StringIO(await text_of(executions, View(format="csv", aggregate="merge_outputs")))))
    assert table[0] == ["figure", "value"]
    figures = dict(table[1:])
    assert figures["merged_results.difficulty_distribution.basic"] == "5"
    assert figures["quality.duplicate"] == "1"


async def test_individual_results_stand_beside_the_totals(executions: Executions) -> None:
    whole = body_of(await text_of(executions, View()))
    found = json.loads(await text_of(executions, View(aggregate="preserve_individual")))
    assert found["aggregation_method"] == "preserve_individual"
    assert found["merged_results"] == whole["result_aggregation"]["merged_results"]
    sessions = whole["agent_execution_sessions"]
    assert [one["result"] for one in found["results"]] == [session["result"] for session in sessions]
    assert found["results"][1]["node_id"] == sessions[1]["input_data"]["node_id"]
    *lines, last = (await text_of(executions, View(format="jsonl", aggregate="preserve_individual"))).splitlines()
    assert [json.loads(line) for line in lines] == found["results"]
    assert json.loads(last)["result_aggregation"]["quality"] == found["quality"]


async def test_half_a_surrogate_pair_from_a_caller_does_not_cost_the_file(tmp_path: Path) -> None:
    assert json.loads(json_bytes({"text": "命题 \ud83d", "odd": {1: b"x"}})) == {
        "text": "命题 \ud83d",
        "odd": {"1": "b'x'"},
    }


async def test_an_execution_without_results_is_valid_in_every_view(tmp_path: Path) -> None:
    journal = await filled(tmp_path / "empty.sqlite3", 1, lambda key: refused(key, "no"))
    executions = Executions(journal, now=lambda: 200.0, sampled=lambda _: None)
    assert body_of(await text_of(executions, View()))["result_aggregation"]["merged_results"]["results_per_agent"] == {}
    for format_of in ("json", "jsonl", "csv"):
        for method in (None, "merge_outputs", "preserve_individual"):
            assert await text_of(executions, View(format=format_of, aggregate=method))  # pyright: ignore[reportArgumentType]
    await journal.aclose()
