"""The simulated provider: what it counts, what it answers, and that it says what it is."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.errors import InputError
from parallel_agents.simulator import Options, running, serve
from parallel_agents.simulator.answers import tokens_in
from parallel_agents.simulator.schemas import value_for

SCORE = {
    "type": "object",
    "required": ["total_score", "breakdown", "pass", "feedback", "color_action"],
    "properties": {
        "total_score": {"type": "integer", "minimum": 0, "maximum": 100},
        "breakdown": {
            "type": "object",
            "required": ["accuracy", "imagery", "completeness", "originality"],
            "properties": {
                name: {"type": "integer", "minimum": 0, "maximum": 25}
                for name in ("accuracy", "imagery", "completeness", "originality")
            },
        },
        "pass": {"type": "boolean"},
        "feedback": {"type": "string", "description": "100-200字"},
        "color_action": {"enum": ["change_to_green", "change_to_purple", "keep_red"]},
    },
}


class Client:
    """Plain HTTP to a simulated provider."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def openai(self, text: str = "你好", **more: Any) -> tuple[int, Any]:
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
        return await self.post("/v1/chat/completions", body)

    async def anthropic(self, text: str = "你好", **more: Any) -> tuple[int, Any]:
        body = {"model": "m", "max_tokens": 4000, "messages": [{"role": "user", "content": text}], **more}
        return await self.post("/v1/messages", body)

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self.session.post(self.url + path, data=json.dumps(body)) as answer:
            assert answer.headers["x-simulated-provider"] == "1"
            return answer.status, await answer.json()

    async def stats(self) -> Any:
        async with self.session.get(f"{self.url}/stats") as answer:
            return await answer.json()


@pytest.fixture
async def client() -> AsyncGenerator[Client]:
    connector = aiohttp.TCPConnector(limit=0)
    async with running(Options()) as url, aiohttp.ClientSession(connector=connector) as session:
        yield Client(url, session)


async def test_two_hundred_at_once_are_counted_exactly(client: Client) -> None:
    await client.post("/behaviour", {"latency_s": 0.3})
    slots = asyncio.Semaphore(200)

    async def call(number: int) -> None:
        async with slots:
            status, _ = await client.openai(f"{number % 100}")
            assert status == 200

    async with asyncio.TaskGroup() as group:
        for number in range(600):
            group.create_task(call(number))
    seen = await client.stats()
    await client.openai("afterwards, alone")
    assert (await client.stats())["peak_in_flight"] == 200
    assert (seen["requests"], seen["answered"], seen["in_flight"], seen["cancelled"]) == (600, 600, 0, 0)
    assert seen["peak_in_flight"] == 200
    assert seen["by_status"] == {"200": 600}
    assert sorted(seen["by_prompt"].values()) == [6] * 100
    # What it measured, not what it was told to wait.
    assert seen["latency_sum_s"] >= 600 * 0.3
    assert seen["last_answer_at"] - seen["first_request_at"] >= 0.9
    assert seen["last_answer_epoch"] - seen["first_request_epoch"] == pytest.approx(
        seen["last_answer_at"] - seen["first_request_at"], abs=0.05
    )


async def test_a_caller_that_goes_away_is_cancelled_not_answered(client: Client) -> None:
    await client.post("/behaviour", {"latency_s": 30})
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(client.openai()) for _ in range(3)]
        await _until(client, in_flight=3)
        for call in calls:
            call.cancel()
    seen = await _until(client, cancelled=3)
    assert (seen["in_flight"], seen["answered"]) == (0, 0)


async def test_a_reset_forgets_everything_but_what_is_in_flight(client: Client) -> None:
    await client.post("/behaviour", {"faults": [{"kind": "error", "count": 5}]})
    assert (await client.openai())[0] == 500
    _, seen = await client.post("/reset", {})
    assert (seen["requests"], seen["by_status"], seen["first_request_at"]) == (0, {}, None)
    assert (await client.openai())[0] == 200


