"""The simulated provider's HTTP server."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from parallel_agents.core.errors import InputError
from parallel_agents.simulator.answers import Answer, Asked, answer_to, prompt_hash, said
from parallel_agents.simulator.counts import Counts
from parallel_agents.simulator.faults import Fault, FaultQueue
from parallel_agents.simulator.options import Behaviour, Options
from parallel_agents.simulator.wire import ANTHROPIC, OPENAI, Body, WireFormat

LARGEST_REQUEST = 64 * 1024 * 1024
# Whoever still waits when it stops is cut off: there is no work here worth waiting for.
SHUTDOWN_S = 0.05

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict).decode


class SimulatedProvider:
    """One server; `start` and `aclose` are for one event loop."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._runner: web.AppRunner | None = None
        self._begin()

    async def start(self) -> str:
        """Listen; returns the address.

        Raises:
            InputError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        self._counts = Counts(monotonic=loop.time, now=_epoch)
        runner = self._runner = web.AppRunner(
            self._app(), handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_S
        )
        await runner.setup()
        host, port = self._options.host, self._options.port
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            await self.aclose()
            raise InputError(f"cannot listen on {host}:{port}: {error}. --port 0 takes any free port.") from error
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{runner.addresses[0][1]}"

    async def aclose(self) -> None:
        """Stop listening and cut off whoever waits. Safe to call twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _begin(self) -> None:
        self._latency_s = self._options.latency_s
        self._jitter_s = self._options.jitter_s
        self._fail_rate = self._options.fail_rate
        self._faults = FaultQueue(self._options.faults)
        self._chance = random.Random(self._options.seed)
        self._number = 0

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self._openai),
                web.post("/v1/messages", self._anthropic),
                web.get("/v1/models", self._models),
                web.get("/stats", self._stats),
                web.post("/reset", self._reset),
                web.post("/behaviour", self._behave),
            ]
        )
        app.on_response_prepare.append(_label)
        return app

    async def _openai(self, request: web.Request) -> web.Response:
        return await self._counted(request, OPENAI)

    async def _anthropic(self, request: web.Request) -> web.Response:
        return await self._counted(request, ANTHROPIC)

    async def _counted(self, request: web.Request, wire: WireFormat) -> web.Response:
        arrived_at = self._counts.arrived()
        status: int | None = None
        try:
            response = await self._respond(request, wire, arrived_at)
            if request.transport is not None and not request.transport.is_closing():
                status = response.status
            return response
        finally:
            self._counts.left(arrived_at, status)

    async def _respond(self, request: web.Request, wire: WireFormat, arrived_at: float) -> web.Response:
        try:
            body: Body = _decode(await request.read())
            if body.get("stream"):
                raise ValueError("the simulated provider does not stream")
            asked = wire.read(body)
        except (KeyError, TypeError, ValueError) as error:
            return _json(wire.error("invalid", f"simulated: cannot read the request: {error!r}"), 400)
        digest = prompt_hash(asked.turns)
        self._counts.asked(digest)
        fault = self._faults.take(asked.prompt) or self._chance_fault()
        if fault is not None and fault.kind == "prose":
            # A model that does not do as told calls no function either.
            loose = msgspec.structs.replace(asked, tool=None)
            return await self._answer(wire, loose, said(loose, fault.message), arrived_at)
        if fault is not None:
            return await _fail(request, wire, fault)
        return await self._answer(wire, asked, answer_to(asked, digest), arrived_at)

    async def _answer(self, wire: WireFormat, asked: Asked, answer: Answer, arrived_at: float) -> web.Response:
        due_at = arrived_at + self._latency_s + self._chance.uniform(-1, 1) * self._jitter_s
        self._number += 1
        body = _encode(wire.write(asked, answer, self._number, _epoch()))
        await asyncio.sleep(max(0.0, due_at - asyncio.get_running_loop().time()))
        return web.Response(body=body, content_type="application/json")

    def _chance_fault(self) -> Fault | None:
        return Fault(kind="error") if self._fail_rate and self._chance.random() < self._fail_rate else None

    async def _models(self, _request: web.Request) -> web.Response:
        model = {"id": "simulated", "object": "model", "created": 0, "owned_by": "simulated"}
        return _json({"object": "list", "data": [model]})

    async def _stats(self, _request: web.Request) -> web.Response:
        return _json(self._counts.stats())

    async def _reset(self, _request: web.Request) -> web.Response:
        self._begin()
        self._counts.reset()
        return _json(self._counts.stats())

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            change = msgspec.json.decode(await request.read(), type=Behaviour)
        except msgspec.MsgspecError as error:
            return _json({"error": {"message": str(error)}}, 400)
        self._latency_s = self._latency_s if change.latency_s is None else change.latency_s
        self._jitter_s = self._jitter_s if change.jitter_s is None else change.jitter_s
        self._fail_rate = self._fail_rate if change.fail_rate is None else change.fail_rate
        if change.clear_faults:
            self._faults = FaultQueue(())
        self._faults.add(change.faults)
        return _json({"latency_s": self._latency_s, "jitter_s": self._jitter_s, "fail_rate": self._fail_rate})


async def _fail(request: web.Request, wire: WireFormat, fault: Fault) -> web.Response:
    """Answer with a fault, at once."""
    match fault.kind:
        case "hang":
            await asyncio.Event().wait()
        case "cut":
            if request.transport is not None:
                request.transport.abort()
        case "malformed":
            return web.Response(text='{"simulated": tru', status=fault.http_status, content_type="application/json")
        case "empty":
            return _json({"simulated": True}, fault.http_status)
        case _:
            message = fault.message or f"simulated: {fault.kind}"
            response = _json(wire.error(fault.kind, message), fault.http_status)
            response.headers.update(fault.headers())
            return response
    return web.Response(status=503)


async def _label(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["x-simulated-provider"] = "1"


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=_encode(value), status=status, content_type="application/json")


def _epoch() -> float:
    # This server is the top of its own program: nobody above it could hand a clock in.
    return datetime.now(UTC).timestamp()
