"""The provider without a language model: only what stands in the material, and never a judgement."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parallel_agents.core.errors import ItemError, UnscoredError
from parallel_agents.models import ModelGateway
from parallel_agents.models.extraction import excerpt_of, sentences_of, terms_of
from parallel_agents.models.offline import OfflineProvider
from parallel_agents.ports.models import Caller, Message, ModelRequest, OutputSchema

SECTIONS = ("为什么要学这个？", "核心讲解", "举个例子", "常见误区")
BASIC = ("定义型", "实例型", "对比型", "探索型")
DEEP = ("对比型", "原因型", "应用型", "边界型")
CHINESE = (
    '# 逆否命题\n命题是可以判断真假的陈述句。**原命题**为"若p则q"时，逆否命题是"若非q则非p"。\n'
    '原命题与逆否命题等价，因为它们的真值表相同。例如，"若下雨则地湿"的逆否命题是"若地不湿则没有下雨"。\n'
    "注意：不要把逆否命题与否命题混淆。"
)
ENGLISH = (
    "A graph is a set of vertices together with a set of edges. A tree is a connected graph without cycles. "
    "For example, a family tree is a tree. A spanning tree of a graph contains every vertex of the graph."
)


class Scene(Protocol):
    """See conftest."""

    def attempt(self, model: str, *, key: int | None = None, number: int = 1) -> Caller: ...

    def gateway(self, *models: str) -> AbstractAsyncContextManager[ModelGateway]: ...


def schema_of(types: tuple[str, ...], least: int = 3, most: int = 7, difficulty: str = "基础") -> dict[str, Any]:
    item = {
        "type": "object",
        "additionalProperties": False,
        "required": ["text", "type", "difficulty", "guidance"],
        "properties": {
            "text": {"type": "string", "minLength": 1},
            "type": {"enum": list(types)},
            "difficulty": {"const": difficulty},
            "guidance": {"type": "string", "pattern": "^(|💡 提示：[\\s\\S]+)$"},
        },
    }
    array = {"type": "array", "minItems": least, "maxItems": most, "items": item}
    return {"type": "object", "properties": {"sub_questions": array}, "required": ["sub_questions"]}


def answered(contract: str | None, material: object, **more: Any) -> str:
    request = ModelRequest(
        messages=(Message("user", "…"),), contract=contract, inputs={"material_content": material}, **more
    )
    return asyncio.run(OfflineProvider().complete(request)).text


def asked(material: str, schema: dict[str, Any]) -> list[dict[str, str]]:
    answer = json.loads(answered("sub_questions", material, output=OutputSchema("sub_questions", schema)))
    jsonschema.validate(answer, schema)
    return answer["sub_questions"]


def has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


materials = (
    st.text()
    | st.text(alphabet="命题逆否与等价的是。，！\n#*「」 ab.")
    | st.lists(st.sampled_from([CHINESE, ENGLISH])).map("\n".join)
)


@given(materials)
@example("a")
@example("{x} {q} {0} %s")
@example("7")
@example("```python\nx = 1\n```")
def test_any_material_gives_questions_that_fit_or_says_why_not(material: str) -> None:
    schema = schema_of(DEEP, 3, 10, "深度")
    if not has_words(material):
        with pytest.raises(ItemError, match="no words"):
            asked(material, schema)
        return
    questions = asked(material, schema)
    assert len({question["text"] for question in questions}) == len(questions)
    assert len({question["type"] for question in questions}) >= 3


@given(materials.filter(has_words))
def test_every_quotation_is_in_the_material(material: str) -> None:
    for question in asked(material, schema_of(BASIC)):
        quoted = re.fullmatch(
            r'💡 提示：(?:材料中写道「(.*)」|the material says "(.*)")', question["guidance"], re.DOTALL
        )
        assert quoted is not None
        assert (quoted[1] or quoted[2]) in material


@given(materials)
def test_what_is_extracted_is_a_part_of_the_text(material: str) -> None:
    for part in [*sentences_of(material), *terms_of(material)]:
        assert part in material
        assert part.startswith(excerpt_of(part, 10))


@given(materials.filter(has_words), st.lists(st.sampled_from(SECTIONS), unique=True))
def test_a_page_has_its_headings_a_label_and_nothing_but_the_material(material: str, sections: list[str]) -> None:
    page = answered("explanation", material, sections=tuple(sections))
    label, *lines = page.split("\n")
    assert "不是语言模型" in label or "not written by a language model" in label
    assert [line[3:] for line in lines if line.startswith("## ")] == sections
    quoted = [line[2:] for line in lines if line.startswith("> ")]
    assert quoted
    assert all(quotation in material for quotation in quoted)
    others = {line for line in lines if line and not line.startswith(("## ", "> "))}
    assert all("按关键词没有找到" in line or "No sentence for this section" in line for line in others)


def test_the_same_material_gives_the_same_answer() -> None:
    assert asked(CHINESE, schema_of(BASIC)) == asked(CHINESE, schema_of(BASIC))
    page = answered("explanation", CHINESE, sections=SECTIONS)
    assert page == answered("explanation", CHINESE, sections=SECTIONS)


def test_questions_are_in_the_materials_language() -> None:
    assert asked(CHINESE, schema_of(BASIC))[0]["text"] == "「逆否命题」的定义是什么？"
    assert asked(ENGLISH, schema_of(BASIC))[0]["text"] == 'What is the definition of "graph"?'


def test_more_material_gives_more_questions_within_the_limits() -> None:
    assert len(asked("集合", schema_of(BASIC))) == 3
    assert 3 < len(asked(ENGLISH, schema_of(BASIC))) <= 7
    assert len(asked(ENGLISH, schema_of(BASIC, most=4))) == 4


def test_sentences_go_under_the_headings_they_speak_to() -> None:
    page = answered("explanation", CHINESE, sections=SECTIONS)
    parts = dict(part.split("\n", 1) for part in page.split("## ")[1:])
    assert "因为它们的真值表相同" in parts["为什么要学这个？"]
    assert "例如" in parts["举个例子"]
    assert "不要把" in parts["常见误区"]
    assert parts["核心讲解"].strip()


@pytest.mark.parametrize("material", [None, 3, "", " \n", "？！……"])
@pytest.mark.parametrize("contract", ["sub_questions", "explanation"])
def test_nothing_to_excerpt_is_an_error_of_the_item(contract: str, material: object) -> None:
    with pytest.raises(ItemError, match="material_content has no words"):
        answered(contract, material)


def test_too_little_for_the_least_is_said_with_both_numbers() -> None:
    with pytest.raises(ItemError, match=r"\d+ different questions, 500 are needed"):
        asked("集合", schema_of(BASIC, least=500, most=600))


@pytest.mark.parametrize("contract", [None, "comparison_table"])
def test_other_contracts_need_a_language_model_and_the_error_says_how(contract: str | None) -> None:
    with pytest.raises(ItemError, match="--model openai:NAME"):
        answered(contract, CHINESE)


async def test_a_score_is_never_given(scene: Scene) -> None:
    attempt = scene.attempt("offline")
    request = ModelRequest(messages=(), contract="score", inputs={"material_content": CHINESE})
    async with scene.gateway("offline") as gateway:
        with pytest.raises(UnscoredError, match="cannot judge") as caught:
            await gateway.call(request, attempt)
    assert not re.search(r"\d", str(caught.value))


async def test_offline_answers_are_labelled_and_have_no_tokens(scene: Scene) -> None:
    attempt = scene.attempt("offline")
    request = ModelRequest(messages=(), contract="explanation", inputs={"material_content": CHINESE}, sections=SECTIONS)
    async with scene.gateway("offline") as gateway:
        response = await gateway.call(request, attempt)
    assert (response.model, response.is_language_model) == ("offline", False)
    assert (response.input_tokens, response.output_tokens) == (None, None)
    assert (attempt.totals.input_tokens, attempt.totals.is_language_model) == (None, False)


async def test_other_inputs_are_another_call(scene: Scene) -> None:
    texts: set[str] = set()
    async with scene.gateway("offline") as gateway:
        for number, material in enumerate((CHINESE, ENGLISH), start=1):
            request = ModelRequest(messages=(), contract="explanation", inputs={"material_content": material})
            texts.add((await gateway.call(request, scene.attempt("offline", key=1, number=number))).text)
    assert len(texts) == 2
