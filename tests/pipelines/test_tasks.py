"""A pipeline on a source: which tasks it makes, and what they are bound to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.choice import NodeChoice
from parallel_agents.core.errors import AgentError, PipelineError, SourceError
from parallel_agents.core.submission import parse_tasks
from parallel_agents.pipelines.reading import load_pipeline, parse_pipeline
from parallel_agents.pipelines.tasks import Instance, pipeline_tasks
from parallel_agents.sources.pipelines import first_steps, later_steps, plan_pipeline
from parallel_agents.sources.plan import Plan

MATERIAL = "命题 1：若一个整数能被 2 整除，则 2 是它的因数，这就是整除的定义。"
ROUTED = """\
name: routed
steps:
  score: {agent: scoring-agent}
  split: {agent: basic-decomposition}
  explain:
    agent: oral-explanation
    depends_on: [score]
    when: score and not score.pass
  each:
    agent: oral-explanation
    depends_on: [split]
    for_each: split.sub_questions
    input: {topic: "{{ item.text }}"}
  last:
    agent: oral-explanation
    depends_on: [each, split]
    input: {topic: "{{ each | length }}"}
"""


@pytest.fixture
def canvas(tmp_path: Path) -> Path:
    """Material, a question about it, and what was understood of it."""
    texts = {"m": MATERIAL, "q": "什么是整除？", "u": "能除尽、没有余数就叫整除，除数就是因数。"}
    nodes = [
        {"id": name, "type": "text", "text": text, "x": 0, "y": 0, "width": 9, "height": 9}
        for name, text in texts.items()
    ]
    edges = [
        {"id": "1", "fromNode": "m", "toNode": "q", "label": "基础拆解问题"},
        {"id": "2", "fromNode": "q", "toNode": "u", "label": "个人理解"},
    ]
    path = tmp_path / "整除.canvas"
    path.write_text(json.dumps({"nodes": nodes, "edges": edges}), encoding="utf-8")
    return path


def planned(source: Path, text: str = ROUTED, **more: Any) -> Plan:
    return plan_pipeline(source, parse_pipeline(text, "p.yaml"), NodeChoice(), AgentRegistry(), **more)


def by_step(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for task in plan.tasks:
        found.setdefault(task["metadata"]["step"], []).append(task)
    return found


def test_each_node_goes_through_the_steps_whose_first_step_takes_it(canvas: Path) -> None:
    plan = planned(canvas)
    found = by_step(plan)
    assert {step: [task["node_id"] for task in tasks] for step, tasks in found.items()} == {
        "score": ["u"],
        "split": ["m"],
        "explain": ["u"],
        "each": ["m"],
        "last": ["m"],
    }
    assert found["split"][0]["input_data"]["material_content"] == MATERIAL
    assert "binding" not in found["split"][0]
    assert plan.places[2] == f"{canvas}, node 'u', step explain"


def test_a_later_step_is_bound_to_the_tasks_before_it_and_to_all_that_its_node_gives(canvas: Path) -> None:
    found = by_step(planned(canvas))
    split, each, last = found["split"][0], found["each"][0], found["last"][0]
    assert (last["input_data"], last["depends_on"]) == ({}, [each["task_id"], split["task_id"]])
    assert last["binding"] == {
        "step": "last",
        "input": {"topic": "{{ each | length }}"},
        "for_each": None,
        "when": None,
        "source": each["binding"]["source"],
        "lists": ["each"],
        "steps": {"each": [each["task_id"]], "split": [split["task_id"]]},
    }
    assert each["binding"]["for_each"] == "split.sub_questions"
    explained = found["explain"][0]["binding"]["source"]
    assert explained["reference_material"] == MATERIAL
    assert explained["material_content"] == f"{MATERIAL}\n\n什么是整除？"
    assert each["binding"]["source"]["question_text"] is None


def test_the_same_pipeline_on_the_same_node_makes_the_same_ids(canvas: Path) -> None:
    first, again = planned(canvas), planned(canvas)
    assert [task["task_id"] for task in first.tasks] == [task["task_id"] for task in again.tasks]
    assert len({task["task_id"] for task in first.tasks}) == 5
    other = planned(canvas, ROUTED.replace("name: routed", "name: other"))
    assert not {task["task_id"] for task in first.tasks} & {task["task_id"] for task in other.tasks}


def test_only_the_first_steps_can_be_foretold(canvas: Path) -> None:
    plan = planned(canvas)
    first = first_steps(plan)
    assert [task["metadata"]["step"] for task in first.tasks] == ["score", "split"]
    assert len(first.places) == 2
    assert later_steps(plan) == {"explain": 1, "each": 1, "last": 1}
    assert len(parse_tasks(first.tasks)) == 2


def test_every_first_step_takes_every_line_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    lines = [{"input_data": {"material_content": f"第 {n} 段", "topic": "整除"}, "priority": "high"} for n in range(2)]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    plan = plan_pipeline(path, load_pipeline("decompose-explain"), NodeChoice(), AgentRegistry())
    assert [(task["metadata"]["step"], task["priority"]) for task in plan.tasks] == [
        ("decompose", "high"),
        ("decompose", "high"),
        ("explain", "high"),
        ("explain", "high"),
    ]
    assert plan.tasks[1]["input_data"] == plan.tasks[3]["binding"]["source"] == lines[1]["input_data"]
    assert plan.places[3] == f"{path}:2, step explain"
    path.write_text(json.dumps({**lines[0], "agent_name": "scoring-agent"}), encoding="utf-8")
    with pytest.raises(SourceError, match=r"tasks\.jsonl:1: has the key 'agent_name'"):
        planned(path)
    path.write_text('{"priority": "high"}', encoding="utf-8")
    with pytest.raises(SourceError, match=r"tasks\.jsonl:1: has no input_data"):
        planned(path)


def test_notes_go_through_a_pipeline_each_by_itself(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n{MATERIAL}", encoding="utf-8")
    plan = plan_pipeline(tmp_path, load_pipeline("decompose-explain"), NodeChoice(), AgentRegistry(), notes=True)
    explained = [task for task in plan.tasks if "binding" in task]
    assert [task["metadata"]["note_path"] for task in explained] == [str(tmp_path / "a.md"), str(tmp_path / "b.md")]
    assert [task["binding"]["source"]["topic"] for task in explained] == ["a", "b"]
    assert len({task["task_id"] for task in plan.tasks}) == 4


def test_a_step_that_lacks_what_its_agent_needs_is_left_out_with_all_behind_it(canvas: Path) -> None:
    text = """\
