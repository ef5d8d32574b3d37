"""What is kept of a call, so that nobody pays for it twice."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from parallel_agents.models.spending import ChargeBook
from parallel_agents.ports.journal import Reader
from parallel_agents.ports.models import ModelRequest, ModelResponse

T = TypeVar("T")

Identity: TypeAlias = tuple[int, str, int]
"""Which call it is: the task's key, the hash of the request, its ordinal within the attempt."""


class CallLedger(ChargeBook, Protocol):
    """The part of the journal that model calls need."""

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run `query` off the event loop."""
        ...

    def record_call(
        self, key: int, request_hash: str, ordinal: int, response: bytes, at: float
    ) -> asyncio.Future[None]:
        """Keep the answer to a model call; the first answer kept for the same call stays."""
        ...


class RecordedResponse(ModelResponse, frozen=True, kw_only=True):
    """An answer as the ledger keeps it. `origin` tells which gateway got it from the provider."""

    origin: str

    def plain(self) -> ModelResponse:
        """Return it as an agent gets it."""
        return ModelResponse(**{name: getattr(self, name) for name in ModelResponse.__struct_fields__})


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RecordedResponse).decode


async def find(ledger: CallLedger, identity: Identity) -> RecordedResponse | None:
    """Look a call up; None where the ledger has no answer to it."""
    kept = await ledger.read(lambda reader: reader.find_call(*identity))
    return None if kept is None else _decode(kept)


async def record(ledger: CallLedger, identity: Identity, response: ModelResponse, *, origin: str, at: float) -> None:
    """Keep an answer; done once it is durable. A cancellation does not take the write back."""
    fields = {name: getattr(response, name) for name in ModelResponse.__struct_fields__}
    key, request_hash, ordinal = identity
    written = ledger.record_call(key, request_hash, ordinal, _encode(RecordedResponse(**fields, origin=origin)), at)
    await asyncio.shield(written)


def request_hash(model: str, request: ModelRequest, *, is_language_model: bool) -> str:
    """Hash what is sent, so that equal requests are recognised over attempts and restarts.

    What a call is for (contract, inputs, sections) is sent only to providers that are not language models.
    """
    sent: list[object] = [
        model,
        request.system,
        request.messages,
        request.output,
        request.max_tokens,
        request.temperature,
    ]
    if not is_language_model:
        sent += [request.contract, request.inputs, request.sections]
    return hashlib.sha256(msgspec.json.encode(sent, order="sorted")).hexdigest()
