"""Pipeline files: what is wrong is named with its line and key, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel_agents.core.errors import PipelineError
from parallel_agents.pipelines.reading import builtin_pipelines, load_pipeline, parse_pipeline
from parallel_agents.pipelines.spec import Step

GOOD = """\
name: mine
description: Two steps.
steps:
  second:
    agent: oral-explanation
    depends_on: first
    for_each: first.sub_questions
    when: item.type != "x"
    input:
      topic: "{{ source.topic }}"
      deep: [{text: "{{ item.text }}"}]
  first:
    agent: basic-decomposition
"""


def test_a_pipeline_is_read_with_its_steps_in_the_order_of_their_dependencies() -> None:
    pipeline = parse_pipeline(GOOD, "mine.yaml")
    assert (pipeline.name, pipeline.description) == ("mine", "Two steps.")
    assert [step.name for step in pipeline.steps] == ["first", "second"]
    assert pipeline.roots() == (Step(name="first", agent="basic-decomposition", line=12),)
    assert pipeline.step("second") == Step(
        name="second",
        agent="oral-explanation",
        depends_on=("first",),
        for_each="first.sub_questions",
        when='item.type != "x"',
        input={"topic": "{{ source.topic }}", "deep": [{"text": "{{ item.text }}"}]},
        line=4,
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "problem"),
    [
        ("name: mine", "nmae: mine", 1, "nmae", "Did you mean 'name'?"),
        ("name: mine\n", "", None, "name", "is missing"),
        ("name: mine", "name: Mine!", 1, "name", "small letters"),
        ("name: mine", "name: 7", 1, "name", "has to be text, not a number"),
        ("depends_on: first", "depend_on: first", 6, "steps.second.depend_on", "Did you mean 'depends_on'?"),
        ("depends_on: first", "depends_on: [frist]", 6, "steps.second.depends_on[0]", "Did you mean 'first'?"),
        ("depends_on: first", "depends_on: [first, first]", 6, "steps.second.depends_on[1]", "twice"),
        ("depends_on: first", "depends_on: 3", 6, "steps.second.depends_on", "a list of steps"),
        ("depends_on: first\n", "depends_on: second\n", 6, "steps.second.depends_on", "second → second"),
        ("    depends_on: first\n", "", 6, "steps.second.for_each", "depends on another"),
        ("  second:", "  Second:", 4, "steps.Second", "small letters"),
        ("  second:", "  item:", 4, "steps.item", "means something else"),
        ("agent: oral-explanation", 'agent: "{{ first.agent }}"', 5, "steps.second.agent", "written out"),
        ("    agent: oral-explanation\n", "", 4, "steps.second.agent", "is missing"),
        ("for_each: first.", "for_each: '{{ first }}' #", 7, "steps.second.for_each", "without the braces"),
        ("for_each: first.sub_questions", "for_each: source.list", 7, "steps.second.for_each", "does not use a step"),
        ("for_each: first.sub_questions", "for_each: '[first, item]'", 7, "steps.second.for_each", "uses 'item'"),
        ("    for_each: first.sub_questions\n", "", 7, "steps.second.when", "a step with `for_each`"),
        ('item.type != "x"', "item.type ==", 8, "steps.second.when", "not well-formed"),
        ('item.type != "x"', "soruce.type", 8, "steps.second.when", "Did you mean 'source'?"),
        ("source.topic", "other.topic", 10, "steps.second.input.topic", "stands in `depends_on`"),
        ("item.text", "item.text |", 11, "steps.second.input.deep[0].text", "not well-formed"),
        ("  first:\n", "  second:\n", 12, "steps.second", "stands twice, first in line 4"),
        ("  first:\n", "  3:\n", 12, "steps", "not text"),
        ("Two steps.", "Two: steps", 2, None, "is not valid YAML"),
        ("  first:\n", "  <<: {}\n  first:\n", 12, None, "merges"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_key(
    old: str, new: str, line: int | None, key: str | None, problem: str
) -> None:
    assert old in GOOD
    with pytest.raises(PipelineError) as caught:
        parse_pipeline(GOOD.replace(old, new, 1), "mine.yaml")
    assert problem in str(caught.value)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert str(caught.value).startswith("mine.yaml")


def test_steps_in_a_circle_are_named_in_their_order() -> None:
    text = "name: a\nsteps:\n" + "".join(
        f"  {one}: {{agent: x, depends_on: {below}}}\n" for one, below in ("ab", "bc", "ca")
    )
    with pytest.raises(PipelineError, match=r"a → b → c → a|b → c → a → b|c → a → b → c"):
        parse_pipeline(text, "circle.yaml")


@pytest.mark.parametrize(
    "text", ["", "- a\n", "name: a\nsteps: []\n", "name: a\nsteps:\n", "name: a\nsteps: {}\n", "just text\n"]
)
def test_a_file_without_steps_is_no_pipeline(text: str) -> None:
    with pytest.raises(PipelineError):
        parse_pipeline(text, "empty.yaml")


def test_aliases_that_mean_millions_of_values_are_refused() -> None:
    levels = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9))
    text = f"name: a\nsteps:\n  l0: &l0 [x]\n{levels}"
    with pytest.raises(PipelineError, match="more than 10000 values"):
        parse_pipeline(text, "bomb.yaml")


def test_a_step_can_only_use_what_it_depends_on_itself() -> None:
    text = """\
name: chain
steps:
  a: {agent: x}
  b: {agent: x, depends_on: [a]}
  c:
    agent: x
    depends_on: [b]
    when: a.good
"""
    with pytest.raises(PipelineError, match=r"chain\.yaml:8: steps\.c\.when: uses 'a', which is not there"):
        parse_pipeline(text, "chain.yaml")
    assert parse_pipeline(text.replace("[b]", "[a, b]"), "chain.yaml").step("c").depends_on == ("a", "b")


def test_the_pipelines_that_ship_are_read_and_route_by_the_weakest_dimension() -> None:
    assert builtin_pipelines() == ["decompose-explain", "score-explain"]
    explain = load_pipeline("decompose-explain").step("explain")
    assert (explain.depends_on, explain.for_each) == (("decompose",), "decompose.sub_questions")
    scored = load_pipeline("score-explain")
    assert {step.agent for step in scored.steps} == {
        "scoring-agent",
        "clarification-path",
        "memory-anchor",
        "four-level-explanation",
        "oral-explanation",
    }
    assert all("pass" in (step.when or "pass") for step in scored.steps)


def test_a_name_that_is_none_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(PipelineError, match="'decompose-explian' is no pipeline") as caught:
        load_pipeline("decompose-explian")
    assert "Did you mean 'decompose-explain'? There are decompose-explain, score-explain" in str(caught.value)


def test_a_file_is_read_and_its_agent_files_are_named_from_its_own_folder(tmp_path: Path) -> None:
    file = tmp_path / "管道.yaml"
    file.write_bytes(("\ufeff" + GOOD.replace("oral-explanation", "own/agent.md")).encode())
    assert load_pipeline(str(file)).step("second").agent == str(tmp_path / "own/agent.md")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"absent\.yaml: cannot be read: No such file"):
        load_pipeline(str(tmp_path / "absent.yaml"))
    odd = tmp_path / "odd.yml"
    odd.write_bytes(b"name: a\n\xff")
    with pytest.raises(PipelineError, match=r"odd\.yml:2: is not UTF-8"):
        load_pipeline(str(odd))
    odd.write_bytes(b"#" * (300 << 10))
    with pytest.raises(PipelineError, match="too large"):
        load_pipeline(str(odd))
