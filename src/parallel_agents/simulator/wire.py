"""The two wire formats: from a request's JSON to what was asked, and from an answer to a response's JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec

from parallel_agents.simulator.answers import Answer, Asked
from parallel_agents.simulator.faults import Kind
from parallel_agents.simulator.headers import anthropic_limits, openai_limits
from parallel_agents.simulator.limits import Limits

Body = dict[str, Any]
FINGERPRINT = "simulated"


class WireFormat(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's protocol.

    `read` takes a request's body, raising KeyError, TypeError or ValueError on a wrong one. `write` takes what was
    asked, the answer, the number of the response and the time (seconds since the epoch). `error` takes kind, message.
    `limits` makes headers of the limits at a time on their own clock and in seconds since the epoch. The prompt cache
    counts in steps of `cache_step` tokens.
    """

    name: Literal["openai", "anthropic"]
    read: Callable[[Body], Asked]
    write: Callable[[Asked, Answer, int, float], Body]
    error: Callable[[Kind, str], Body]
    limits: Callable[[Limits, float, float], dict[str, str]]
    id_header: str
    cache_step: int


def _read_openai(body: Body) -> Asked:
    tool, schema = _forced_tool(body, lambda entry: entry["function"], "parameters")
    wanted: Body = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        schema = wanted["json_schema"]["schema"]
    elif wanted.get("type") == "json_object":
        schema = {"type": "object", "properties": {"simulated": {"const": True}}}
    return Asked(
        model=body["model"],
        turns=_turns(body["messages"]),
        schema=schema,
        tool=tool,
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
    )


def _read_anthropic(body: Body) -> Asked:
    tool, schema = _forced_tool(body, lambda entry: entry, "input_schema")
    config: Body = body.get("output_config") or {}
    wanted: Body = config.get("format") or {}
    if wanted.get("type") == "json_schema":
        schema = wanted["schema"]
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    return Asked(
        model=body["model"],
        turns=_turns([*system, *body["messages"]]),
        schema=schema,
        tool=tool,
        max_tokens=int(body["max_tokens"]),
        may_cache=_marks_cache(body),
    )


def _marks_cache(body: Body) -> bool:
    """Tell whether the request marks a part of its prefix to be kept."""
    system: Any = body.get("system")
    blocks = cast("list[Body]", system) if isinstance(system, list) else []
    tools: list[Body] = body.get("tools") or []
    return any("cache_control" in part for part in [body, *blocks, *tools])


def _write_openai(asked: Asked, answer: Answer, number: int, at: float) -> Body:
    message: Body = {"role": "assistant", "content": answer.text, "refusal": None}
    reason = "length" if answer.is_cut else "stop"
    if asked.tool is not None:
        called = {"name": asked.tool, "arguments": answer.text}
        message |= {
            "content": None,
            "tool_calls": [{"id": f"call_simulated_{number}", "type": "function", "function": called}],
        }
        reason = "length" if answer.is_cut else "tool_calls"
    return {
        "id": f"chatcmpl-simulated-{number}",
        "object": "chat.completion",
        "created": int(at),
        "model": asked.model,
        "system_fingerprint": FINGERPRINT,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
            "prompt_tokens_details": {"cached_tokens": answer.cached_input_tokens},
        },
    }


def _write_anthropic(asked: Asked, answer: Answer, number: int, _at: float) -> Body:
    block: Body = {"type": "text", "text": answer.text}
    reason = "end_turn"
    if asked.tool is not None and not answer.is_cut:
        block = {
            "type": "tool_use",
            "id": f"toolu_simulated_{number}",
            "name": asked.tool,
            "input": json.loads(answer.text),
        }
        reason = "tool_use"
    return {
        "id": f"msg_simulated_{number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "system_fingerprint": FINGERPRINT,
        "content": [block],
        "stop_reason": "max_tokens" if answer.is_cut else reason,
        "stop_sequence": None,
        "usage": _anthropic_usage(asked, answer),
    }


def _anthropic_usage(asked: Asked, answer: Answer) -> Body:
    read, written = answer.cached_input_tokens, answer.cache_write_tokens
    usage = {"input_tokens": answer.input_tokens - read - written, "output_tokens": answer.output_tokens}
    if asked.may_cache:
        usage |= {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    return usage


_OPENAI_ERRORS: dict[Kind, tuple[str, str | None]] = {
    "rate_limit": ("requests", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "billing": ("billing_error", "billing_not_active"),
    "auth": ("invalid_request_error", "invalid_api_key"),
    "forbidden": ("invalid_request_error", "unsupported_country_region_territory"),
    "model_gone": ("invalid_request_error", "model_not_found"),
    "invalid": ("invalid_request_error", None),
    "too_large": ("invalid_request_error", "request_too_large"),
}
_ANTHROPIC_ERRORS: dict[Kind, str] = {
    "rate_limit": "rate_limit_error",
    "quota": "billing_error",
    "billing": "billing_error",
    "auth": "authentication_error",
    "forbidden": "permission_error",
    "model_gone": "not_found_error",
    "invalid": "invalid_request_error",
    "too_large": "invalid_request_error",
    "overloaded": "overloaded_error",
}


def _openai_error(kind: Kind, message: str) -> Body:
    named, code = _OPENAI_ERRORS.get(kind, ("server_error", None))
    return {"error": {"message": message, "type": named, "param": None, "code": code}}


def _anthropic_error(kind: Kind, message: str) -> Body:
    error = {"type": _ANTHROPIC_ERRORS.get(kind, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": "req_simulated"}


OPENAI = WireFormat(
    name="openai",
    read=_read_openai,
    write=_write_openai,
    error=_openai_error,
    limits=openai_limits,
    id_header="x-request-id",
    cache_step=128,
)
ANTHROPIC = WireFormat(
    name="anthropic",
    read=_read_anthropic,
    write=_write_anthropic,
    error=_anthropic_error,
    limits=anthropic_limits,
    id_header="request-id",
    cache_step=1,
)


def _forced_tool(
    body: Body, inner: Callable[[Body], Body], schema_key: str
) -> tuple[str | None, dict[str, Any] | None]:
    """Find the function that the caller insists on: the one it names, or the first when it wants any."""
    choice: Any = body.get("tool_choice")
    tools: list[Body] = body.get("tools") or []
    if not tools or choice in (None, "auto", "none"):
        return None, None
    if isinstance(choice, dict):
        chosen = cast("Body", choice)
        if chosen.get("type") in ("auto", "none"):
            return None, None
        name: str | None = (chosen.get("function") or chosen).get("name")
        tools = [tool for tool in tools if name is None or inner(tool)["name"] == name]
    found = inner(tools[0])
    return found["name"], found.get(schema_key) or {"type": "object", "properties": {}}


def _turns(messages: list[Body]) -> tuple[tuple[str, str], ...]:
    return tuple((str(message["role"]), _text(message["content"])) for message in messages)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = cast("list[Body]", content)
    return "\n".join(str(part.get("text", "")) for part in parts)
