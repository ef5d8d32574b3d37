"""What a task asks, as a digest: two tasks with the same one may have the same result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """All that an answer depends on beside the input.

    `prompts` is the version of this package's own prompts and contracts. `spec` is the whole text of the agent's file;
    `code` a digest of the file with its Python code, None where it has none. `place` is where the model is reached,
    without any secret. `fields` are the inputs that are sent, None for all. `fallback` is the model that steps in.
    """

    prompts: int
    target: str
    spec: str | None
    code: str | None
    model: str
    place: str
    temperature: float | None
    max_tokens: int | None
    fallback: str | None = None
    fields: tuple[str, ...] | None = None


class Fingerprints:
    """Makes the fingerprints of the tasks of one agent."""

    def __init__(self, asking: Asking) -> None:
        self._fields = asking.fields
        self._common = hashlib.sha256(_canonical(asking))

    def of(self, input_data: Mapping[str, Any]) -> bytes:
        """The fingerprint (32 bytes) of one input, which holds nothing but what JSON can.

        The order of keys does not matter. Text counts byte by byte: what looks the same in another Unicode form is
        another question to a model.
        """
        digest = self._common.copy()
        digest.update(_canonical(input_data if self._fields is None else _only(self._fields, input_data)))
        return digest.digest()


def batch_digest(parts: Iterable[object]) -> bytes:
    """A digest (32 bytes) of what a batch is made of, told in order, by which the same one is known again."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(_canonical(part) + b"\n")
    return digest.digest()


def _only(fields: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    return {field: given[field] for field in fields if field in given}


def _canonical(value: object) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