async def test_both_formats_name_a_simulator_and_count_tokens_by_the_stated_rule(client: Client) -> None:
    _, openai = await client.openai("你好, abcd")
    assert openai["system_fingerprint"] == "simulated"
    assert openai["model"] == "m"
    text = openai["choices"][0]["message"]["content"]
    assert "模拟" in text
    assert openai["usage"]["prompt_tokens"] == 2 + 2
    assert openai["usage"]["completion_tokens"] == tokens_in(text)
    _, anthropic = await client.anthropic("你好, abcd")
    assert anthropic["id"].startswith("msg_simulated_")
    assert anthropic["usage"] == {"input_tokens": 4, "output_tokens": tokens_in(anthropic["content"][0]["text"])}


async def test_the_same_prompt_gives_the_same_answer_and_another_another(client: Client) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "score", "schema": SCORE}}
    texts: list[str] = []
    for prompt in ("a", "a", "b"):
        _, answer = await client.openai(prompt, response_format=wanted)
        texts.append(answer["choices"][0]["message"]["content"])
    assert texts[0] == texts[1] != texts[2]


async def test_a_page_has_the_headings_that_the_system_names(client: Client) -> None:
    system = "写四节：\n- `## 为什么要学这个？`\n## 核心讲解\n## 举个例子\n## 常见误区\n### 不是标题"
    _, answer = await client.anthropic("材料\n## 别的标题", system=system)
    page: str = answer["content"][0]["text"]
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["## 为什么要学这个？", "## 核心讲解", "## 举个例子", "## 常见误区"]
    assert 800 <= len(page) <= 1200
    assert all("模拟" in part for part in page.split("## ")[1:])


async def test_a_forced_tool_is_called_with_arguments_that_fit(client: Client) -> None:
    function = {"name": "score", "parameters": SCORE}
    _, openai = await client.openai(tools=[{"type": "function", "function": function}], tool_choice="required")
    called = openai["choices"][0]["message"]["tool_calls"][0]["function"]
    jsonschema.validate(json.loads(called["arguments"]), SCORE)
    tool = {"name": "score", "input_schema": SCORE}
    _, anthropic = await client.anthropic(tools=[tool], tool_choice={"type": "tool", "name": "score"})
    jsonschema.validate(anthropic["content"][0]["input"], SCORE)
    _, free = await client.anthropic(tools=[tool], tool_choice={"type": "auto"})
    assert free["content"][0]["type"] == "text"


@given(st.text())
def test_a_score_agrees_with_itself(seed: str) -> None:
    score = value_for(SCORE, seed)
    jsonschema.validate(score, SCORE)
    total = sum(score["breakdown"].values())
    assert score["total_score"] == total
    assert score["pass"] == (total >= 80)
    action = "change_to_green" if total >= 80 else "change_to_purple" if total >= 60 else "keep_red"
    assert score["color_action"] == action
    assert 100 <= len(score["feedback"]) <= 200


Schema = dict[str, Any]


