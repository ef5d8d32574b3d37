"""What a model costs: as configured, else as the list of published prices has it, else unknown."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from parallel_agents.core.errors import ModelError
from parallel_agents.core.prices import PER, Price, Pricing, Tokens
from parallel_agents.core.settings import Settings
from parallel_agents.models.providers import OFFLINE, own_url

_EDITION = re.compile(r"([-@.:](latest|preview|v?\d+))*")
_FREE = Price(input=0.0, output=0.0)


def pricing_of(model: str, settings: Settings, environ: Mapping[str, str]) -> Pricing | None:
    """The prices of `provider:name`; None where nobody knows them, which is not the same as free.

    A configured price goes before the published one, which is looked up by the address where
    there is one of its own: a model behind an address that the list does not know may cost anything.

    Slow at the first call (half a second).
    """
    if model == OFFLINE:
        return _FREE
    chosen = settings.model_settings(model)
    if chosen.input_usd_per_million is not None and chosen.output_usd_per_million is not None:
        return Price(
            input=chosen.input_usd_per_million,
            output=chosen.output_usd_per_million,
            cached_input=chosen.cached_input_usd_per_million,
            cache_write=chosen.cache_write_usd_per_million,
        )
    if importlib.util.find_spec("genai_prices") is None:
        return None
    provider, _, name = model.partition(":")
    address = own_url(model, settings, environ)
    return _published(name, {"provider_id": provider} if address is None else {"provider_api_url": address})


def refuse_unpriced(models: Iterable[str], settings: Settings, environ: Mapping[str, str]) -> None:
    """Make sure that the price of every model is known. Raises `ModelError` for the first whose is not."""
    for model in models:
        if pricing_of(model, settings, environ) is None:
            raise ModelError(
                model,
                f"nobody knows what {model} costs here, so a budget in US dollars cannot be held to",
                hint=f"Give {model} its input_usd_per_million and output_usd_per_million under `models` in the "
                "configuration, or set a budget in tokens.",
            )


class _Published:
    """A price of the list, which may depend on the time of the day and the size of the request."""

    def __init__(self, name: str, provider: dict[str, str], variants: list[Any]) -> None:
        self._name = name
        self._provider = provider
        self._variants = variants

    def cost_usd(self, tokens: Tokens, at: float) -> float:
        prices = _library()
        usage = prices.Usage(
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cached_input,
            cache_write_tokens=tokens.cache_write,
        )
        when = datetime.fromtimestamp(at, UTC)
        found = prices.calc_price(usage, model_ref=self._name, genai_request_timestamp=when, **self._provider)
        return float(found.total_price)

    def most_usd(self, *, input_tokens: int, output_tokens: int) -> float:
        names = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok")
        dearest = max(_dearest(variant, name) for variant in self._variants for name in names)
        output = max(_dearest(variant, "output_mtok") for variant in self._variants)
        return float(input_tokens * dearest + output_tokens * output) / PER


def _published(name: str, provider: dict[str, str]) -> Pricing | None:
    prices = _library()
    try:
        found = prices.calc_price(prices.Usage(input_tokens=1, output_tokens=1), model_ref=name, **provider)
    except LookupError:
        return None
    if not _is_named(name.lower(), found.model):
        return None
    listed: Any = found.model.prices
    variants = [listed] if not isinstance(listed, list) else [one.prices for one in cast("list[Any]", listed)]
    if any(getattr(variant, name, None) is None for variant in variants for name in ("input_mtok", "output_mtok")):
        return None
    if any(getattr(variant, "requests_kcount", None) is not None for variant in variants):
        return None  # a price for the call itself, which no number of tokens tells
    return _Published(name, provider, variants)


def _is_named(name: str, model: Any) -> bool:
    """Tell whether the list means this very model: by name, or by the beginning of it with a date or version behind.

    The list takes whatever begins like a model that it knows for that model, and what comes next year may cost more.
    """
    return name == model.id or any(
        name == exact or (begins and name.startswith(begins) and _EDITION.fullmatch(name[len(begins) :]))
        for exact, begins in _clauses(model.match)
    )


def _clauses(match: Any) -> Iterator[tuple[str | None, str | None]]:
    parts: list[Any] = [*getattr(match, "or_", ()), *getattr(match, "and_", ())]
    for part in parts:
        yield from _clauses(part)
    exact, begins = getattr(match, "equals", None), getattr(match, "starts_with", None)
    yield (None if exact is None else str(exact).lower(), None if begins is None else str(begins).lower())


def _library() -> Any:
    return importlib.import_module("genai_prices")


def _dearest(variant: Any, name: str) -> Decimal:
    price = getattr(variant, name, None)
    if price is None:
        return Decimal(0)
    tiers = getattr(price, "tiers", None)
    if tiers is None:
        return Decimal(price)
    return max([Decimal(price.base), *(Decimal(tier.price) for tier in tiers)])
