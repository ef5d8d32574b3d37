"""From a request that was read to its answer: what goes wrong with it, who has to wait, what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from parallel_agents.simulator import refusals
from parallel_agents.simulator.answers import Answer, Asked, answer_to, misfit, said
from parallel_agents.simulator.doors import Door
from parallel_agents.simulator.faults import Fault
from parallel_agents.simulator.limits import need_of
from parallel_agents.simulator.pace import slowdown, writing_s
from parallel_agents.simulator.refusals import Refused
from parallel_agents.simulator.state import State
from parallel_agents.simulator.wire import WireFormat

UNREADABLE = b'{"simulated": tru'

_encode = msgspec.json.Encoder().encode


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request under way. `digest` is the hash of its messages, `client` says who sent it."""

    http: web.Request
    wire: WireFormat
    asked: Asked
    digest: str
    client: str
    arrived_at: float


async def respond(state: State, call: Call, now: Callable[[], float]) -> web.Response:
    """Answer or refuse. `now` gives seconds since the epoch."""
    state.asked += 1
    state.callers.arrived(call.client, call.digest, call.arrived_at)
    door = state.door(call.wire.name, call.asked.model)
    fault = state.faults.take(call.asked.prompt, call.asked.model)
    mishap = None if fault is not None else state.chance.mishap(state.conduct)
    if fault is not None and fault.kind != "prose":
        response = await _fail(state, call, fault)
    elif mishap == "hang_rate":
        response = await _fail(state, call, Fault(kind="hang"))
    elif mishap == "fail_rate":
        response = await _fail(state, call, Fault(kind="error"))
    else:
        response = await _answer_or_refuse(state, call, door, fault, mishap, now)
    response.headers.update(call.wire.limits(door.limits, state.clock(), now()))
    response.headers[call.wire.id_header] = f"req_simulated_{state.asked}"
    return response


async def _answer_or_refuse(
    state: State, call: Call, door: Door, prose: Fault | None, mishap: str | None, now: Callable[[], float]
) -> web.Response:
    asked, answer = _made_up(state, call, prose, mishap)
    at = state.clock()
    answer, prefix = state.looked_up(asked, answer, call.wire.cache_step, at)
    refused = _refusal(state, call, door, answer, mishap, now())
    if refused is not None:
        state.callers.refused(call.client, call.digest, None if refused.told_s is None else at + refused.told_s)
        return _json(refused.body, refused.status, refused.headers)
    need = need_of(answer.input_tokens, answer.cached_input_tokens, answer.output_tokens)
    turn = door.let_in(need, at)
    if door.conduct.quota_after:
        state.quota.answered(door.conduct.quota_after, at)
    was_full = door.places.are_full
    await door.places.enter()
    try:
        begun_at = state.clock() if was_full else call.arrived_at
        service_s = await _generate(state, door, turn, answer, prefix, begun_at)
    finally:
        door.places.leave()
        door.due.pop(turn, None)
    state.answers += 1
    state.misfits += mishap == "malformed_rate"
    if mishap == "cut_rate":
        return await _fail(state, call, Fault(kind="cut"))
    door.answered(turn, need, service_s)
    if mishap == "unreadable_rate":
        return web.Response(body=UNREADABLE, content_type="application/json")
    return _json(call.wire.write(asked, answer, state.answers, now()))


def _made_up(state: State, call: Call, prose: Fault | None, mishap: str | None) -> tuple[Asked, Answer]:
    rule = state.conduct.token_rule
    if prose is not None:
        # A model that does not do as told calls no function either.
        loose = msgspec.structs.replace(call.asked, tool=None)
        return loose, said(loose, prose.message, rule)
    answer = answer_to(call.asked, call.digest, rule)
    if mishap == "malformed_rate":
        return misfit(call.asked, answer, state.chance.random, rule)
    return call.asked, answer


def _refusal(state: State, call: Call, door: Door, answer: Answer, mishap: str | None, epoch: float) -> Refused | None:
    """Decide whether a request is refused: first by the quota, then by waves and chance, the limits, the places."""
    conduct, at = door.conduct, state.clock()
    gone_for_s = state.quota.ends_in_s(conduct.quota_after, conduct.quota_returns_s, at)
    if gone_for_s is not None:
        return refusals.for_quota(call.wire, conduct, gone_for_s, epoch)
    if mishap == "rate_limit_rate" or state.is_in_a_wave():
        pause_s = state.conduct.wave_pause_s or None
        return refusals.too_many(call.wire, state.conduct, "simulated: rate_limit", pause_s, epoch)
    need = need_of(answer.input_tokens, answer.cached_input_tokens, answer.output_tokens)
    shortage = door.limits.shortage(need, at)
    if shortage is not None:
        return refusals.for_shortage(call.wire, conduct, call.asked.model, shortage, epoch)
    if conduct.when_full == "refuse" and door.places.are_full:
        free_in_s = max(0.0, min(door.due.values(), default=at) - at)
        said = f"simulated: more than {conduct.max_at_once} requests at once"
        return refusals.too_many(call.wire, conduct, said, free_in_s, epoch)
    return None


async def _generate(state: State, door: Door, turn: int, answer: Answer, prefix: str | None, begun_at: float) -> float:
    """Take the time that an answer takes; returns the seconds that it would take alone.

    It is charged before: a provider goes on with an answer whose caller has left.
    """
    begins_s = state.chance.latency_s(state.conduct)
    service_s = begins_s + writing_s(state.conduct, answer.output_tokens)
    slower = slowdown(state.conduct, door.places.taken)
    state.charge(answer)
    if prefix is not None:
        state.cache.read(prefix, begun_at + begins_s * slower)
    door.due[turn] = begun_at + service_s * slower
    await asyncio.sleep(max(0.0, door.due[turn] - state.clock()))
    return service_s


async def _fail(state: State, call: Call, fault: Fault) -> web.Response:
    """Answer with a fault, at once."""
    match fault.kind:
        case "hang":
            await asyncio.Event().wait()
        case "cut":
            if call.http.transport is not None:
                call.http.transport.abort()
        case "malformed":
            return web.Response(body=UNREADABLE, status=fault.http_status, content_type="application/json")
        case "empty":
            return _json({"simulated": True}, fault.http_status)
        case _:
            message = fault.message or f"simulated: {fault.kind}"
            if fault.http_status == 429:
                told_s = fault.pause_s()
                until = None if told_s is None else state.clock() + told_s
                state.callers.refused(call.client, call.digest, until)
            return _json(call.wire.error(fault.kind, message), fault.http_status, fault.headers())
    return web.Response(status=503)


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=_encode(value), status=status, headers=headers, content_type="application/json")
