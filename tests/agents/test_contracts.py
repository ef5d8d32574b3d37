"""A corpus of answers as models give them: read where they can be read, refused where a number or a field is wrong."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.agents.contract import (
    Problems,
    action_of,
    check,
    length_of,
    name_of,
    schema_of,
    sections_of,
)
from parallel_agents.agents.spec import Explanation, Score, SubQuestions, Text

QUESTIONS = SubQuestions(least=3, most=7, types=("定义型", "实例型", "对比型", "探索型"), difficulties=("基础",))
DEEP = SubQuestions(
    least=3, most=10, types=("对比型", "原因型", "应用型", "边界型"), difficulties=("深度",), least_types=3
)
PAGE = Explanation(sections=("为什么要学这个？", "核心讲解", "举个例子", "常见误区"), characters=(800, 1200))
SCORE = Score()


def question(number: int, kind: str = "定义型", difficulty: str = "基础", guidance: str = "") -> dict[str, Any]:
    return {"text": f"问题 {number}？", "type": kind, "difficulty": difficulty, "guidance": guidance}


GOOD = {"sub_questions": [question(1), question(2, "实例型", guidance="💡 提示：想一想"), question(3, "对比型")]}
BREAKDOWN = {"accuracy": 20, "imagery": 10, "completeness": 18, "originality": 20}
GOLDEN = {
    "total_score": 68,
    "breakdown": BREAKDOWN,
    "pass": False,
    "feedback": "概念正确，缺少例子。",
    "color_action": "change_to_purple",
}
GOOD_TEXT, GOLDEN_TEXT = json.dumps(GOOD, ensure_ascii=False), json.dumps(GOLDEN, ensure_ascii=False)


def page(each: int = 250, headings: tuple[str, ...] = PAGE.sections) -> str:
    return "\n\n".join(f"## {heading}\n\n{'讲' * each}" for heading in headings)


def changed(base: dict[str, Any], change: Callable[[Any], object]) -> str:
    copied = copy.deepcopy(base)
    change(copied)
    return json.dumps(copied, ensure_ascii=False)


WRAPPINGS = {
    "as it is": "{}",
    "white space": "\n\n  {}  \n",
    "a BOM": "\ufeff{}",
    "a fence": "```json\n{}\n```",
    "a fence without a language": "```\n{}\n```",
    "prose before": "好的，这是拆解的结果：\n{}",
    "prose after": "{}\n希望对你有帮助！",
    "prose with a brace before": "集合 {{1, 2}} 的问题：{}",
    "a section after": "{}\n\n## 相关资料\n\n暂无相关笔记引用",
    "a fence in prose": "Sure!\n```json\n{}\n```\nLet me know.",
    "the same answer twice": "{}\n{}",
}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_what_stands_around_an_answer_does_not_matter(name: str) -> None:
    template = WRAPPINGS[name].replace("{}", "\0").replace("{{", "{").replace("}}", "}")
    assert check(QUESTIONS, template.replace("\0", GOOD_TEXT)) == GOOD
    assert check(SCORE, template.replace("\0", GOLDEN_TEXT)) == GOLDEN


NO_OBJECT = {
    "nothing": ("", "empty"),
    "white space": (" \n ", "empty"),
    "an apology": ("抱歉，我无法完成。", "no JSON object"),
    "cut in the middle": (GOOD_TEXT[:-20], "no JSON object"),
    "cut at the start": (GOOD_TEXT[1:20], "no JSON object"),
    "single quotes": (GOOD_TEXT.replace('"', "'"), "no JSON object"),
    "a trailing comma": (GOOD_TEXT[:-2] + ",]}", "no JSON object"),
    "a comment": (GOOD_TEXT[:-1] + " // done\n}", "no JSON object"),
    "another key": (GOOD_TEXT.replace("sub_questions", "questions"), "no JSON object"),
    "a bare list": (json.dumps(GOOD["sub_questions"]), "no JSON object"),
    "a key twice": ('{"sub_questions": [], ' + GOOD_TEXT[1:], "stands twice"),
    "an inner key twice": (GOOD_TEXT.replace('"guidance": ""', '"guidance": "", "guidance": ""', 1), "stands twice"),
    "no number": ('{"sub_questions": NaN}', "NaN is not a JSON number"),
    "nesting without end": ('{"sub_questions": ' * 2000, "no JSON object"),
}


@pytest.mark.parametrize("name", NO_OBJECT)
def test_what_is_no_answer_is_refused_and_nothing_is_mended(name: str) -> None:
    text, words = NO_OBJECT[name]
    with pytest.raises(Problems, match=words):
        check(QUESTIONS, text)


def first(key: str, value: object) -> Callable[[Any], object]:
    return lambda answer: answer["sub_questions"][0].__setitem__(key, value)


WRONG_QUESTIONS: dict[str, tuple[Callable[[Any], object], str]] = {
    "too few": (lambda answer: answer["sub_questions"].pop(), "there are 2 questions, 3 to 7"),
    "none": (lambda answer: answer.update(sub_questions=[]), "there are 0 questions"),
    "too many": (
        lambda answer: answer["sub_questions"].extend(question(number) for number in range(4, 9)),
        "there are 8 questions",
    ),
    "a mapping": (lambda answer: answer.update(sub_questions={"1": question(1)}), "is not a list"),
    "null": (lambda answer: answer.update(sub_questions=None), "is not a list"),
    "texts": (lambda answer: answer.update(sub_questions=["甲？", "乙？", "丙？"]), "question 1 is not an object"),
    "an English type": (first("type", "definition_type"), "'definition_type' is not one of 定义型"),
    "a type of another agent": (first("type", "边界型"), "'边界型' is not one of"),
    "an English difficulty": (first("difficulty", "basic"), "difficulty 'basic' is not one of 基础"),
    "another difficulty": (first("difficulty", "深度"), "'深度'"),
    "an empty text": (first("text", "  "), "question 1 has an empty text"),
    "a number as text": (first("text", 1), "question 1 has no text for 'text'"),
    "no guidance": (lambda answer: answer["sub_questions"][0].pop("guidance"), "no text for 'guidance'"),
    "null guidance": (first("guidance", None), "no text for 'guidance'"),
    "guidance without its mark": (first("guidance", "想一想"), "neither empty nor starts with"),
    "guidance with an English mark": (first("guidance", "💡 Hint: think"), "neither empty nor starts with"),
    "guidance with a half-width colon": (first("guidance", "💡 提示:想"), "neither empty nor starts with"),
    "a question twice": (first("text", "问题 2？"), "the same question stands there twice"),
    "an invented field": (first("color", "4"), "unknown key 'color'"),
}


@pytest.mark.parametrize("name", WRONG_QUESTIONS)
def test_questions_that_break_their_contract_are_refused_by_name(name: str) -> None:
    change, words = WRONG_QUESTIONS[name]
    with pytest.raises(Problems, match=words):
        check(QUESTIONS, changed(GOOD, change))


def test_every_problem_is_named_at_once() -> None:
    text = changed(GOOD, lambda answer: answer["sub_questions"].__setitem__(slice(0, 2), [question(1, "甲", "乙")]))
    with pytest.raises(Problems) as caught:
        check(QUESTIONS, text)
    assert len(caught.value.problems) == 3


def test_deep_questions_need_three_types() -> None:
    asked = [question(number, kind, "深度") for number, kind in enumerate(("对比型", "原因型", "原因型"))]
    with pytest.raises(Problems, match="there are 2 different types, at least 3"):
        check(DEEP, json.dumps({"sub_questions": asked}))
    asked[2]["type"] = "边界型"
    assert check(DEEP, json.dumps({"sub_questions": asked})) == {"sub_questions": asked}


def dimension(value: object) -> Callable[[Any], object]:
    return lambda answer: answer["breakdown"].update(accuracy=value)


WRONG_SCORES: dict[str, tuple[Callable[[Any], object], str]] = {
    "a wrong sum": (
        lambda answer: answer.update(total_score=70),
        "total_score is 70, the four dimensions add up to 68",
    ),
    "a scale of 0-10": (lambda answer: answer.update(total_score=6.8), "total_score is 6.8"),
    "a total as text": (lambda answer: answer.update(total_score="68"), "total_score is '68'"),
    "a float total": (lambda answer: answer.update(total_score=68.0), "total_score is 68.0"),
    "above 25": (dimension(26), "accuracy is 26, not a whole number from 0 to 25"),
    "below 0": (dimension(-1), "accuracy is -1"),
    "a half point": (dimension(20.5), "accuracy is 20.5"),
    "a float that is whole": (dimension(20.0), "accuracy is 20.0"),
    "true for one": (dimension(True), "accuracy is True"),
    "a text": (dimension("20"), "accuracy is '20'"),
    "null": (dimension(None), "accuracy is None"),
    "a dimension missing": (lambda answer: answer["breakdown"].pop("imagery"), "breakdown.imagery is None"),
    "a fifth dimension": (lambda answer: answer["breakdown"].update(style=0), "unknown key 'style'"),
    "no breakdown": (lambda answer: answer.pop("breakdown"), "breakdown.accuracy is None"),
    "a breakdown in a list": (lambda answer: answer.update(breakdown=[20, 10, 18, 20]), "breakdown.accuracy is None"),
    "passed below 80": (lambda answer: answer.update({"pass": True}), "pass is True at a score of 68"),
    "pass as a number": (lambda answer: answer.update({"pass": 0}), "pass is 0"),
    "no pass": (lambda answer: answer.pop("pass"), "pass is None"),
    "green at 68": (lambda answer: answer.update(color_action="change_to_green"), "gives 'change_to_purple'"),
    "an unknown action": (lambda answer: answer.update(color_action="change_to_blue"), "gives 'change_to_purple'"),
    "no feedback": (lambda answer: answer.update(feedback=" "), "feedback is empty"),
    "feedback in a list": (lambda answer: answer.update(feedback=["好"]), "feedback is empty"),
}


@pytest.mark.parametrize("name", WRONG_SCORES)
def test_a_score_that_does_not_add_up_or_agree_is_refused(name: str) -> None:
    change, words = WRONG_SCORES[name]
    with pytest.raises(Problems, match=words):
        check(SCORE, changed(GOLDEN, change))


def test_a_score_that_was_cut_off_gives_no_number() -> None:
    for length in range(1, len(GOLDEN_TEXT)):
        with pytest.raises(Problems):
            check(SCORE, GOLDEN_TEXT[:length])


@given(st.tuples(*[st.integers(0, 25)] * 4))
def test_a_score_that_agrees_is_taken_as_it_is(scores: tuple[int, ...]) -> None:
    total = sum(scores)
    action = "change_to_green" if total >= 80 else "change_to_purple" if total >= 60 else "keep_red"
    answer = {
        **GOLDEN,
        "total_score": total,
        "breakdown": dict(zip(BREAKDOWN, scores, strict=True)),
        "pass": total >= 80,
        "color_action": action,
    }
    assert check(SCORE, json.dumps(answer)) == answer
    assert action_of(total) == action


def test_colours_change_at_60_and_80() -> None:
    assert [action_of(total) for total in (0, 59, 60, 79, 80, 100)] == [
        "keep_red", "keep_red", "change_to_purple", "change_to_purple", "change_to_green", "change_to_green",
    ]  # fmt: skip


@given(st.text())
def test_no_text_crashes_a_check(text: str) -> None:
    for output in (QUESTIONS, DEEP, SCORE, PAGE):
        with pytest.raises(Problems):
            check(output, text)


def test_an_explanation_is_kept_whole_and_without_its_fence() -> None:
    markdown = page() + "\n\n## 相关资料\n\n暂无相关笔记引用"
    assert check(PAGE, markdown) == {"markdown": markdown}
    assert check(PAGE, f"```markdown\n{markdown}\n```\n") == {"markdown": markdown}


WRONG_PAGES = {
    "nothing": ("", "empty"),
    "an empty fence": ("```markdown\n\n```", "empty"),
    "a heading missing": (page(350, PAGE.sections[:3]), "'## 常见误区' is missing"),
    "another wording": (page().replace("核心讲解", "核心概念"), "'## 核心讲解' is missing"),
    "a deeper heading": (page().replace("## 举个", "### 举个"), "'## 举个例子' is missing"),
    "another order": (page(250, PAGE.sections[::-1]), "not in the order"),
    "much too short": (page(20), "it has 9[0-9] characters, 800 to 1200"),
    "much too long": (page(500), "characters, 800 to 1200"),
}


@pytest.mark.parametrize("name", WRONG_PAGES)
def test_an_explanation_without_its_parts_is_refused(name: str) -> None:
    text, words = WRONG_PAGES[name]
    with pytest.raises(Problems, match=words):
        check(PAGE, text)


def test_length_is_near_enough_where_the_user_has_paid_and_does_not_bind_what_only_quotes() -> None:
    for each, fits in ((130, False), (150, True), (400, True), (460, False)):
        if fits:
            check(PAGE, page(each))
        else:
            with pytest.raises(Problems, match="characters"):
                check(PAGE, page(each))
    assert check(PAGE, page(3), from_language_model=False)["markdown"]
    with pytest.raises(Problems, match="missing"):
        check(PAGE, "## 核心讲解\n\n短", from_language_model=False)


def test_length_counts_chinese_characters_and_latin_words() -> None:
    assert length_of("若 p 则 q，n² 是 even number 42。") == 9


def test_schemas_accept_what_the_contract_accepts() -> None:
    for output, answer in ((QUESTIONS, GOOD), (SCORE, GOLDEN)):
        asked = schema_of(output)
        assert asked is not None
        assert asked.name == name_of(output)
        jsonschema.validate(answer, asked.json_schema)
    assert schema_of(PAGE) is None
    assert (name_of(PAGE), sections_of(PAGE), sections_of(SCORE)) == ("explanation", PAGE.sections, ())


@pytest.mark.parametrize("name", ["too few", "too many", "an English type", "another difficulty", "an invented field"])
def test_schemas_refuse_what_they_can_say(name: str) -> None:
    asked = schema_of(QUESTIONS)
    assert asked is not None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(changed(GOOD, WRONG_QUESTIONS[name][0])), asked.json_schema)


def test_free_text_is_kept_whole_and_held_to_no_form() -> None:
    free = Text()

    assert check(free, "```markdown\n# 图论\n\n一笔画。\n```") == {"markdown": "# 图论\n\n一笔画。"}
    assert (name_of(free), schema_of(free), sections_of(free)) == ("text", None, ())


def test_free_text_is_refused_where_it_says_nothing_or_is_far_too_short() -> None:
    with pytest.raises(Problems, match="empty"):
        check(Text(), " \n")
    with pytest.raises(Problems, match="it has 3 characters, 100 to 200 are asked for"):
        check(Text(characters=(100, 200)), "太短了")
