"""The log of an SQLite file (`-wal`), put into the file the way SQLite does it: up to the last whole commit."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_MAGIC = 0x377F0682
_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")


class Applied(NamedTuple):
    """What came of a log.

    `page_bytes` is the size of its pages (None: there is no log that can be read), `pages` how many the file has after
    its last commit. `lost` counts frames that once were good and cannot be trusted: those behind a broken one.
    """

    page_bytes: int | None
    pages: int | None
    lost: int


class _Frame(NamedTuple):
    number: int
    size_after_commit: int
    page: bytes


def apply_log(log: Path, file: BinaryIO) -> Applied:
    """Write the committed pages of `log` into `file`. A log that is missing or empty changes nothing."""
    try:
        with log.open("rb") as source:
            return _apply(source, file)
    except FileNotFoundError:
        return Applied(None, None, 0)


def _apply(source: BinaryIO, file: BinaryIO) -> Applied:
    raw = source.read(_HEADER.size)
    if len(raw) < _HEADER.size:
        return Applied(None, None, 0)
    magic, _, page_bytes, _, salt1, salt2, *sums = _HEADER.unpack(raw)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or _checksum(raw[:24], (0, 0), order) != tuple(sums):
        return Applied(None, None, 0)
    frames = _Frames(source, page_bytes, (salt1, salt2), (sums[0], sums[1]), order)
    pages = _commit_all(frames, file, page_bytes)
    return Applied(page_bytes, pages, frames.count_lost())


def _commit_all(frames: _Frames, file: BinaryIO, page_bytes: int) -> int | None:
    pages = None
    waiting: list[_Frame] = []
    for frame in frames:
        waiting.append(frame)
        if frame.size_after_commit:
            for done in waiting:
                file.seek((done.number - 1) * page_bytes)
                file.write(done.page)
            pages = frame.size_after_commit
            waiting.clear()
    return pages


class _Frames:
    """The frames of a log up to the first that is not whole."""

    def __init__(
        self, source: BinaryIO, page_bytes: int, salts: tuple[int, int], sums: tuple[int, int], order: str
    ) -> None:
        self._source = source
        self._page_bytes = page_bytes
        self._salts = salts
        self._sums = sums
        self._order = order

    def __iter__(self) -> Iterator[_Frame]:
        while True:
            raw = self._source.read(_FRAME.size + self._page_bytes)
            if len(raw) < _FRAME.size + self._page_bytes:
                return
            number, size, salt1, salt2, *sums = _FRAME.unpack_from(raw)
            page = raw[_FRAME.size :]
            self._sums = _checksum(page, _checksum(raw[:8], self._sums, self._order), self._order)
            if (salt1, salt2) != self._salts or self._sums != tuple(sums) or not number:
                return
            yield _Frame(number, size, page)

    def count_lost(self) -> int:
        """Count the frames of this log behind the first that is not whole; older ones have other salts."""
        lost = 0
        while len(raw := self._source.read(_FRAME.size + self._page_bytes)) == _FRAME.size + self._page_bytes:
            lost += _FRAME.unpack_from(raw)[2:4] == self._salts
        return lost


def _checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    for even, odd in struct.iter_unpack(f"{order}2I", data):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
