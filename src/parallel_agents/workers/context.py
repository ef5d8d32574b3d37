"""What an agent holds in its hands inside a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from parallel_agents.core.delegation import DelegatedResult, Delegation
from parallel_agents.ports.models import Message, ModelRequest, ModelResponse, OutputSchema
from parallel_agents.ports.workers import Assignment

Ask = Callable[[bytes], "asyncio.Future[bytes]"]
Tell = Callable[[float | None, str], None]

_encode = msgspec.msgpack.Encoder().encode
_decode_results = msgspec.msgpack.Decoder(list[DelegatedResult]).decode
_decode_response = msgspec.msgpack.Decoder(ModelResponse).decode


class ModelProxy:
    """`context.model`: sends a request to the engine, which makes the call."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def complete(
        self,
        prompt: str | Sequence[Message],
        *,
        system: str = "",
        output: OutputSchema | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        contract: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        sections: Sequence[str] = (),
    ) -> ModelResponse:
        """Ask the model that was chosen for this execution; see `ports.models.ModelClient`."""
        messages = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
        request = ModelRequest(
            messages=messages,
            system=system,
            output=output,
            max_tokens=max_tokens,
            temperature=temperature,
            contract=contract,
            inputs=dict(inputs or {}),
            sections=tuple(sections),
        )
        return _decode_response(await self._ask(_encode(request)))


class WorkerContext:
    """The context of one attempt; see `ports.context.Context`."""

    def __init__(self, assignment: Assignment, ask: Ask, tell: Tell, delegate: Ask) -> None:
        self.input: Mapping[str, Any] = msgspec.msgpack.decode(assignment.input_data)
        self.parameters: Mapping[str, Any] = msgspec.msgpack.decode(assignment.parameters)
        self.context_id = assignment.context_id
        self.session_id = assignment.session_id
        self.attempt = assignment.attempt
        self.workdir = Path(assignment.workdir)
        self.model = ModelProxy(ask)
        self._tell = tell
        self._delegate = delegate

    async def delegate(self, tasks: Sequence[Mapping[str, Any]]) -> list[DelegatedResult]:
        """Hand tasks in to this execution and wait until they have ended; see `ports.context.Context`."""
        answer = await self._delegate(_encode(Delegation([dict(task) for task in tasks])))
        return _decode_results(answer)

    def progress(self, fraction: float | None, message: str = "") -> None:
        """Say how far the work is, 0 to 1."""
        self._tell(None if fraction is None else min(1.0, max(0.0, fraction)), message)
