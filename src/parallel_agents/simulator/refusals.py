"""How a simulated provider says no: too many requests, too many tokens, no place, no quota."""

from __future__ import annotations

import msgspec

from parallel_agents.simulator.headers import retry_after
from parallel_agents.simulator.limits import Shortage
from parallel_agents.simulator.options import Conduct
from parallel_agents.simulator.wire import Body, WireFormat


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal with its body and headers; `told_s` is the pause that it asks for in seconds, None for none."""

    status: int
    body: Body
    headers: dict[str, str]
    told_s: float | None


def for_shortage(wire: WireFormat, conduct: Conduct, model: str, shortage: Shortage, epoch: float) -> Refused:
    """Refuse a request that a bucket has not enough for. One that asks for more than fits is told no pause."""
    unit = "RPM" if shortage.kind == "requests" else "TPM"
    start = f"simulated: rate limit reached for {model}" if shortage.wait_s is not None else "simulated: too large"
    said = (
        f"{start} on {shortage.kind} per min ({unit}): limit {shortage.limit:g}, "
        f"remaining {shortage.remaining:.0f}, requested {shortage.needed:g}"
    )
    refused = too_many(wire, conduct, said, shortage.wait_s, epoch)
    if wire.name == "openai" and shortage.kind != "requests":
        refused.body["error"]["type"] = "tokens"
    return refused


def too_many(wire: WireFormat, conduct: Conduct, said: str, wait_s: float | None, epoch: float) -> Refused:
    """Refuse with a 429 that asks for a pause of `wait_s` in the form chosen; None asks for none."""
    headers, told_s = ({}, None) if wait_s is None else retry_after(conduct.retry_after, wait_s, epoch)
    return Refused(status=429, body=wire.error("rate_limit", said), headers=headers, told_s=told_s)


def for_quota(wire: WireFormat, conduct: Conduct, returns_in_s: float, epoch: float) -> Refused:
    """Refuse because the quota is used up. Where its return is known, that is said as each protocol can.

    Both send the pause; OpenAI's error has `resets_at` (seconds since the epoch), as that of its plans has, Anthropic
    sends `anthropic-ratelimit-unified-reset`, the same.
    """
    body = wire.error("quota", "simulated: quota")
    if returns_in_s == float("inf"):
        return Refused(status=429, body=body, headers={}, told_s=None)
    resets_at = int(epoch + returns_in_s) + 1
    headers, told_s = retry_after(conduct.retry_after, returns_in_s, epoch)
    if wire.name == "openai":
        body["error"]["resets_at"] = resets_at
    else:
        headers["anthropic-ratelimit-unified-status"] = "rejected"
        headers["anthropic-ratelimit-unified-reset"] = str(resets_at)
    return Refused(status=429, body=body, headers=headers, told_s=told_s)