def _integer(low: int, more: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": low + more}


def _string(low: int, more: int) -> Schema:
    return {"type": "string", "minLength": low, "maxLength": low + more}


def _array(items: Schema, low: int, more: int) -> Schema:
    return {"type": "array", "items": items, "minItems": low, "maxItems": low + more}


def _object(fields: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


_leaves: st.SearchStrategy[Schema] = st.one_of(
    st.builds(_integer, st.integers(-5, 5), st.integers(0, 9)),
    st.builds(_string, st.integers(0, 90), st.integers(0, 9)),
    st.sampled_from(
        [
            {"type": "boolean"},
            {"type": ["string", "null"]},
            {"enum": ["a", "b", 3, None]},
            {"const": "x"},
            {"$ref": "#/$defs/named"},
            {"anyOf": [{"type": "null"}, {"type": "number", "minimum": 2, "maximum": 3}]},
        ]
    ),
)


def _nested(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.builds(_array, inner, st.integers(0, 3), st.integers(0, 3)),
        st.builds(_object, st.dictionaries(st.sampled_from("abcd"), inner)),
    )


_schemas = st.recursive(_leaves, _nested, max_leaves=8)


@given(_schemas, st.text(max_size=5))
def test_a_value_fits_its_schema(schema: dict[str, Any], seed: str) -> None:
    root = {**schema, "$defs": {"named": {"type": "string"}}}
    jsonschema.validate(value_for(root, seed), root)


async def test_faults_come_in_order_and_only_where_they_match(client: Client) -> None:
    faults = [{"kind": "overloaded", "matching": "逆"}, {"kind": "rate_limit", "retry_after_s": 2, "count": 2}]
    await client.post("/behaviour", {"faults": faults})
    statuses = [(await client.anthropic(text))[0] for text in ("集合", "逆命题", "集合", "集合")]
    assert statuses == [429, 529, 429, 200]


async def test_faults_still_due_can_be_taken_back(client: Client) -> None:
    await client.post("/behaviour", {"faults": [{"kind": "quota", "count": 1000}]})
    assert (await client.openai())[0] == 429
    await client.post("/behaviour", {"clear_faults": True, "faults": [{"kind": "error"}]})
    assert [(await client.openai())[0] for _ in range(2)] == [500, 200]


@pytest.mark.parametrize(
    "body", [{}, {"model": "m"}, {"model": "m", "messages": 3}, {"model": "m", "messages": [], "stream": True}]
)
async def test_a_wrong_request_is_refused_in_the_providers_own_form(client: Client, body: dict[str, Any]) -> None:
    status, openai = await client.post("/v1/chat/completions", body)
    assert (status, openai["error"]["type"]) == (400, "invalid_request_error")
    status, anthropic = await client.post("/v1/messages", body)
    assert (status, anthropic["type"]) == (400, "error")
    assert (await client.stats())["by_status"] == {"400": 2}


async def test_a_wrong_behaviour_is_refused_and_changes_nothing(client: Client) -> None:
    status, said = await client.post("/behaviour", {"latency": 3})
    assert status == 400
    assert "latency" in said["error"]["message"]
    assert (await client.openai())[0] == 200


async def test_the_share_of_failures_comes_from_the_seed() -> None:
    runs: list[list[int]] = []
    for _ in range(2):
        async with running(Options(fail_rate=0.5, seed=7)) as url, aiohttp.ClientSession() as session:
            client = Client(url, session)
            runs.append([(await client.openai())[0] for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


async def test_other_machines_are_not_served_unless_asked_for() -> None:
    for host in ("0.0.0.0", "::", "example.org", "192.0.2.1"):
        with pytest.raises(InputError, match="loopback"):
            async with running(Options(host=host)):
                pass


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}"):
            async with running(Options(port=port)):
                pass


async def test_serving_tells_its_address_and_ends_when_cancelled() -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as session:
        server = group.create_task(serve(Options(), told.set_result))
        url = await told
        async with session.get(f"{url}/v1/models") as answer:
            assert (await answer.json())["data"][0]["id"] == "simulated"
        server.cancel()


async def _until(client: Client, **figures: int) -> Any:
    async with asyncio.timeout(10):
        while True:
            seen = await client.stats()
            if all(seen[name] == figure for name, figure in figures.items()):
                return seen


async def test_prose_on_order_is_an_answer_in_due_form_that_is_not_what_was_asked(client: Client) -> None:
    await client.post("/behaviour", {"faults": [{"kind": "prose", "count": 2, "message": "好的，我来想想。"}]})
    wanted = {"type": "json_schema", "json_schema": {"name": "score", "schema": SCORE}}
    status, first = await client.openai(response_format=wanted)
    assert (status, first["choices"][0]["message"]["content"]) == (200, "好的，我来想想。")
    tool = {"name": "score", "input_schema": SCORE}
    status, second = await client.anthropic(tools=[tool], tool_choice={"type": "tool", "name": "score"})
    assert (status, second["content"]) == (200, [{"type": "text", "text": "好的，我来想想。"}])
    _, third = await client.openai(response_format=wanted)
    assert json.loads(third["choices"][0]["message"]["content"]).keys() == set(SCORE["required"])
