"""Anthropic's messages, through the official client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import anthropic
import msgspec

from parallel_agents.core.errors import AttemptError, ItemError
from parallel_agents.models import failures
from parallel_agents.models.bounds import DEFAULT_MAX_TOKENS
from parallel_agents.models.headers import limits_from
from parallel_agents.models.providers import Completed, Endpoint, Provider
from parallel_agents.models.warming import is_long
from parallel_agents.ports.models import ModelRequest, ModelResponse, OutputSchema

_SCHEMAS_KEPT = 64


def connect(where: Endpoint, now: Callable[[], float]) -> Provider:
    """Make the provider of one lane. `now` gives seconds since the epoch."""
    return AnthropicProvider(where, now)


class AnthropicProvider:
    """Calls of one lane over one client."""

    def __init__(self, where: Endpoint, now: Callable[[], float]) -> None:
        self.lane = where.lane
        self._where = where
        self._now = now
        self._schemas: dict[bytes, dict[str, Any]] = {}
        self._client = anthropic.AsyncAnthropic(
            api_key=where.api_key,
            base_url=where.base_url,
            max_retries=0,
            timeout=where.timeout_s,
            http_client=anthropic.DefaultAioHttpClient(),
        )
        # The client imports its parts when they are first touched; touched here, that is not on the event loop.
        self._create = cast("Callable[..., Any]", self._client.messages.with_raw_response.create)

    async def complete(self, request: ModelRequest) -> Completed:
        """Make one call; raises as `failures` classes what went wrong."""
        body = self._body(request)
        try:
            raw = await self._create(**body)
            answer = await raw.parse()
        except anthropic.APIError as error:
            # `from None`: the client's own message may show a key that the server echoed.
            raise self._classed(error) from None
        except ValueError as error:
            raise failures.unreadable(self.lane, f"{type(error).__name__}: {error}", self._where.api_key) from None
        return Completed(self._response(answer), limits_from(raw.headers, self._now()))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _classed(self, error: anthropic.APIError) -> AttemptError:
        secret = self._where.api_key
        if isinstance(error, anthropic.APIStatusError):
            refusal = failures.refusal_from(
                self.lane, error.status_code, error.response.headers, error.body or error.response.text, secret
            )
            return failures.classed(refusal, self._now())
        if isinstance(error, anthropic.APIConnectionError):
            return failures.lost_connection(self.lane, error, secret)
        return failures.unreadable(self.lane, error.message, secret)

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._where.name,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS,
        }
        if request.system:
            body["system"] = _system(request)
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.output is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": self._schema(request.output)}}
        return body

    def _schema(self, output: OutputSchema) -> dict[str, Any]:
        """Put a schema into the subset that the provider takes; limits it does not know move into descriptions."""
        asked = msgspec.json.encode(output.json_schema)
        if asked not in self._schemas:
            if len(self._schemas) >= _SCHEMAS_KEPT:
                self._schemas.clear()
            try:
                self._schemas[asked] = anthropic.transform_schema(msgspec.json.decode(asked))
            except ValueError as error:
                raise ItemError(f"{self.lane}: cannot ask for the schema {output.name!r}: {error}") from None
        return self._schemas[asked]

    def _response(self, answer: Any) -> ModelResponse:
        blocks = getattr(answer, "content", None)
        if not isinstance(blocks, list):
            raise failures.unreadable(self.lane, f"no content in it: {str(answer)[:200]}", self._where.api_key)
        texts = [block.text for block in cast("list[Any]", blocks) if getattr(block, "type", None) == "text"]
        usage = getattr(answer, "usage", None)
        return ModelResponse(
            text="".join(texts),
            model=f"anthropic:{answer.model or self._where.name}",
            is_language_model=True,
            finish_reason=answer.stop_reason,
            input_tokens=_input_tokens(usage),
            output_tokens=failures.token_count(usage, "output_tokens"),
            cached_input_tokens=failures.token_count(usage, "cache_read_input_tokens"),
            cache_write_tokens=failures.token_count(usage, "cache_creation_input_tokens"),
        )


def _system(request: ModelRequest) -> str | list[dict[str, Any]]:
    """Mark a long system text to be kept in the provider's cache, from which it costs a tenth for five minutes."""
    if not is_long(request):
        return request.system
    return [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}]


def _input_tokens(usage: object) -> int | None:
    # What was read from or written to the provider's cache is counted apart, and is input all the same.
    fresh = failures.token_count(usage, "input_tokens")
    if fresh is None:
        return None
    written = failures.token_count(usage, "cache_creation_input_tokens") or 0
    return fresh + written + (failures.token_count(usage, "cache_read_input_tokens") or 0)
