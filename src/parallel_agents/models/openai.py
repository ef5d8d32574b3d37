"""OpenAI's chat completions, which many other servers speak too, through the official client."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import openai

from parallel_agents.core.errors import AttemptError, TransientError
from parallel_agents.models import failures
from parallel_agents.models.headers import limits_from
from parallel_agents.models.providers import Completed, Endpoint, Provider
from parallel_agents.ports.models import ModelRequest, ModelResponse, OutputSchema

# What strict mode takes; one keyword more and the provider refuses the request.
_STRICT_KEYWORDS = frozenset(
    {
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "items",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "multipleOf",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
    }
)


def connect(where: Endpoint, now: Callable[[], float]) -> Provider:
    """Make the provider of one lane. `now` gives seconds since the epoch."""
    return OpenAIProvider(where, now)


class OpenAIProvider:
    """Calls of one lane over one client."""

    def __init__(self, where: Endpoint, now: Callable[[], float]) -> None:
        self.lane = where.lane
        self._where = where
        self._now = now
        self._client = openai.AsyncOpenAI(
            api_key=where.api_key,
            base_url=where.base_url,
            max_retries=0,
            timeout=where.timeout_s,
            http_client=openai.DefaultAioHttpClient(),
        )
        # The client imports its parts when they are first touched; touched here, that is not on the event loop.
        self._create = cast("Callable[..., Any]", self._client.chat.completions.with_raw_response.create)

    async def complete(self, request: ModelRequest) -> Completed:
        """Make one call; raises as `failures` classes what went wrong."""
        body = _body(self._where, request)
        try:
            raw = await self._create(**body)
            answer = raw.parse()
        except openai.APIError as error:
            # `from None`: the client's own message may show a key that the server echoed.
            raise self._classed(error) from None
        except ValueError as error:
            raise failures.unreadable(self.lane, f"{type(error).__name__}: {error}", self._where.api_key) from None
        return Completed(self._response(answer), limits_from(raw.headers, self._now()))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _classed(self, error: openai.APIError) -> AttemptError:
        secret = self._where.api_key
        if isinstance(error, openai.APIStatusError):
            refusal = failures.refusal_from(
                self.lane, error.status_code, error.response.headers, error.body or error.response.text, secret
            )
            return failures.classed(refusal, self._now())
        if isinstance(error, openai.APIConnectionError):
            return failures.lost_connection(self.lane, error, secret)
        return failures.unreadable(self.lane, error.message, secret)

    def _response(self, answer: Any) -> ModelResponse:
        choice = _first(getattr(answer, "choices", None))
        message = getattr(choice, "message", None)
        if message is None:
            raise self._no_choice(answer)
        usage = getattr(answer, "usage", None)
        refusal = getattr(message, "refusal", None)
        return ModelResponse(
            text=message.content or refusal or "",
            model=f"openai:{answer.model or self._where.name}",
            is_language_model=True,
            finish_reason="refusal" if refusal else choice.finish_reason,
            input_tokens=failures.token_count(usage, "prompt_tokens"),
            output_tokens=failures.token_count(usage, "completion_tokens"),
            cached_input_tokens=failures.token_count(getattr(usage, "prompt_tokens_details", None), "cached_tokens"),
        )

    def _no_choice(self, answer: Any) -> TransientError:
        fault = getattr(answer, "error", None)
        said = f"no choice in it, but the error {fault}" if fault else f"no choice in it: {str(answer)[:200]}"
        return failures.unreadable(self.lane, said, self._where.api_key)


def _body(where: Endpoint, request: ModelRequest) -> dict[str, Any]:
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    if request.system:
        messages.insert(0, {"role": "system", "content": request.system})
    body: dict[str, Any] = {"model": where.name, "messages": messages}
    if request.max_tokens is not None:
        # OpenAI's newer models refuse the old name; other servers know only the old one.
        body["max_completion_tokens" if where.is_default_url else "max_tokens"] = request.max_tokens
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.output is not None:
        body["response_format"] = _response_format(request.output)
    return body


def _response_format(output: OutputSchema) -> dict[str, Any]:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", output.name)[:64] or "answer"
    asked: dict[str, Any] = {"name": name, "schema": output.json_schema}
    if _is_strict(output.json_schema):
        asked["strict"] = True
    return {"type": "json_schema", "json_schema": asked}


def _is_strict(schema: object) -> bool:
    """Tell whether strict mode takes a schema: known keywords, closed objects, every property required."""
    if not isinstance(schema, dict):
        return False
    fields = cast("dict[str, Any]", schema)
    if not fields.keys() <= _STRICT_KEYWORDS:
        return False
    properties: dict[str, Any] = fields.get("properties", {})
    if fields.get("type") == "object":
        is_closed = fields.get("additionalProperties") is False
        if not is_closed or set(fields.get("required", [])) != set(properties):
            return False
    inner = [*properties.values(), *fields.get("$defs", {}).values(), *fields.get("anyOf", [])]
    if "items" in fields:
        inner.append(fields["items"])
    return all(_is_strict(part) for part in inner)


def _first(choices: Any) -> Any:
    return cast("list[Any]", choices)[0] if isinstance(choices, list) and choices else None
