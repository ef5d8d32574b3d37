"""The simulated provider's HTTP server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from parallel_agents.core.errors import InputError
from parallel_agents.simulator.answering import Call, respond
from parallel_agents.simulator.answers import prompt_hash
from parallel_agents.simulator.callers import client_name
from parallel_agents.simulator.counts import Counts
from parallel_agents.simulator.options import Options, change_from
from parallel_agents.simulator.state import State
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

    async def start(self) -> str:
        """Listen; returns the address.

        Raises:
            InputError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._state = State(self._options, self._clock)
        self._counts = Counts(monotonic=self._clock, now=_epoch)
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
        key = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        call = Call(
            http=request,
            wire=wire,
            asked=asked,
            digest=digest,
            client=client_name(key, asked.model),
            arrived_at=arrived_at,
        )
        return await respond(self._state, call, _epoch)

    async def _models(self, _request: web.Request) -> web.Response:
        model = {"id": "simulated", "object": "model", "created": 0, "owned_by": "simulated"}
        return _json({"object": "list", "data": [model]})

    async def _stats(self, _request: web.Request) -> web.Response:
        return _json(self._state.filled(self._counts.stats()))

    async def _reset(self, _request: web.Request) -> web.Response:
        self._state = State(self._options, self._clock)
        self._counts.reset()
        return _json(self._state.filled(self._counts.stats()))

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            self._state.change(change_from(await request.read(), self._state.conduct))
        except (msgspec.MsgspecError, InputError) as error:
            return _json({"error": {"message": str(error)}}, 400)
        return _json(self._state.conduct)


async def _label(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["x-simulated-provider"] = "1"


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=_encode(value), status=status, content_type="application/json")


def _epoch() -> float:
    # This server is the top of its own program: nobody above it could hand a clock in.
    return datetime.now(UTC).timestamp()
