"""The parts that decide on times of their own: buckets, the ideal client, the prompt cache, the quota, headers."""

from __future__ import annotations

import json
import random

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.core.errors import InputError
from parallel_agents.simulator.answers import Asked, answer_to, input_tokens, misfit
from parallel_agents.simulator.buckets import Bucket
from parallel_agents.simulator.callers import Callers
from parallel_agents.simulator.charges import Used, cost_usd
from parallel_agents.simulator.headers import anthropic_limits, duration, openai_limits, retry_after
from parallel_agents.simulator.ideal import Ideal
from parallel_agents.simulator.limits import Limits, need_of
from parallel_agents.simulator.options import Conduct, change_from, checked_conduct
from parallel_agents.simulator.pace import Chance, slowdown, writing_s
from parallel_agents.simulator.prefixes import PrefixCache
from parallel_agents.simulator.quota import Quota

ONE = need_of(0, 0, 0)
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


@given(
    st.floats(1, 6000),
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 10), st.floats(0, 50)), max_size=60),
)
def test_a_bucket_never_gives_more_than_its_capacity_and_what_flowed_in(
    rate: float, capacity: int, asked: list[tuple[float, float]]
) -> None:
    bucket = Bucket(rate, capacity, at=0.0)
    at = given_out = 0.0
    for pause, amount in asked:
        at += pause
        if bucket.wait_s(amount, at) == 0:
            bucket.take(amount, at)
            given_out += amount
        assert given_out <= capacity + rate * at / 60 + 1e-3


@given(st.floats(1, 6000), st.integers(1, 50), st.floats(0, 100))
def test_who_waits_as_long_as_a_bucket_says_gets_what_was_asked_for(rate: float, capacity: int, at: float) -> None:
    bucket = Bucket(rate, capacity, at=0.0)
    bucket.take(capacity, at)
    wait_s = bucket.wait_s(capacity, at)
    assert wait_s is not None
    assert wait_s == pytest.approx(capacity * 60 / rate)
    assert bucket.wait_s(capacity, at + wait_s) == 0
    assert bucket.wait_s(capacity + 1, at) is None


def test_of_two_shortages_the_one_that_lasts_longer_is_told() -> None:
    limits = Limits(Conduct(rpm=60, burst=1, input_tpm=60, burst_tokens=60, output_tpm=6000), "anthropic", 0.0)
    need = need_of(60, 0, 10)
    limits.take(need, 0.0)
    shortage = limits.shortage(need, 0.0)
    assert shortage is not None
    assert (shortage.kind, shortage.wait_s) == ("input-tokens", 60)


def test_only_anthropic_leaves_cached_input_out_of_its_limit() -> None:
    need = need_of(1000, 900, 50)
    assert (need["tokens"], need["input-tokens"], need["output-tokens"]) == (1050, 100, 50)


def test_the_ideal_client_is_bound_by_the_bucket_once_its_burst_is_gone() -> None:
    ideal = Ideal(Limits(Conduct(rpm=1200, burst=20), "openai", 0.0), at_once=5)
    for _ in range(600):
        ideal.answered(ONE, 0.1)
    assert ideal.ends_at == pytest.approx(580 / 20 + 0.1)


def test_the_ideal_client_is_bound_by_the_places_where_the_limits_are_wide() -> None:
    ideal = Ideal(Limits(Conduct(), "openai", 0.0), at_once=5)
    for _ in range(600):
        ideal.answered(ONE, 1.0)
    assert ideal.ends_at == pytest.approx(120)


@given(st.lists(st.floats(0.01, 3), min_size=1, max_size=80), st.integers(1, 9))
def test_no_client_that_keeps_the_order_is_faster_than_the_ideal(services: list[float], at_once: int) -> None:
    ideal = Ideal(Limits(Conduct(rpm=600, burst=3), "openai", 0.0), at_once)
    for service_s in services:
        ideal.answered(ONE, service_s)
    flows = max(0, len(services) - 3) / 10
    assert ideal.ends_at >= max(flows, sum(services) / at_once, max(services)) - 1e-6
    assert ideal.ends_at <= flows + sum(services) + 1e-6


def test_a_prefix_is_found_from_the_beginning_of_its_first_answer_until_five_idle_minutes_later() -> None:
    cache = PrefixCache()
    assert not cache.holds("p", 0, 300)
    cache.read("p", begins_at=2)
    assert not cache.holds("p", 1.9, 300)
    assert cache.holds("p", 2, 300)
    assert cache.holds("p", 301, 300)
    assert cache.holds("p", 600, 300)
    assert not cache.holds("p", 900, 300)
    assert not cache.holds("p", 901, 300)


def test_a_quota_ends_with_its_last_answer_and_comes_back_whole() -> None:
    quota = Quota()
    assert quota.ends_in_s(2, 10, at=0) is None
    quota.answered(2, at=0)
    quota.answered(2, at=5)
    assert quota.ends_in_s(2, 10, at=7) == 8
    assert quota.ends_in_s(2, 0, at=7) == float("inf")
    assert quota.ends_in_s(2, 10, at=15) is None
    quota.answered(2, at=15)
    assert quota.ends_in_s(2, 10, at=15) is None


def test_who_comes_back_too_early_is_counted_once_and_others_only_as_during_the_pause() -> None:
    callers = Callers()
    callers.arrived("c", "p", at=0)
    callers.refused("c", "p", until=5)
    callers.arrived("c", "q", at=3)
    callers.arrived("c", "p", at=4)
    callers.arrived("c", "p", at=4.5)
    callers.arrived("other", "p", at=4.5)
    assert callers.seen()["c"] == {"requests": 4, "refused": 1, "early_returns": 1, "during_pause": 3}
    assert callers.early_returns() == 1
    callers.refused("c", "p", until=6)
    callers.arrived("c", "p", at=6)
    assert callers.early_returns() == 1


