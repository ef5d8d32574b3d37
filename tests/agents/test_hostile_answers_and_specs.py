"""Answers, specs and targets that are wrong in odd ways are refused with a reason, and odd ones that are right pass."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from parallel_agents.agents.contract import Problems, check, length_of, schema_of
from parallel_agents.agents.parsing import parse_spec
from parallel_agents.agents.prompt import system_prompt, user_prompt
from parallel_agents.agents.registry import AgentRegistry, Target
from parallel_agents.agents.runtime import run
from parallel_agents.agents.spec import Explanation, Score, SubQuestions
from parallel_agents.core.errors import AgentError, ContractError, ItemError, UnscoredError
from parallel_agents.models.openai import connect
from parallel_agents.models.providers import Endpoint
from parallel_agents.ports.context import Context
from parallel_agents.ports.models import Message, ModelRequest, ModelResponse, OutputSchema

SECTIONS = ("为什么要学这个？", "核心讲解", "举个例子", "常见误区")
PAGE = Explanation(sections=SECTIONS, characters=(800, 1200))
MATERIAL = {"material_content": "原命题与逆否命题等价。", "topic": "逆否命题"}
QUESTIONS = SubQuestions(least=3, most=7, types=("定义型", "实例型"), difficulties=("基础",))
ASKED = [{"text": f"问 {n}？", "type": "定义型", "difficulty": "基础", "guidance": ""} for n in range(3)]
SPEC = """---
name: a
description: b
output:
  contract: sub_questions
  least: 3
  most: 7
  types: [甲, 乙]
  difficulties: [丙]
limits:
  max_concurrent: 2
  timeout_seconds: 5
---
p
"""


class Stage(Protocol):
    """See conftest."""

    def context(self, agent: str, given: Mapping[str, Any], *answers: str | ModelResponse | Exception) -> Context: ...

    def answer(self, text: str, *, is_language_model: bool = True) -> ModelResponse: ...


def requests_of(context: Context) -> list[ModelRequest]:
    scripted: Any = context.model
    return scripted.requests


def score(accuracy: int) -> str:
    total = accuracy + 60
    action = "change_to_green" if total >= 80 else "change_to_purple"
    breakdown = {"accuracy": accuracy, "imagery": 20, "completeness": 20, "originality": 20}
    told = {"total_score": total, "breakdown": breakdown, "pass": total >= 80, "feedback": "f", "color_action": action}
    return json.dumps(told)


def test_two_scores_that_differ_give_none() -> None:
    with pytest.raises(Problems, match="several"):
        check(Score(), f"draft: {score(5)}\nfinal: {score(25)}")


def test_thoughts_are_not_the_answer() -> None:
    assert check(Score(), f"<think>maybe {score(5)}</think>\n{score(25)}")["total_score"] == 85


def test_half_a_character_is_a_misfit_and_not_a_crash_when_packed() -> None:
    text = json.dumps({"sub_questions": [{**ASKED[0], "text": "\ud83d"}, *ASKED[1:]]})
    with pytest.raises(Problems, match="half of a character"):
        check(QUESTIONS, text)


def test_many_open_braces_take_no_time() -> None:
    # A reader that starts anew at every brace takes far longer.
    began = time.monotonic()
    with pytest.raises(Problems, match="no JSON object"):
        check(QUESTIONS, '{"a": ' * 300_000)
    assert time.monotonic() - began < 20


async def sent_to_openai(output: OutputSchema) -> dict[str, Any]:
    """Ask a server on the loopback interface for an answer, and return the schema's part of what it was sent."""
    bodies: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        message = {"role": "assistant", "content": "{}"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return web.json_response(
            {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        )

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/v1"))
        where = Endpoint(
            lane="openai:m", name="m", base_url=url, is_default_url=False, api_key="no-key", timeout_s=60.0
        )
        provider = connect(where, time.monotonic)
        try:
            await provider.complete(ModelRequest(messages=(Message("user", "q"),), output=output))
        finally:
            await provider.aclose()
    return bodies[0]["response_format"]["json_schema"]


async def test_schemas_are_enforced_strictly_by_openai() -> None:
    for output in (QUESTIONS, Score()):
        asked = schema_of(output)
        assert asked is not None
        sent = await sent_to_openai(asked)
        assert sent["schema"] == asked.json_schema
        assert sent.get("strict") is True


async def test_a_keyword_that_strict_mode_does_not_take_turns_it_off() -> None:
    text = {"type": "string", "minLength": 1}
    schema = {"type": "object", "properties": {"a": text}, "required": ["a"], "additionalProperties": False}
    assert "strict" not in await sent_to_openai(OutputSchema("a", schema))


def page(each: int = 250) -> str:
    return "\n\n".join(f"## {heading}\n\n{'讲' * each}" for heading in SECTIONS)


def test_an_empty_section_is_a_misfit() -> None:
    text = page(400).replace("## 举个例子\n\n" + "讲" * 400, "## 举个例子\n")
    with pytest.raises(Problems, match="举个例子"):
        check(PAGE, text)


def test_headings_in_code_are_no_sections() -> None:
    with pytest.raises(Problems, match="常见误区"):
        check(PAGE, page(300).replace("## 常见误区", "```\n## 常见误区\n```"))


def test_a_section_stands_there_once() -> None:
    with pytest.raises(Problems, match="once each"):
        check(PAGE, page(200) + "\n\n## 核心讲解\n\n再讲")


def test_two_code_blocks_are_not_one_fence() -> None:
    text = "```\nx\n```\n" + page() + "\n```\ny\n```"
    assert check(PAGE, text)["markdown"] == text


def test_length_counts_every_script() -> None:
    assert length_of("Это правило") == 2
    assert length_of("don't café") == 2
    assert length_of("かな 한글") == 4


def test_guidance_needs_words() -> None:
    with pytest.raises(Problems, match="nothing after"):
        check(QUESTIONS, json.dumps({"sub_questions": [{**ASKED[0], "guidance": "💡 提示："}, *ASKED[1:]]}))


async def test_an_empty_answer_is_not_sent_back_as_a_turn(stage: Stage) -> None:
    context = stage.context("basic-decomposition", MATERIAL, "", "")
    with pytest.raises(ContractError):
        await run(context)
    assert all(message.content.strip() for message in requests_of(context)[1].messages)


async def test_what_is_deterministic_is_not_asked_twice(stage: Stage) -> None:
    context = stage.context("basic-decomposition", MATERIAL, stage.answer("{}", is_language_model=False))
    with pytest.raises(ContractError):
        await run(context)
    assert len(requests_of(context)) == 1


async def test_an_answer_that_was_cut_says_so(stage: Stage) -> None:
    cut = ModelResponse(text='{"sub_', model="m", is_language_model=True, finish_reason="length")
    context = stage.context("basic-decomposition", MATERIAL, cut, cut)
    with pytest.raises(ContractError, match="cut off"):
        await run(context)


async def test_only_a_language_model_scores(stage: Stage) -> None:
    given = {"question_text": "q", "user_understanding": "u"}
    context = stage.context("scoring-agent", given, stage.answer(score(25), is_language_model=False))
    with pytest.raises(UnscoredError):
        await run(context)


async def test_a_blank_field_costs_no_call(stage: Stage) -> None:
    context = stage.context("basic-decomposition", {**MATERIAL, "topic": " \n"})
    with pytest.raises(ItemError):
        await run(context)
    assert requests_of(context) == []


def test_what_is_no_text_is_told_as_json() -> None:
    assert '{"a": null}' in user_prompt(("x",), {"x": {"a": None}})
    assert user_prompt(("x",), {}).strip()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("timeout_seconds: 5", "timeout_seconds: 0"), r"^my\.md:12: "),
        (("least: 3", "least: three"), r"^my\.md:6: "),
        (("least: 3", "least: 9"), "no answer can fit"),
        (("most: 7", "most: 7\n  least_types: 3"), "no answer can fit"),
        (("description: b", "description: \x07"), "broken front matter"),
        (("description: b", "description: 2024-13-45"), "broken front matter"),
    ],
)
def test_wrong_specs_are_placed(change: tuple[str, str], words: str) -> None:
    with pytest.raises(AgentError, match=words):
        parse_spec(SPEC.replace(*change), "my.md")


