"""The way back from an edit: the bytes that it replaced, and what the file has to be for them to fit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from parallel_agents.core.errors import CanvasError


class Patch(msgspec.Struct, frozen=True):
    """One place of an edited file: `length` bytes from `start` on stand where `before` stood."""

    start: int
    length: int
    before: bytes


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """Undoes one edit to the byte. A plain value: it can be kept, as JSON or msgpack, and used in another process.

    `digest` is the SHA-256 of the edited file in hexadecimal; `patches` stand in the order of the file.
    """

    digest: str
    patches: Sequence[Patch] = ()

    def fits(self, raw: bytes) -> bool:
        """Whether a file is still, byte for byte, what the edit made of it."""
        return digest_of(raw) == self.digest


def digest_of(raw: bytes) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def reverse(path: Path, raw: bytes, reversal: Reversal) -> bytes:
    """Return the bytes that a file had before an edit.

    Raises:
        CanvasError: the file has changed since. What the edit added can still be removed by its ids.
    """
    if not reversal.fits(raw):
        raise CanvasError(path, "has changed since it was edited, so the bytes from before do not fit any more")
    pieces: list[bytes] = []
    at = 0
    for patch in reversal.patches:
        pieces += [raw[at : patch.start], patch.before]
        at = patch.start + patch.length
    return b"".join([*pieces, raw[at:]])
