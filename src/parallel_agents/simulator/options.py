"""How a simulated provider behaves."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from parallel_agents.core.errors import InputError
from parallel_agents.simulator.faults import Fault

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
RetryForm = Literal["seconds", "ms", "date", "none"]
TokenRule = Literal["characters", "bytes"]


class Conduct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can change while it runs; 0 switches a limit off. What each field does: docs/reference/simulator.md.

    Every answer takes `latency_s`, give or take up to `jitter_s`; with `latency_p95_s` above 0 it is log-normal
    instead, with the median `latency_s`. Rates are shares of the calls, drawn from the seed.
    """

    latency_s: Seconds = 0.0
    jitter_s: Seconds = 0.0
    latency_p95_s: Seconds = 0.0
    output_tokens_per_second: Amount = 0.0
    slow_from: Count = 0
    rpm: Amount = 0.0
    burst: Count = 0
    tpm: Amount = 0.0
    input_tpm: Amount = 0.0
    output_tpm: Amount = 0.0
    burst_tokens: Count = 0
    max_at_once: Count = 0
    when_full: Literal["refuse", "queue"] = "refuse"
    retry_after: RetryForm = "seconds"
    wave_every: Count = 0
    wave_length: Count = 0
    wave_pause_s: Seconds = 0.0
    quota_after: Count = 0
    quota_returns_s: Seconds = 0.0
    limited_model: str = ""
    fail_rate: Share = 0.0
    rate_limit_rate: Share = 0.0
    hang_rate: Share = 0.0
    cut_rate: Share = 0.0
    unreadable_rate: Share = 0.0
    malformed_rate: Share = 0.0
    token_rule: TokenRule = "characters"
    input_usd_per_million: Amount | None = None
    output_usd_per_million: Amount | None = None
    cached_input_usd_per_million: Amount | None = None
    cache_write_usd_per_million: Amount | None = None
    cache_min_tokens: Count = 1024
    cache_ttl_s: Seconds = 300.0


class Options(Conduct, frozen=True, kw_only=True):
    """What a simulated provider starts with. Port 0 takes any free one.

    Whatever is random is drawn from `seed`. `faults` are what the first calls get instead of an answer.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    seed: int = 0
    faults: tuple[Fault, ...] = ()
    allow_remote: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change at run time: how it behaves from now on, and `faults` that are added to those still due.

    `clear_faults` takes those still due back first: how many a lane swallows before it closes depends on timing.
    `renews_quota`: the change speaks of the quota, so that its answers are counted from 0 again.
    """

    conduct: Conduct
    faults: tuple[Fault, ...] = ()
    clear_faults: bool = False
    renews_quota: bool = False


def change_from(body: bytes, before: Conduct) -> Change:
    """Read the JSON of a change. What it leaves out or sets to null stays as it is.

    Raises:
        msgspec.MsgspecError: it is no JSON object, or names an unknown field or a wrong value.
        InputError: as `checked_conduct`.
    """
    fields = msgspec.json.decode(body, type=dict[str, Any])
    faults = msgspec.convert(fields.pop("faults", ()), tuple[Fault, ...])
    clear = msgspec.convert(fields.pop("clear_faults", False), bool)
    stated = {name: value for name, value in fields.items() if value is not None}
    conduct = msgspec.convert(msgspec.to_builtins(before) | stated, Conduct)
    return Change(
        conduct=checked_conduct(conduct),
        faults=faults,
        clear_faults=clear,
        renews_quota=bool(stated.keys() & {"quota_after", "quota_returns_s"}),
    )


def conduct_of(options: Options) -> Conduct:
    """Return the part of the options that can change."""
    return Conduct(**{name: getattr(options, name) for name in Conduct.__struct_fields__})


def checked_conduct(conduct: Conduct) -> Conduct:
    """Refuse figures that do not go together.

    Raises:
        InputError: a p95 that is not above the median, or rates of more than 1 together.
    """
    if conduct.latency_p95_s and not 0 < conduct.latency_s < conduct.latency_p95_s:
        raise InputError(
            f"a latency with a p95 of {conduct.latency_p95_s:g} s needs a median above 0 and below that, "
            f"not {conduct.latency_s:g} s"
        )
    together = sum(rates_of(conduct).values())
    if together > 1:
        raise InputError(f"the rates of what goes wrong are {together:g} together, more than 1")
    return conduct


def rates_of(conduct: Conduct) -> dict[str, float]:
    """Name the field of each rate and its share; a call gets at most one of them."""
    names = ("fail_rate", "rate_limit_rate", "hang_rate", "cut_rate", "unreadable_rate", "malformed_rate")
    return {name: getattr(conduct, name) for name in names}


def checked(options: Options) -> Options:
    """Refuse an address that other machines could reach, unless that was asked for; else as `checked_conduct`.

    Raises:
        InputError: it is not a loopback address, or figures do not go together.
    """
    checked_conduct(options)
    if not options.allow_remote and not _is_loopback(options.host):
        raise InputError(
            f"the simulated provider listens on this machine only, and {options.host!r} is not a loopback address. "
            "Use 127.0.0.1, or allow other machines explicitly."
        )
    return options


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