def test_basic_questions_need_no_second_type() -> None:
    spec = parse_spec(AgentRegistry().resolve("basic-decomposition").spec or "", "basic")
    assert spec.output is not None
    assert check(spec.output, json.dumps({"sub_questions": ASKED}))
    assert "种不同的 type" not in system_prompt(spec)


def test_model_hints_are_those_of_the_specification() -> None:
    registry = AgentRegistry()
    hints = {name: parse_spec(registry.resolve(name).spec or "", name).model for name in registry.names()}
    assert {name: hint for name, hint in hints.items() if hint != "inherit"} == {
        "scoring-agent": "sonnet",
        "deep-decomposition": "opus",
    }


async def partly(number: int, context: object) -> Mapping[str, Any]:
    return {}


async def replaced(context: object) -> Mapping[str, Any]:
    return {"first": 1}


async def replacement(context: object) -> Mapping[str, Any]:
    return {}


FIRST = replaced
# From here on the module's name `replaced` means another function than the one that is called so.
globals()["replaced"] = replacement


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (functools.partial(partly, 1), "is no function"),
        (FIRST, "is not what .*:replaced names"),
        ("m:", "'module:function'"),
        (":f", "'module:function'"),
        ("m:not a name", "'module:function'"),
    ],
)
def test_targets_that_no_worker_finds_are_refused(target: Target, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        AgentRegistry().register("x", target)


def test_stdin_is_no_file() -> None:
    program = (
        "from parallel_agents.agents.registry import AgentRegistry\nasync def run(c):\n    return {}\n"
        "AgentRegistry().register('m', run)\n"
    )
    command = [sys.executable, "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "was defined interactively" in done.stderr


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    registry = AgentRegistry()
    for name in ("one.md", "two.md"):
        (tmp_path / name).write_text(SPEC, encoding="utf-8")
    registry.resolve(str(tmp_path / "one.md"))
    with pytest.raises(AgentError, match="is the name of"):
        registry.resolve(str(tmp_path / "two.md"))