def test_the_forms_of_a_pause_are_rounded_up_to_what_they_can_say() -> None:
    epoch = 1_700_000_000.25
    assert retry_after("seconds", 0.05, epoch) == ({"Retry-After": "1"}, 1)
    assert retry_after("ms", 0.0501, epoch) == ({"Retry-After-Ms": "51"}, 0.051)
    assert retry_after("date", 1.0, epoch) == ({"Retry-After": "Tue, 14 Nov 2023 22:13:22 GMT"}, 1.75)
    assert retry_after("none", 1.0, epoch) == ({}, None)
    assert [duration(seconds) for seconds in (0, 0.012, 1.5, 90, 3601)] == ["0ms", "12ms", "1.5s", "1m30s", "1h0m1s"]


def test_both_protocols_state_their_limits_in_their_own_headers() -> None:
    conduct = Conduct(rpm=60, burst=10, tpm=600, input_tpm=500, output_tpm=100)
    openai = Limits(conduct, "openai", 0.0)
    openai.take(need_of(10, 0, 50), 0.0)
    assert openai_limits(openai, 0.0, 0.0) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "600",
        "x-ratelimit-remaining-tokens": "540",
        "x-ratelimit-reset-tokens": "6s",
    }
    anthropic = Limits(conduct, "anthropic", 0.0)
    anthropic.take(need_of(50, 0, 10), 0.0)
    assert anthropic_limits(anthropic, 0.0, 1_700_000_000.0) == {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "9",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:21Z",
        "anthropic-ratelimit-input-tokens-limit": "500",
        "anthropic-ratelimit-input-tokens-remaining": "450",
        "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:13:26Z",
        "anthropic-ratelimit-output-tokens-limit": "100",
        "anthropic-ratelimit-output-tokens-remaining": "90",
        "anthropic-ratelimit-output-tokens-reset": "2023-11-14T22:13:26Z",
    }


def test_log_normal_latency_has_the_median_and_the_p95_that_were_asked_for() -> None:
    chance, conduct = Chance(3), Conduct(latency_s=1, latency_p95_s=4)
    drawn = sorted(chance.latency_s(conduct) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(1, rel=0.05)
    assert drawn[19_000] == pytest.approx(4, rel=0.05)
    assert writing_s(Conduct(output_tokens_per_second=50), 100) == 2
    assert [slowdown(Conduct(slow_from=4), at_once) for at_once in (1, 4, 8)] == [1, 1, 2]


def test_each_mishap_has_its_share_and_none_comes_on_top_of_another() -> None:
    chance, conduct = Chance(5), Conduct(fail_rate=0.5, hang_rate=0.25, malformed_rate=0.25)
    drawn = [chance.mishap(conduct) for _ in range(8000)]
    assert drawn.count(None) == 0
    assert drawn.count("fail_rate") / 8000 == pytest.approx(0.5, abs=0.03)
    assert drawn.count("hang_rate") / 8000 == pytest.approx(0.25, abs=0.03)


def test_figures_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InputError, match="p95"):
        checked_conduct(Conduct(latency_s=2, latency_p95_s=1))
    with pytest.raises(InputError, match=r"1\.2 together"):
        checked_conduct(Conduct(fail_rate=0.6, cut_rate=0.6))


def test_a_change_keeps_what_it_does_not_name() -> None:
    before = Conduct(rpm=60, latency_s=3)
    change = change_from(b'{"latency_s": 1, "rpm": null, "quota_after": 0}', before)
    assert (change.conduct.rpm, change.conduct.latency_s, change.renews_quota) == (60, 1, True)
    assert not change_from(b"{}", before).renews_quota


def test_the_rule_of_bytes_counts_more_than_any_estimate_of_characters_the_schema_too() -> None:
    asked = Asked(model="m", turns=(("user", "逆否命题 abcd"),), schema=SCHEMA)
    assert input_tokens(asked, "characters") == 4 + 2
    schema = json.dumps(SCHEMA, separators=(",", ":"))
    assert input_tokens(asked, "bytes") == 12 + 5 + len(schema) + 4
    answer = answer_to(asked, "seed", "bytes")
    assert answer.output_tokens == len(answer.text.encode())
    short = answer_to(Asked(model="m", turns=(("user", "x"),), max_tokens=40), "seed", "bytes")
    assert short.is_cut
    assert 37 < len(short.text.encode()) <= 40


def test_an_answer_that_does_not_fit_fails_its_schema_however_it_is_made() -> None:
    asked = Asked(model="m", turns=(("user", "x"),), schema=SCHEMA)
    chance = random.Random(1)
    shapes: set[str] = set()
    for _ in range(40):
        _, answer = misfit(asked, answer_to(asked, "seed"), chance, "characters")
        try:
            value = json.loads(answer.text)
        except ValueError:
            shapes.add("prose")
            continue
        shapes.add("object")
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(value, SCHEMA)
    assert shapes == {"prose", "object"}


def test_money_is_counted_by_kind_of_token() -> None:
    used = Used(input_tokens=1000, output_tokens=100, cached_input_tokens=600, cache_write_tokens=100)
    prices = Conduct(input_usd_per_million=10, output_usd_per_million=20)
    assert cost_usd(used, prices) == pytest.approx((1000 * 10 + 100 * 20) / 1e6)
    cheaper = Conduct(
        input_usd_per_million=10,
        output_usd_per_million=20,
        cached_input_usd_per_million=1,
        cache_write_usd_per_million=12.5,
    )
    assert cost_usd(used, cheaper) == pytest.approx((300 * 10 + 600 * 1 + 100 * 12.5 + 100 * 20) / 1e6)
