"""Limits, quota, waves, mishaps, cache and charges of the simulated provider, over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from tests.simulator.client import Caller, Reply, provider

SYSTEM = "Explain it patiently, with an example. " * 150
MARKED = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]


async def _at_once(caller: Caller, count: int, **more: Any) -> list[Reply]:
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(caller.openai(f"{number}", **more)) for number in range(count)]
    return [call.result() for call in calls]


async def _until(caller: Caller, **figures: int) -> Any:
    async with asyncio.timeout(10):
        while True:
            seen = await caller.stats()
            if all(seen[name] == figure for name, figure in figures.items()):
                return seen


async def test_beyond_the_burst_requests_are_refused_with_the_time_after_which_one_is_let_in() -> None:
    async with provider(rpm=60, burst=5, retry_after="ms") as caller:
        replies = await _at_once(caller, 8)
        assert sorted(reply.status for reply in replies) == [200] * 5 + [429] * 3
        refused = [reply for reply in replies if reply.status == 429]
        assert all(0 < int(reply.headers["retry-after-ms"]) <= 1000 for reply in refused)
        assert refused[0].headers["x-ratelimit-limit-requests"] == "60"
        assert refused[0].headers["x-ratelimit-remaining-requests"] == "0"
        assert refused[0].body["error"]["code"] == "rate_limit_exceeded"
        assert (await caller.stats())["early_returns"] == 0


async def test_who_comes_back_before_its_time_is_told_from_who_waits_by_the_clients_key() -> None:
    async with provider(rpm=6, burst=1) as caller:
        assert (await caller.openai("first")).status == 200
        refused = await caller.openai("second")
        assert (refused.status, refused.headers["retry-after"]) == (429, "10")
        await caller.openai("second")
        other = Caller(caller.url, caller.session, key="another")
        await other.openai("second")
        seen = await caller.stats()
        assert seen["early_returns"] == 1
        assert sorted(one["early_returns"] for one in seen["by_client"].values()) == [0, 1]
        assert "another" not in json.dumps(seen)


@pytest.mark.parametrize("form", ["seconds", "date", "none"])
async def test_the_form_of_the_pause_is_the_one_chosen(form: str) -> None:
    async with provider(rpm=60, burst=1, retry_after=form) as caller:
        await caller.openai()
        headers = (await caller.openai()).headers
        assert (headers.get("retry-after") or "none").endswith({"seconds": "1", "date": "GMT", "none": "none"}[form])
        assert "retry-after-ms" not in headers


async def test_tokens_are_limited_together_for_openai_and_apart_for_anthropic() -> None:
    async with provider(tpm=60, input_tpm=1000, output_tpm=60) as caller:
        assert (await caller.openai()).status == 200
        refused = await caller.openai()
        assert (refused.status, refused.body["error"]["type"]) == (429, "tokens")
        assert (await caller.anthropic()).status == 200
        refused = await caller.anthropic()
        assert (refused.status, refused.body["error"]["type"]) == (429, "rate_limit_error")
        assert refused.headers["anthropic-ratelimit-input-tokens-limit"] == "1000"
        assert int(refused.headers["anthropic-ratelimit-output-tokens-remaining"]) < 45


async def test_a_request_larger_than_the_bucket_is_refused_without_a_time() -> None:
    async with provider(tpm=60) as caller:
        refused = await caller.openai("word " * 200)
        assert (refused.status, "retry-after" in refused.headers) == (429, False)
        assert "too large" in refused.body["error"]["message"]


async def test_limits_of_one_model_leave_another_alone() -> None:
    async with provider(rpm=60, burst=1, quota_after=1, limited_model="small") as caller:
        assert [(await caller.openai(model="small")).status for _ in range(2)] == [200, 429]
        replies = [await caller.openai(model="big") for _ in range(3)]
        assert [reply.status for reply in replies] == [200] * 3
        assert not [name for name in replies[0].headers if name.startswith("x-ratelimit")]


async def test_with_all_places_taken_a_request_is_refused_or_waits() -> None:
    async with provider(max_at_once=2, latency_s=0.3) as caller:
        replies = await _at_once(caller, 5)
        assert sorted(reply.status for reply in replies) == [200, 200, 429, 429, 429]
        assert all("retry-after" in reply.headers for reply in replies if reply.status == 429)
        await caller.post("/behaviour", {"when_full": "queue"})
        await caller.post("/reset", {})
        await caller.post("/behaviour", {"when_full": "queue"})
        assert {reply.status for reply in await _at_once(caller, 5)} == {200}
        seen = await caller.stats()
        assert seen["latency_sum_s"] >= 2 * 0.3 + 2 * 0.6 + 0.9 - 0.01
        assert seen["ideal_s"] == pytest.approx(0.9, abs=0.01)
        assert seen["wall_s"] >= 0.9 - 0.01


async def test_who_leaves_the_queue_takes_nobody_elses_place() -> None:
    async with provider(max_at_once=1, when_full="queue", latency_s=30) as caller:
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(caller.openai(f"{number}")) for number in range(3)]
            await _until(caller, in_flight=3)
            for call in calls:
                call.cancel()
        await _until(caller, in_flight=0)
        await caller.post("/behaviour", {"latency_s": 0})
        assert (await caller.openai()).status == 200


async def test_an_overloaded_server_slows_down_and_refuses_nobody() -> None:
    async with provider(slow_from=2, latency_s=0.1) as caller:
        replies = await _at_once(caller, 8)
        seen = await caller.stats()
        assert {reply.status for reply in replies} == {200}
        # 0.1 for the first two, then 3/2, 4/2, … 8/2 of it.
        assert seen["latency_sum_s"] >= 0.2 + sum(0.05 * at_once for at_once in range(3, 9)) - 0.01
        assert seen["ideal_s"] == pytest.approx(0.1)


async def test_a_wave_refuses_so_many_after_so_many() -> None:
    async with provider(wave_every=3, wave_length=2, wave_pause_s=7) as caller:
        replies = [await caller.openai(f"{number}") for number in range(8)]
        assert [reply.status for reply in replies] == [200, 200, 200, 429, 429, 200, 200, 200]
        assert replies[3].headers["retry-after"] == "7"


async def test_a_quota_ends_after_its_answers_and_comes_back_on_order() -> None:
    async with provider(quota_after=3) as caller:
        replies = await _at_once(caller, 5)
        assert sorted(reply.status for reply in replies) == [200, 200, 200, 429, 429]
        gone = await caller.openai()
        assert gone.body["error"]["code"] == "insufficient_quota"
        assert ("retry-after" in gone.headers, "resets_at" in gone.body["error"]) == (False, False)
        await caller.post("/behaviour", {"quota_after": 3})
        assert [(await caller.openai()).status for _ in range(4)] == [200, 200, 200, 429]
        await caller.post("/behaviour", {"quota_after": 0})
        assert (await caller.openai()).status == 200


async def test_a_quota_that_comes_back_by_itself_says_when() -> None:
    async with provider(quota_after=1, quota_returns_s=3600) as caller:
        await caller.openai()
        gone = await caller.openai()
        assert 3500 < int(gone.headers["retry-after"]) <= 3600
        seen = await caller.stats()
        assert abs(gone.body["error"]["resets_at"] - seen["last_answer_epoch"] - 3600) < 10
        gone = await caller.anthropic()
        assert gone.headers["anthropic-ratelimit-unified-reset"].isdecimal()
        await caller.post("/behaviour", {"quota_returns_s": 0.05, "quota_after": 1})
        await caller.openai()
        async with asyncio.timeout(10):
            while (await caller.openai()).status == 429:
                pass


async def test_an_answer_that_was_made_is_charged_though_its_caller_had_gone() -> None:
    async with provider(latency_s=30, input_usd_per_million=10, output_usd_per_million=20) as caller:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(caller.openai())
            await _until(caller, in_flight=1)
            call.cancel()
        seen = await _until(caller, cancelled=1)
        assert (seen["answered"], seen["generated"], seen["input_tokens"]) == (0, 1, 2)
        expected = (seen["input_tokens"] * 10 + seen["output_tokens"] * 20) / 1e6
        assert seen["cost_usd"] == pytest.approx(expected)


async def test_what_was_refused_is_not_charged_and_no_price_is_no_cost() -> None:
    async with provider(rpm=60, burst=1, fail_rate=0) as caller:
        await _at_once(caller, 3)
        await caller.post("/behaviour", {"faults": [{"kind": "error"}, {"kind": "malformed"}]})
        assert [(await caller.openai()).status for _ in range(2)] == [500, 200]
        seen = await caller.stats()
        assert (seen["generated"], seen["cost_usd"]) == (1, None)


async def test_every_mishap_by_chance_shows_as_what_it_is() -> None:
    async with provider(unreadable_rate=1) as caller:
        assert (await caller.openai()).body is None
        for change in ({"cut_rate": 1}, {"hang_rate": 1}):
            await caller.post("/behaviour", {"unreadable_rate": 0, "cut_rate": 0, "hang_rate": 0} | change)
            with pytest.raises((aiohttp.ClientError, TimeoutError)):
                async with asyncio.timeout(0.5):
                    await caller.openai()
        await caller.post("/behaviour", {"hang_rate": 0, "rate_limit_rate": 1})
        assert (await caller.openai()).status == 429
        seen = await _until(caller, cancelled=2)
        # The answer that was no JSON and the one that was cut off had been made; the one that hung had not.
        assert seen["generated"] == 2


async def test_an_answer_that_does_not_fit_comes_in_due_form() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    tool: dict[str, Any] = {
        "tools": [{"name": "s", "input_schema": schema}],
        "tool_choice": {"type": "tool", "name": "s"},
    }
    async with provider(malformed_rate=1, seed=2) as caller:
        for number in range(6):
            text = (await caller.openai(f"{number}", response_format=wanted)).body["choices"][0]["message"]["content"]
            assert '"a"' not in text
            block = (await caller.anthropic(f"{number}", **tool)).body["content"][0]
            assert block["type"] == "text" or "a" not in block["input"]


async def test_a_long_prefix_is_cached_once_its_first_answer_has_begun() -> None:
    async with provider(latency_s=0.2, input_usd_per_million=10, cached_input_usd_per_million=1) as caller:
        first = await _at_once(caller, 3, system=SYSTEM)
        cached = [reply.body["usage"]["prompt_tokens_details"]["cached_tokens"] for reply in first]
        assert cached == [0, 0, 0]
        usage = (await caller.openai("later", system=SYSTEM)).body["usage"]
        tokens = usage["prompt_tokens_details"]["cached_tokens"]
        assert 1024 <= tokens < usage["prompt_tokens"]
        assert tokens % 128 == 0
        short = (await caller.openai("later", system="short")).body["usage"]
        assert short["prompt_tokens_details"]["cached_tokens"] == 0
        seen = await caller.stats()
        assert seen["cached_input_tokens"] == tokens
        plain = seen["input_tokens"] - tokens
        assert seen["cost_usd"] == pytest.approx((plain * 10 + tokens * 1) / 1e6)


async def test_anthropic_caches_only_what_is_marked_and_reports_it_apart() -> None:
    async with provider(cache_write_usd_per_million=12.5, input_usd_per_million=10) as caller:
        unmarked = [(await caller.anthropic(system=SYSTEM)).body["usage"] for _ in range(2)]
        assert [usage.keys() for usage in unmarked] == [{"input_tokens", "output_tokens"}] * 2
        written = (await caller.anthropic(system=MARKED)).body["usage"]
        read = (await caller.anthropic(system=MARKED)).body["usage"]
        size = written["cache_creation_input_tokens"]
        assert size >= 1024
        assert (written["cache_read_input_tokens"], read["cache_creation_input_tokens"]) == (0, 0)
        assert read["cache_read_input_tokens"] == size
        assert read["input_tokens"] == written["input_tokens"] == unmarked[0]["input_tokens"] - size


async def test_an_answer_takes_longer_the_longer_it_is_and_begins_before_it_ends() -> None:
    async with provider(output_tokens_per_second=200, latency_s=0.05) as caller:
        reply = await caller.openai("x", system=SYSTEM)
        seen = await caller.stats()
        assert seen["latency_sum_s"] >= 0.05 + reply.body["usage"]["completion_tokens"] / 200 - 0.01
