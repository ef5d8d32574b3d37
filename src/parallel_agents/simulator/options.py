"""How a simulated provider behaves."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import msgspec
from msgspec import Meta

from parallel_agents.core.errors import InputError
from parallel_agents.simulator.faults import Fault

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulated provider starts with. Port 0 takes any free one.

    Every answer comes after `latency_s`, give or take up to `jitter_s`. `fail_rate` is the share of calls that get a
    500. Jitter and failures are drawn from `seed`. `faults` are what the first calls get instead of an answer.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    latency_s: Seconds = 0.0
    jitter_s: Seconds = 0.0
    fail_rate: Share = 0.0
    seed: int = 0
    faults: tuple[Fault, ...] = ()
    allow_remote: bool = False


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change at run time: what is None stays as it is; `faults` are added to those still due.

    `clear_faults` takes those still due back first: how many a lane swallows before it closes depends on timing.
    """

    latency_s: Seconds | None = None
    jitter_s: Seconds | None = None
    fail_rate: Share | None = None
    faults: tuple[Fault, ...] = ()
    clear_faults: bool = False


def checked(options: Options) -> Options:
    """Refuse an address that other machines could reach, unless that was asked for.

    Raises:
        InputError: it is not a loopback address.
    """
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
