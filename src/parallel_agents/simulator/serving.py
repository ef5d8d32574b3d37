"""Serves the wire formats of OpenAI and Anthropic."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from parallel_agents.core.errors import InputError
from parallel_agents.simulator.answers import answer_for
from parallel_agents.simulator.counting import Counts
from parallel_agents.simulator.options import Behaviour, Fault, Options

try:
    from aiohttp import web
except ImportError:
    raise InputError("the simulator needs aiohttp: pip install 'parallel-agents[llm]'") from None

_MARK = {"x-simulated-provider": "1"}
_CHARACTERS_PER_TOKEN = 2


async def serve(options: Options, on_ready: Callable[[str], None]) -> None:
    """Serve until cancelled; `on_ready` gets the address, such as `http://127.0.0.1:8123`.

    Raises:
        InputError: the address cannot be had.
    """
    provider = SimulatedProvider(options.latency_s, time.monotonic)
    runner = web.AppRunner(provider.application(), access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, options.host, options.port)
        try:
            await site.start()
        except OSError as error:
            raise InputError(f"cannot listen on {options.host}:{options.port}: {error.strerror}") from None
        host, port = runner.addresses[0][:2]
        on_ready(f"http://{host}:{port}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


class SimulatedProvider:
    """Answers after its latency, counts what it sees, and fails when told to."""

    def __init__(self, latency_s: float, monotonic: Callable[[], float]) -> None:
        self.counts = Counts(monotonic)
        self.behaviour = Behaviour(latency_s=latency_s)

    def application(self) -> web.Application:
        """The web application."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_post("/v1/chat/completions", self._openai)
        application.router.add_post("/v1/messages", self._anthropic)
        application.router.add_get("/stats", self._stats)
        application.router.add_post("/reset", self._reset)
        application.router.add_post("/behaviour", self._behave)
        return application

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        body = await _json(request)
        messages: list[dict[str, Any]] = body.get("messages", [])
        system = "\n".join(_said(m) for m in messages if m.get("role") in {"system", "developer"})
        prompt = "\n".join(_said(m) for m in messages if m.get("role") not in {"system", "developer"})
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        return await self._answer(request, body, prompt, system, schema, openai_answer, openai_error)

    async def _anthropic(self, request: web.Request) -> web.StreamResponse:
        body = await _json(request)
        prompt = "\n".join(_said(message) for message in body.get("messages", []))
        system = _content(body.get("system", ""))
        schema, tool = _anthropic_schema(body)
        return await self._answer(
            request,
            body,
            prompt,
            system,
            schema,
            lambda text, b, u: anthropic_answer(text, b, u, tool),
            anthropic_error,
        )

    async def _answer(
        self,
        request: web.Request,
        body: Mapping[str, Any],
        prompt: str,
        system: str,
        schema: Mapping[str, Any] | None,
        shaped: Callable[[str, Mapping[str, Any], tuple[int, int]], dict[str, Any]],
        refused: Callable[[Fault], tuple[int, dict[str, Any]]],
    ) -> web.StreamResponse:
        arrived_at = self.counts.arrived(body.get("messages"))
        status: int | None = None
        try:
            fault = self.behaviour.faults.pop(0) if self.behaviour.faults else None
            await asyncio.sleep(self.behaviour.latency_s or 0.0)
            if fault in {"hang", "cut"}:
                return await self._never(request, fault)
            if fault in {"rate_limited", "quota", "server_error"}:
                status, error = refused(fault)
                return web.json_response(error, status=status, headers=self._headers(fault))
            text = '{"cut": ' if fault == "malformed" else answer_for(prompt, system, schema)
            status = 200
            usage = (tokens_of(system + prompt), tokens_of(text))
            return web.json_response(shaped(text, body, usage), headers=_MARK)
        finally:
            self.counts.ended(arrived_at, status)

    async def _never(self, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        if fault == "hang":
            await asyncio.Event().wait()
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)

    def _headers(self, fault: Fault | None) -> dict[str, str]:
        wait = {"retry-after": f"{self.behaviour.retry_after_s:g}"} if fault == "rate_limited" else {}
        return {**_MARK, **wait}

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self.counts.told())

    async def _reset(self, _request: web.Request) -> web.Response:
        self.counts.reset()
        return web.json_response({})

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=Behaviour)
        except msgspec.ValidationError as error:
            return web.json_response({"error": str(error)}, status=400)
        latency = self.behaviour.latency_s if asked.latency_s is None else asked.latency_s
        self.behaviour = msgspec.structs.replace(asked, latency_s=latency)
        return web.json_response(msgspec.to_builtins(self.behaviour))


def openai_answer(text: str, body: Mapping[str, Any], usage: tuple[int, int]) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": f"chatcmpl-simulated-{secrets.token_hex(8)}",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model", "simulated"),
        "system_fingerprint": "simulated",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)},
    }


def openai_error(fault: Fault) -> tuple[int, dict[str, Any]]:
    """Status and body of an error."""
    status, code = {"rate_limited": (429, "rate_limit_exceeded"), "quota": (429, "insufficient_quota")}.get(
        fault, (500, "server_error")
    )
    return status, {"error": {"message": f"simulated: {code}", "type": code, "param": None, "code": code}}


def anthropic_answer(text: str, body: Mapping[str, Any], usage: tuple[int, int], tool: str | None) -> dict[str, Any]:
    """A message; with a tool the answer is that tool's input."""
    content: dict[str, Any] = {"type": "text", "text": text}
    if tool is not None:
        content = {"type": "tool_use", "id": f"toolu_{secrets.token_hex(8)}", "name": tool, "input": json.loads(text)}
    return {
        "id": f"msg_simulated_{secrets.token_hex(8)}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "simulated"),
        "content": [content],
        "stop_reason": "end_turn" if tool is None else "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": usage[0], "output_tokens": usage[1]},
    }


def anthropic_error(fault: Fault) -> tuple[int, dict[str, Any]]:
    """Status and body of an error."""
    status, kind = {"rate_limited": (429, "rate_limit_error"), "quota": (402, "billing_error")}.get(
        fault, (500, "api_error")
    )
    return status, {"type": "error", "error": {"type": kind, "message": f"simulated: {kind}"}}


def tokens_of(text: str) -> int:
    """The simulator's own count of tokens: one for every two characters, at least one."""
    return max(1, len(text) // _CHARACTERS_PER_TOKEN)


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        return await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="the body is not JSON") from None


def _anthropic_schema(body: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None]:
    for place in ("output_config", "output_format"):
        asked: dict[str, Any] = body.get(place) or {}
        wanted: dict[str, Any] = asked.get("format", asked)
        if "schema" in wanted:
            return wanted["schema"], None
    for tool in body.get("tools", []):
        return tool["input_schema"], tool["name"]
    return None, None


def _said(message: Mapping[str, Any]) -> str:
    return _content(message.get("content", ""))


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = content or []
    return "\n".join(str(part.get("text", "")) for part in parts)
