"""The functions around the executor: batches from a canvas, and results put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parallel_agents import aggregate_results, create_batch_tasks, prioritize_tasks
from parallel_agents.core.errors import CanvasError, InputError

EXAMPLE = Path(__file__).parents[2] / "examples" / "笔记库" / "离散数学" / "离散数学.canvas"
QUESTION = {"text": "什么是命题？", "type": "定义型", "difficulty": "基础", "guidance": ""}
FITTING = {"sub_questions": [{**QUESTION, "text": f"什么是命题 {n}？"} for n in range(3)]}
SCORE = {
    "total_score": 68,
    "breakdown": {"accuracy": 20, "imagery": 10, "completeness": 18, "originality": 20},
    "pass": False,
    "feedback": "说得对，再举一个例子。",
    "color_action": "change_to_purple",
}


def test_a_batch_derives_inputs_from_edges_and_tells_what_it_skips_and_why() -> None:
    batch = create_batch_tasks(
        str(EXAMPLE), "scoring-agent", ["a6efbd265597db8e", "901b90454c847a09", "dda8f44558e18dfb"]
    )
    (task,) = batch
    assert task["node_id"] == "a6efbd265597db8e"
    assert task["input_data"]["question_text"] == "什么是逆否命题？"
    assert task["input_data"]["user_understanding"].startswith("逆否命题就是")
    assert task["input_data"]["reference_material"].startswith("## 条件命题与逆否命题")
    assert {skip.node_id: skip.reason for skip in batch.skipped} == {
        "901b90454c847a09": "holds only a placeholder",
        "dda8f44558e18dfb": "a link holds no text",
    }


def test_without_node_ids_every_node_is_a_task_or_has_its_reason() -> None:
    batch = create_batch_tasks(str(EXAMPLE), "basic-decomposition")
    assert len(batch) == 11
    assert len(batch) + len(batch.skipped) == 33
    assert all(skip.reason for skip in batch.skipped)


def test_a_node_that_is_not_there_is_an_error_and_no_batch() -> None:
    with pytest.raises(CanvasError, match="no such node"):
        create_batch_tasks(str(EXAMPLE), "basic-decomposition", ["nope"])


def test_results_are_aggregated_whether_they_are_sessions_or_plain() -> None:
    plain = [{"agent_name": "basic-decomposition", "output_data": FITTING}]
    session = {"agent_name": "scoring-agent", "task_id": "t", "result": {"status": "success", "output_data": SCORE}}
    unfinished = {"agent_name": "scoring-agent", "status": "running", "result": None}
    found = aggregate_results(iter([*plain, session, unfinished]))
    merged = found["merged_results"]
    assert found["aggregation_method"] == "merge_outputs"
    assert merged["results_per_agent"] == {"basic-decomposition": 1, "scoring-agent": 1}
    assert (merged["total_sub_questions"], merged["average_score"]) == (3, 68.0)
    assert found["quality"]["results_checked"] == 2
    assert "results" not in found


def test_individual_results_are_kept_with_what_was_found_in_them() -> None:
    items: list[dict[str, Any]] = [
        {"agent_name": "basic-decomposition", "task_id": "a", "output_data": FITTING},
        {"agent_name": "basic-decomposition", "task_id": "b", "output_data": FITTING},
        {"agent_name": "basic-decomposition", "task_id": "c", "output_data": {"sub_questions": [QUESTION]}},
        {"agent_name": "basic-decomposition", "task_id": "d", "output_data": {"sub_questions": []}},
        {"agent_name": "scoring-agent", "task_id": "e", "output_data": {**SCORE, "total_score": 99}},
        {"agent_name": "scoring-agent", "task_id": "f", "output_data": SCORE},
        {"agent_name": "my-own", "task_id": "g", "output_data": {"sub_questions": [QUESTION]}},
    ]
    found = aggregate_results(items, "preserve_individual")
    assert [(result["task_id"], result["quality"], result["duplicate_of"]) for result in found["results"]] == [
        ("a", [], None),
        ("b", ["duplicate"], "a"),
        ("c", ["off_contract"], None),
        ("d", ["empty", "off_contract"], None),
        ("e", ["off_contract"], None),
        ("f", [], None),
        ("g", [], None),
    ]
    assert "quality" not in items[1]


@pytest.mark.parametrize("method", ["sum", "", "MERGE"])
def test_an_unknown_method_is_refused(method: str) -> None:
    with pytest.raises(InputError, match="merge, merge_outputs"):
        aggregate_results([], method)


def test_what_is_no_result_is_named_by_its_position_and_not_dropped() -> None:
    with pytest.raises(InputError, match="result 2 has neither result nor output_data"):
        aggregate_results([{"agent_name": "x", "output_data": {}}, {"agent_name": "x"}])


def tasks_of(*given: tuple[str, str, str | None]) -> list[dict[str, Any]]:
    return [
        {"agent_name": "x", "task_id": name, "canvas_path": canvas, "priority": level, "input_data": {"text": name * 3}}
        for name, canvas, level in given
    ]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("priority_queue", ["ccc", "a", "bb", "e", "dddd"]),
        ("fifo", ["a", "bb", "ccc", "dddd", "e"]),
        ("lifo", ["e", "dddd", "ccc", "bb", "a"]),
        ("shortest_first", ["a", "e", "bb", "ccc", "dddd"]),
        ("round_robin", ["a", "ccc", "bb", "dddd", "e"]),
        ("prompt_cache", ["a", "bb", "ccc", "dddd", "e"]),
    ],
)
def test_tasks_are_ordered_as_the_strategy_says_and_none_is_lost(strategy: Any, expected: list[str]) -> None:
    given = tasks_of(
        ("a", "一.canvas", None),
        ("bb", "一.canvas", "medium"),
        ("ccc", "二.canvas", "urgent"),
        ("dddd", "二.canvas", "low"),
        ("e", "一.canvas", "normal"),
    )
    before = [dict(task) for task in given]
    assert [task["task_id"] for task in prioritize_tasks(given, strategy)] == expected
    assert given == before


def test_tasks_of_one_agent_and_model_stand_together_in_the_order_in_which_each_first_came() -> None:
    given: list[dict[str, Any]] = [
        {"agent_name": "a", "task_id": "1"},
        {"agent_name": "b", "task_id": "2"},
        {"agent_name": "a", "task_id": "3", "model": "openai:m"},
        {"agent_name": "a", "task_id": "4"},
        {"agent_name": "b", "task_id": "5"},
    ]
    assert [task["task_id"] for task in prioritize_tasks(given, "prompt_cache")] == ["1", "4", "2", "5", "3"]


def test_an_unknown_strategy_or_level_is_refused() -> None:
    with pytest.raises(InputError, match="round_robin"):
        prioritize_tasks([], "longest_first")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="'asap' is not one of urgent"):
        prioritize_tasks(tasks_of(("a", "x", "asap")))
