from __future__ import annotations

from typing import Any

from parallel_agents.core.aggregate import Result, ResultAggregator, with_derived
from parallel_agents.core.quality import Flaw


def questions(*texts: str, difficulty: str = "基础", guidance: str = "") -> dict[str, Any]:
    asked = [{"text": text, "type": "定义型", "difficulty": difficulty, "guidance": guidance} for text in texts]
    return {"sub_questions": asked}


def score(total: int) -> dict[str, Any]:
    parts = {"accuracy": total // 4, "imagery": 0, "completeness": 25, "originality": 10}
    return {"total_score": total, "breakdown": parts, "pass": total >= 80, "feedback": "好", "color_action": "keep_red"}


def test_totals_count_accepted_outputs_and_leave_out_what_does_not_apply() -> None:
    aggregator = ResultAggregator()
    asked = {
        "sub_questions": [
            {"text": "什么是逆否命题？", "type": "定义型", "difficulty": "基础", "guidance": "💡 提示：从定义开始"},
            {"text": "举一个例子", "type": "实例型", "difficulty": "深度", "guidance": ""},
        ]
    }
    aggregator.add("basic-decomposition", "success", asked)
    aggregator.add("scoring-agent", "unscored", None)
    figures = {
        "total_sub_questions": 2,
        "guidance_provided_count": 1,
        "difficulty_distribution": {"basic": 1, "intermediate": 0, "advanced": 1},
    }
    assert aggregator.merged() == {
        "results_per_agent": {"basic-decomposition": 1, "scoring-agent": 1},
        **figures,
        "unscored_count": 1,
        "unique_concepts_covered": 2,
        "near_duplicate_concepts": [],
        "per_agent": {
            "basic-decomposition": {"results": 1, **figures},
            "scoring-agent": {"results": 1, "unscored_count": 1},
        },
    }


def test_no_results_give_no_numbers() -> None:
    assert ResultAggregator().merged() == {"results_per_agent": {}, "per_agent": {}}


def test_each_agent_has_figures_of_its_own() -> None:
    aggregator = ResultAggregator()
    aggregator.add("scoring-agent", "success", score(80))
    aggregator.add("scoring-agent", "success", score(60))
    aggregator.add("oral-explanation", "success", {"markdown": "## 核心讲解\n讲"})
    aggregator.add("deep-decomposition", "success", questions("为什么？", difficulty="深度"))
    aggregator.add("basic-decomposition", "success", questions("是什么？", "有何区别？", difficulty="困难"))
    per_agent = aggregator.merged()["per_agent"]
    assert per_agent["scoring-agent"] == {
        "results": 2,
        "scored_count": 2,
        "average_score": 70.0,
        "average_breakdown": {"accuracy": 17.5, "imagery": 0.0, "completeness": 25.0, "originality": 10.0},
    }
    assert per_agent["oral-explanation"] == {"results": 1, "explanations_count": 1}
    assert per_agent["deep-decomposition"]["difficulty_distribution"]["advanced"] == 1
    assert per_agent["basic-decomposition"]["other_difficulties"] == {"困难": 2}


def test_questions_that_only_ask_differently_are_one_concept() -> None:
    aggregator = ResultAggregator()
    aggregator.add(
        "basic-decomposition", "success", questions("逆否命题的定义是什么？", "**[定义型]** 什么是逆否命题的定义")
    )
    aggregator.add("basic-decomposition", "success", questions("什么是否命题？", "What is the determinant?"))
    aggregator.add("basic-decomposition", "success", questions("what is a Determinant"))
    assert aggregator.merged()["unique_concepts_covered"] == 3


def test_near_duplicates_are_pointed_out_and_counted_apart() -> None:
    aggregator = ResultAggregator()
    aggregator.add(
        "basic-decomposition",
        "success",
        questions("「命题」的定义是什么？", "「逆命题」的定义是什么？", "什么是集合？"),
    )
    merged = aggregator.merged()
    assert merged["unique_concepts_covered"] == 3
    (pair,) = merged["near_duplicate_concepts"]
    assert {pair["one"], pair["other"]} == {"「命题」的定义是什么？", "「逆命题」的定义是什么？"}
    assert 0.9 <= pair["likeness"] < 1


def test_suggestions_stay_few_however_many_questions_there_are() -> None:
    aggregator = ResultAggregator()
    for number in range(2000):
        aggregator.add(
            "basic-decomposition", "success", questions(f"第 {number} 个命题与它的逆否命题为什么等价，怎样证明？")
        )
    merged = aggregator.merged()
    assert merged["unique_concepts_covered"] == 2000
    assert len(merged["near_duplicate_concepts"]) <= 20


def test_what_is_wrong_with_a_result_is_told_and_counted() -> None:
    aggregator = ResultAggregator()
    page = {"markdown": "## 核心讲解\n讲完了。"}
    results = [
        Result(agent_name="oral-explanation", task_id="fine", output=page),
        Result(agent_name="oral-explanation", task_id="again", output=page),
        Result(agent_name="other", task_id="elsewhere", output=page),
        Result(agent_name="oral-explanation", task_id="blank", output={"markdown": " \n", "generator": {"model": "x"}}),
        Result(agent_name="oral-explanation", task_id="cut", output={"markdown": "一"}, finish_reason="length"),
        Result(agent_name="oral-explanation", task_id="open", output={"markdown": "```python\nx = 1"}),
        Result(agent_name="scoring-agent", task_id="wrong", status="error", problems=("total_score is 101",)),
        Result(agent_name="scoring-agent", task_id="crash", status="error"),
    ]
    found = {result.task_id: aggregator.take(result) for result in results}
    flaws = {task_id: verdict.flaws for task_id, verdict in found.items() if verdict.flaws}
    assert flaws == {
        "again": (Flaw.DUPLICATE,),
        "blank": (Flaw.EMPTY,),
        "cut": (Flaw.TRUNCATED,),
        "open": (Flaw.TRUNCATED,),
        "wrong": (Flaw.OFF_CONTRACT,),
    }
    assert found["again"].duplicate_of == "fine"
    assert aggregator.quality() == {"results_checked": 8, "empty": 1, "truncated": 2, "off_contract": 1, "duplicate": 1}
    assert aggregator.merged()["results_per_agent"] == {"oral-explanation": 5, "other": 1}


def test_a_fence_that_is_closed_is_no_cut() -> None:
    aggregator = ResultAggregator()
    text = "讲解\n\n````md\n```\nx\n```\n````\n\n~~~\ny\n~~~~"
    assert aggregator.add("oral-explanation", "success", {"markdown": text}).flaws == ()


def test_what_an_agent_of_ones_own_returns_is_counted_whatever_it_holds() -> None:
    aggregator = ResultAggregator()
    odd: list[dict[str, Any]] = [
        {"sub_questions": "none"},
        {"sub_questions": [1, None, {"text": None}]},
        {"total_score": True, "breakdown": []},
        {"text": "\ud83d", "deep": [{"er": 0}]},
        {},
    ]
    verdicts = [aggregator.add("mine", "success", output) for output in odd]
    assert aggregator.merged()["results_per_agent"] == {"mine": 5}
    assert "scored_count" not in aggregator.merged()
    assert [bool(verdict.flaws) for verdict in verdicts] == [False, False, False, False, True]


def test_totals_derived_for_one_result() -> None:
    assert with_derived(questions("一", "二", guidance="💡 提示：三")) == {
        **questions("一", "二", guidance="💡 提示：三"),
        "total_count": 2,
        "has_guidance": True,
    }
    assert with_derived({"markdown": "x"}) == {"markdown": "x"}
    output = {"sub_questions": [{"text": "a", "guidance": ""}], "note": 1}
    assert with_derived(output) == {**output, "total_count": 1, "has_guidance": False}