name: lacking
steps:
  split: {agent: basic-decomposition}
  deep: {agent: deep-decomposition, depends_on: [split]}
  behind: {agent: oral-explanation, depends_on: [deep]}
"""
    plan = planned(canvas, text)
    assert [task["metadata"]["step"] for task in plan.tasks] == ["split"]
    assert [(skip.node_id, skip.reason) for skip in plan.skipped if "step" in skip.reason] == [
        ("m", "step deep is left out: nothing gives user_understanding")
    ]
    assert list(plan.warnings) == ["step deep has nothing to run on", "step behind has nothing to run on"]
    given = text.replace("[split]}", "[split], input: {user_understanding: '{{ source.topic }}'}}", 1)
    assert len(planned(canvas, given).tasks) == 3


def test_an_agent_that_is_none_and_an_input_that_it_does_not_take_are_named_with_their_line(canvas: Path) -> None:
    with pytest.raises(AgentError, match=r"p\.yaml:4: agent 'basic-decompositio' is not known"):
        planned(canvas, ROUTED.replace("basic-decomposition", "basic-decompositio"))
    with pytest.raises(PipelineError, match=r"p\.yaml:9: steps\.each\.input\.topik: .*Did you mean 'topic'"):
        planned(canvas, ROUTED.replace("input: {topic", "input: {topik", 1))


def test_a_first_step_may_fill_its_input_from_the_source(canvas: Path) -> None:
    text = """\
name: filled
steps:
  split:
    agent: basic-decomposition
    input: {topic: "{{ source.topic }}！", material_content: "{{ source.material_content }}"}
"""
    assert planned(canvas, text).tasks[0]["input_data"]["topic"] == "整除！"
    with pytest.raises(PipelineError, match="no attribute 'titel'"):
        planned(canvas, text.replace("source.topic", "source.titel"))


def test_tasks_stand_step_by_step_and_what_has_no_first_step_has_no_later_one() -> None:
    pipeline = parse_pipeline(ROUTED, "p.yaml")
    both = Instance(place="both", source={}, roots={"score": {"input_data": {}}, "split": {"input_data": {}}})
    only = Instance(place="only", source={}, roots={"score": {"input_data": {}}}, left_out=frozenset({"explain"}))
    made = pipeline_tasks(pipeline, [only, both])
    assert [task["metadata"]["step"] for task in made] == ["score", "score", "split", "explain", "each", "last"]
