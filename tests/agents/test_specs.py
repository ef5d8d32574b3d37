from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from parallel_agents.agents.parsing import parse_spec, read_spec
from parallel_agents.agents.registry import SPEC_TARGET, AgentRegistry
from parallel_agents.agents.spec import Explanation, Score, SubQuestions
from parallel_agents.core.errors import AgentError

SPEC = """---
name: my-agent
description: 测试
inputs:
  material_content: required
  topic: optional
output:
  contract: explanation
  sections: [要点]
  characters: [10, 20]
limits:
  timeout_seconds: 5
---

讲一讲。
"""


def test_a_spec_says_what_it_takes_and_gives() -> None:
    spec = parse_spec(SPEC, "my.md")
    assert (spec.name, spec.required, spec.reads) == ("my-agent", ("material_content",), ("material",))
    assert spec.output == Explanation(sections=("要点",), characters=(10, 20))
    assert spec.prompt == "讲一讲。"


@pytest.mark.parametrize("text", ["\ufeff" + SPEC, SPEC.replace("\n", "\r\n")], ids=["BOM", "CRLF"])
def test_a_spec_may_have_a_bom_or_other_line_ends(text: str) -> None:
    assert msgspec.structs.replace(parse_spec(text, "my.md"), prompt="") == msgspec.structs.replace(
        parse_spec(SPEC, "my.md"), prompt=""
    )


WRONG = {
    "no front matter": ("讲一讲。", r"^my\.md: agent 'my' has no front matter"),
    "no end of it": (SPEC.replace("---\n\n讲", "\n\n讲"), "has no front matter"),
    "a list": ("---\n- a\n---\nx", "front matter that is not a mapping"),
    "broken YAML": (SPEC.replace("[要点]", "[要点"), r"my\.md:\d+: .*broken front matter"),
    "a key twice": (SPEC.replace("description: 测试", "name: x"), r"my\.md:3: .*duplicate key"),
    "an unknown key": (
        SPEC.replace("limits:", "limit:"),
        r"my\.md:11: .*unknown key 'limit'\. Did you mean 'limits'\?",
    ),
    "a prompt in it": (SPEC.replace("description: 测试", "prompt: x"), r"my\.md:3: .*unknown key 'prompt'"),
    "no name": (SPEC.replace("name: my-agent\n", ""), "missing required field `name`"),
    "a wrong name": (SPEC.replace("my-agent", "My Agent"), r"my\.md:2: .*wrong value at name"),
    "a wrong need": (SPEC.replace("topic: optional", "topic: maybe"), r"my\.md:4: .*inputs"),
    "a wrong limit": (SPEC.replace("timeout_seconds: 5", "timeout_seconds: 0"), r"limits\.timeout_seconds"),
    "an unknown limit": (SPEC.replace("timeout_seconds: 5", "timeout: 5"), "unknown field `timeout`"),
    "an unknown contract": (SPEC.replace("contract: explanation", "contract: poem"), "poem"),
    "a text as a limit": (SPEC.replace("timeout_seconds: 5", "timeout_seconds: soon"), "Expected `float"),
    "an unknown level": (SPEC.replace("limits:", "isolation: coroutin\nlimits:"), r"my\.md:11: .*value at isolation"),
    "a level to come": (
        SPEC.replace("limits:", "isolation: container\nlimits:"),
        r"my\.md:11: .*not available in this",
    ),
    "no output": (SPEC.replace("output:", "inputs_:").replace("inputs_", "title"), "title"),
    "neither output nor entry": ("---\nname: a\ndescription: b\ntitle: t\n---\nx", "needs an `output` contract"),
    "both": (SPEC.replace("limits:", "entry: m:f\nlimits:"), "both `entry` and `output`"),
    "no prompt": (SPEC.replace("讲一讲。", ""), "has no prompt"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_refused_with_its_place(name: str) -> None:
    text, words = WRONG[name]
    with pytest.raises(AgentError, match=words):
        parse_spec(text, "my.md")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes(b"---\nname: caf\xe9\n---\n")
    for place, words in {"gone.md": "No such file", "latin.md": "not UTF-8"}.items():
        with pytest.raises(AgentError, match=words):
            read_spec(tmp_path / place)


@pytest.mark.parametrize(
    ("name", "fields", "output", "limits"),
    [
        (
            "basic-decomposition",
            {"material_content": True, "topic": True, "user_understanding": False},
            SubQuestions,
            (60, 3, 128, 8),
        ),
        (
            "deep-decomposition",
            {"material_content": True, "topic": True, "user_understanding": True},
            SubQuestions,
            (120, 2, 384, 4),
        ),
        (
            "oral-explanation",
            {"material_content": True, "topic": True, "user_understanding": False},
            Explanation,
            (90, 2, 256, 6),
        ),
        (
            "scoring-agent",
            {"question_text": True, "user_understanding": True, "reference_material": False},
            Score,
            (30, 3, 64, 10),
        ),
    ],
)
def test_the_four_agents_are_those_of_the_specification(
    name: str, fields: dict[str, bool], output: type, limits: tuple[float, ...]
) -> None:
    agent = AgentRegistry().resolve(name)
    assert agent.spec is not None
    spec = parse_spec(agent.spec, name)
    assert agent.fields == fields
    assert type(spec.output) is output
    told = agent.limits
    assert (told.timeout_s, told.retry_attempts, told.memory_mb, agent.max_concurrent) == limits
    assert (agent.target, agent.needs_model) == (SPEC_TARGET, True)


def test_the_questions_of_the_two_decompositions_differ_as_specified() -> None:
    registry = AgentRegistry()
    basic, deep = (
        parse_spec(registry.resolve(f"{kind}-decomposition").spec or "", kind).output for kind in ("basic", "deep")
    )
    assert isinstance(basic, SubQuestions)
    assert isinstance(deep, SubQuestions)
    assert (basic.least, basic.most, basic.types, basic.difficulties) == (
        3, 7, ("定义型", "实例型", "对比型", "探索型"), ("基础",),
    )  # fmt: skip
    assert (deep.least, deep.most, deep.least_types, deep.types, deep.difficulties) == (
        3, 10, 3, ("对比型", "原因型", "应用型", "边界型"), ("深度",),
    )  # fmt: skip


def test_titles_name_result_files() -> None:
    registry = AgentRegistry()
    assert {name: registry.resolve(name).title for name in registry.names()} == {
        "basic-decomposition": "拆解",
        "clarification-path": "澄清",
        "comparison-table": "对比表",
        "deep-decomposition": "深度拆解",
        "example-teaching": "例题",
        "four-level-explanation": "四层次",
        "memory-anchor": "记忆",
        "oral-explanation": "解释",
        "question-decomposition": "问题拆解",
        "scoring-agent": "评分",
        "verification-question-agent": "检验白板",
    }
