"""What a model costs: as configured, as published for that very model, or nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from parallel_agents.core.errors import ModelError
from parallel_agents.core.prices import Price, Tokens
from parallel_agents.core.settings import ModelSettings, Settings
from parallel_agents.models.bounds import most_input_tokens
from parallel_agents.models.prices import pricing_of, refuse_unpriced
from parallel_agents.ports.models import Message, ModelRequest, OutputSchema

AT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("model", "is_known"),
    [
        ("offline", True),
        ("openai:gpt-4o", True),
        ("openai:gpt-4o-2024-08-06", True),
        ("anthropic:claude-sonnet-4-5", True),
        ("anthropic:claude-sonnet-4-5-20250929", True),
        ("anthropic:claude-sonnet-4-5-latest", True),
        ("anthropic:claude-sonnet-4-5-gigantic", False),
        ("openai:gpt-4o-audio-preview-of-next-year", False),
        ("openai:simulated", False),
    ],
)
def test_the_price_of_another_model_is_not_taken_for_that_of_this_one(model: str, is_known: bool) -> None:
    assert (pricing_of(model, Settings(), {}) is not None) == is_known


def test_an_address_of_ones_own_has_no_published_price() -> None:
    assert pricing_of("openai:gpt-4o", Settings(), {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}) is None


def test_a_configured_price_goes_before_the_published_one() -> None:
    mine = ModelSettings(input_usd_per_million=1.0, output_usd_per_million=3.0)
    pricing = pricing_of("openai:gpt-4o", Settings(models={"openai": mine}), {})
    assert pricing is not None
    assert pricing.cost_usd(Tokens(input=1_000_000, output=1_000_000), AT) == 4.0


@pytest.mark.parametrize("model", ["openai:gpt-4o", "openai:gpt-4o-mini", "anthropic:claude-sonnet-4-5"])
@pytest.mark.parametrize("given", [0, 1000, 150_000, 250_000, 900_000])
@pytest.mark.parametrize("share", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.3, 0.4)])
def test_no_call_costs_more_than_was_told_to_be_the_most(model: str, given: int, share: tuple[float, float]) -> None:
    pricing = pricing_of(model, Settings(), {})
    assert pricing is not None
    tokens = Tokens(input=given, output=2000, cached_input=int(given * share[0]), cache_write=int(given * share[1]))
    cost, most = pricing.cost_usd(tokens, AT), pricing.most_usd(input_tokens=given, output_tokens=2000)
    assert 0 < cost <= most + 1e-12


def test_cached_input_is_paid_at_its_own_price() -> None:
    price = Price(input=2.0, output=0.0, cached_input=0.5, cache_write=2.5)
    tokens = Tokens(input=1_000_000, output=0, cached_input=400_000, cache_write=100_000)
    assert price.cost_usd(tokens, AT) == pytest.approx(0.5 * 2 + 0.4 * 0.5 + 0.1 * 2.5)


def test_money_is_refused_where_the_price_is_not_known() -> None:
    refuse_unpriced(["offline", "openai:gpt-4o"], Settings(), {})
    with pytest.raises(ModelError, match="openai:simulated") as caught:
        refuse_unpriced(["openai:gpt-4o", "openai:simulated"], Settings(), {})
    assert "input_usd_per_million" in str(caught.value)


def test_everything_that_is_sent_counts_a_token_for_each_byte() -> None:
    schema = OutputSchema("答案", {"type": "object"})
    bare = ModelRequest(messages=(Message("user", "问"),))
    whole = ModelRequest(system="是", messages=(Message("user", "问"), Message("assistant", "答")), output=schema)
    assert most_input_tokens(bare) == 3 + 3 * 8
    assert most_input_tokens(whole) == 9 + 4 * 8 + 2 * (len('{"type":"object"}') + 6) + 1024
