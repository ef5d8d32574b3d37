"""The options of `simulate-provider`. What is None is left to `simulator.Options`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from parallel_agents.cli.options import whole

Number = float | None
Whole = int | None


def _said(text: str) -> Parameter:
    return Parameter(help=text)


def _count(text: str) -> Parameter:
    return Parameter(help=text, converter=whole)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SimulatorOptions:
    """Each field is an option and, with `_s` where it is seconds, a field of `simulator.Options`."""

    host: Annotated[str, _said("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _count("Port to listen on; 0 takes a free one.")] = 0
    seed: Annotated[Whole, _count("What every choice is drawn from.")] = None
    latency: Annotated[float, _said("Seconds before each answer.")] = 0.0
    jitter: Annotated[Number, _said("Seconds that the latency varies by, up or down, evenly.")] = None
    latency_p95: Annotated[
        Number, _said("Log-normal latency: 95 of 100 answers come within these seconds, half within --latency.")
    ] = None
    output_tokens_per_second: Annotated[Number, _said("An answer takes longer the longer it is.")] = None
    slow_from: Annotated[
        Whole, _count("Beyond this many requests at once, answers take longer in proportion, without a 429.")
    ] = None
    rpm: Annotated[Number, _said("Requests a minute, by a token bucket; beyond that a 429 with Retry-After.")] = None
    burst: Annotated[Whole, _count("Requests that the bucket holds; a minute's worth where not given.")] = None
    tpm: Annotated[Number, _said("Tokens a minute in OpenAI's protocol, input and output together.")] = None
    input_tpm: Annotated[Number, _said("Input tokens a minute in Anthropic's protocol.")] = None
    output_tpm: Annotated[Number, _said("Output tokens a minute in Anthropic's protocol.")] = None
    burst_tokens: Annotated[Whole, _count("Tokens that such a bucket holds; a minute's worth where not given.")] = None
    max_at_once: Annotated[Whole, _count("Requests at once.")] = None
    when_full: Annotated[
        Literal["refuse", "queue"] | None, _said("What happens to a request beyond --max-at-once: a 429, or it waits.")
    ] = None
    retry_after: Annotated[
        Literal["seconds", "ms", "date", "none"] | None,
        _said("How a 429 tells the pause: whole seconds, milliseconds, a date, or not at all."),
    ] = None
    wave_every: Annotated[Whole, _count("Refuse a wave of requests with a 429 after every so many.")] = None
    wave_length: Annotated[Whole, _count("How many requests a wave refuses.")] = None
    wave_pause: Annotated[Number, _said("Seconds that the 429 of a wave or of chance asks for.")] = None
    quota_after: Annotated[Whole, _count("The quota is gone after so many answers.")] = None
    quota_returns: Annotated[Number, _said("Seconds until a quota that is gone comes back; else it does not.")] = None
    limited_model: Annotated[str | None, _said("Limits and quota are for this model only.")] = None
    fail_rate: Annotated[Number, _said("Share of requests that get a 500.")] = None
    rate_limit_rate: Annotated[Number, _said("Share of requests that get a 429 by chance.")] = None
    hang_rate: Annotated[Number, _said("Share of requests that never get an answer.")] = None
    cut_rate: Annotated[Number, _said("Share of requests whose connection is cut when the answer is ready.")] = None
    unreadable_rate: Annotated[Number, _said("Share of requests whose answer is no JSON.")] = None
    malformed_rate: Annotated[Number, _said("Share of answers that do not fit what was asked for.")] = None
    token_rule: Annotated[
        Literal["characters", "bytes"] | None,
        _said("How tokens are counted: 1 for 4 characters or a Chinese one, or 1 for every byte of UTF-8."),
    ] = None
    input_usd_per_million: Annotated[Number, _said("Price of a million input tokens, in US dollars.")] = None
    output_usd_per_million: Annotated[Number, _said("Price of a million output tokens, in US dollars.")] = None
    cached_input_usd_per_million: Annotated[
        Number, _said("Price of a million input tokens read from the prompt cache; else that of input.")
    ] = None
    cache_write_usd_per_million: Annotated[
        Number, _said("Price of a million tokens written to the prompt cache; else that of input.")
    ] = None
    cache_min_tokens: Annotated[Whole, _count("Tokens that a prefix needs to be kept in the prompt cache.")] = None
    cache_ttl: Annotated[
        Number, _said("Seconds that an unused prefix stays in the prompt cache; 0 switches it off.")
    ] = None


NOTHING_GIVEN = SimulatorOptions()
