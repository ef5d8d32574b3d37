"""How results of agents land, as their files say it and as it follows from their contracts."""

from __future__ import annotations

import pytest
from tests.agents.test_specs import SPEC

from parallel_agents.agents.landingform import form_of
from parallel_agents.agents.parsing import parse_spec
from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.core.errors import AgentError
from parallel_agents.core.forms import Form

QUESTIONS = SPEC.replace(
    "  contract: explanation\n  sections: [要点]\n  characters: [10, 20]",
    "  contract: sub_questions\n  least: 1\n  most: 2\n  types: [甲]\n  difficulties: [乙]",
)
SCORE = SPEC.replace("  contract: explanation\n  sections: [要点]\n  characters: [10, 20]", "  contract: score")


def form(text: str) -> Form | None:
    return form_of(parse_spec(text, "my.md"))


def with_landing(text: str, landing: str) -> str:
    return text.replace("limits:", f"landing: {landing}\nlimits:")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("basic-decomposition", Form(kind="questions", title="拆解", label="基础拆解问题")),
        ("deep-decomposition", Form(kind="questions", title="深度拆解", label="深度拆解", is_deep=True)),
        ("oral-explanation", Form(kind="explanation", title="口语化解释", emoji="💬", label="口语化解释")),
        ("scoring-agent", Form(kind="score", title="评分")),
        ("comparison-table", Form(kind="explanation", title="对比表", emoji="📊", label="对比分析")),
        ("verification-question-agent", Form(kind="board", title="检验白板")),
        ("question-decomposition", Form(kind="questions", title="问题拆解", label="深度拆解", is_deep=True)),
        ("clarification-path", Form(kind="explanation", title="澄清路径", emoji="🔍", label="深度解释")),
        ("memory-anchor", Form(kind="explanation", title="记忆锚点", emoji="⚓", label="记忆辅助")),
        ("four-level-explanation", Form(kind="explanation", title="四层次答案", emoji="🎯", label="四层次解释")),
        ("example-teaching", Form(kind="explanation", title="例题教学", emoji="📝", label="例题教学")),
    ],
)
def test_the_agents_that_ship_land_as_learners_know_it(name: str, expected: Form) -> None:
    assert form_of(parse_spec(AgentRegistry().resolve(name).spec or "", name)) == expected


def test_an_agent_that_says_nothing_lands_by_its_contract() -> None:
    assert form(SPEC) == Form(kind="explanation", title="my-agent", emoji="💡", label="补充解释")
    titled = SPEC.replace("inputs:", "title: 对比\ninputs:")
    assert form(titled) == Form(kind="explanation", title="对比", emoji="💡", label="补充解释")
    assert form(QUESTIONS) == Form(kind="questions", title="my-agent", label="基础拆解问题")
    deep = QUESTIONS.replace("inputs:", "reads: [understanding]\ninputs:")
    assert form(deep) == Form(kind="questions", title="my-agent", label="深度拆解", is_deep=True)
    assert form(SCORE) == Form(kind="score", title="my-agent")
    assert form("---\nname: a\ndescription: b\nentry: m:f\n---\n") is None


def test_what_an_agent_says_of_its_landing_goes_first() -> None:
    told = with_landing(SPEC.replace("inputs:", "title: 对比\ninputs:"), "{title: 对比表, emoji: 📊, label: 对比 分析}")
    assert form(told) == Form(kind="explanation", title="对比表", emoji="📊", label="对比 分析")
    assert form(with_landing(QUESTIONS, "{label: 追问}")) == Form(kind="questions", title="my-agent", label="追问")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (with_landing(SPEC, "{titel: 对比表}"), r"my\.md:11: .*unknown field `titel`"),
        (with_landing(SPEC, '{title: ""}'), r"my\.md:11: .*landing\.title"),
        (with_landing(SPEC, '{title: "a\\nb"}'), r"landing\.title"),
        (with_landing(SPEC, '{label: "a\\n"}'), r"landing\.label"),
        (with_landing(SPEC, '{emoji: "a b"}'), r"landing\.emoji"),
        (with_landing(SPEC, f"{{title: {'长' * 41}}}"), r"landing\.title"),
        (with_landing(SPEC, "[对比表]"), r"my\.md:11: .*landing"),
        (with_landing(SCORE, "{label: 评分}"), "has a `landing`, but no questions or explanations"),
        ("---\nname: a\ndescription: b\nentry: m:f\nlanding: {emoji: 📊}\n---\n", "has a `landing`, but no questions"),
    ],
)
def test_a_landing_that_cannot_be_is_refused(text: str, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        parse_spec(text, "my.md")
