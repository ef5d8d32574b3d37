"""The pages of an SQLite file as they lie on the disk, for reading what SQLite itself refuses to read.

Every page stands for itself: no tree is followed, so that a broken page costs its own rows and no others. Every length
is checked against its surroundings, so that garbage is told from rows. What is not as it should be raises
`BrokenPageError`; a row that is broken does not touch its neighbours.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from mmap import mmap
from typing import NamedTuple, TypeAlias

from parallel_agents.journal.database import Value

MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
DEFAULT_PAGE_BYTES = 4096

TABLE_LEAF, INDEX_LEAF = 0x0D, 0x0A
_TABLE_INTERIOR, _INDEX_INTERIOR = 0x05, 0x02
_HEADER_LENGTH = {TABLE_LEAF: 8, INDEX_LEAF: 8, _TABLE_INTERIOR: 12, _INDEX_INTERIOR: 12}
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_REAL, _ZERO, _ONE, _FIRST_TEXT = 7, 8, 9, 12

Image: TypeAlias = bytes | mmap


class BrokenPageError(ValueError):
    """A page or a row is not what the format asks for."""


class Row(NamedTuple):
    """One row: its key in a table that has row ids (None in one that is ordered by its own key), and its columns."""

    rowid: int | None
    values: tuple[Value, ...]


class PageFile:
    """A file of pages, numbered from 1. `used` collects the pages that rows were continued on."""

    def __init__(self, image: Image, page_bytes: int) -> None:
        self._image = image
        self.page_bytes = page_bytes
        self.count = len(image) // page_bytes
        self.used: set[int] = set()

    def page(self, number: int) -> bytes:
        """The bytes of one page."""
        if not 1 <= number <= self.count:
            raise BrokenPageError(f"there is no page {number}")
        return self._image[(number - 1) * self.page_bytes : number * self.page_bytes]

    def cells(self, number: int) -> CellPage | None:
        """A page of rows; None for a page that holds none by its nature. Raises `BrokenPageError` for any other."""
        page = self.page(number)
        start = HEADER_BYTES if number == 1 else 0
        kind = page[start]
        if kind not in _HEADER_LENGTH:
            raise BrokenPageError(f"page {number} has no kind {kind}")
        pointers = _pointers(page, start)
        return None if kind == _TABLE_INTERIOR else CellPage(self, page, kind, pointers)

    def free_pages(self) -> set[int]:
        """Pages that hold nothing, as far as the file tells: what stands in them is old."""
        found: set[int] = set()
        (trunk,) = struct.unpack_from(">I", self._image, 32)
        while 1 < trunk <= self.count and trunk not in found:
            page = self.page(trunk)
            following, leaves = struct.unpack_from(">II", page)
            if leaves > self.page_bytes // 4 - 2:
                return found
            found.add(trunk)
            found.update(struct.unpack_from(f">{leaves}I", page, 8))
            trunk = following
        return found


class CellPage:
    """The rows of one page."""

    def __init__(self, file: PageFile, page: bytes, kind: int, pointers: tuple[int, ...]) -> None:
        self._file = file
        self._page = page
        self._kind = kind
        self._pointers = pointers

    def rows(self) -> Iterator[Row | None]:
        """Every row of the page; None for one that is broken."""
        for pointer in self._pointers:
            try:
                yield self._row(pointer)
            except (ValueError, IndexError, struct.error):
                yield None

    def _row(self, at: int) -> Row:
        if self._kind == _INDEX_INTERIOR:
            at += 4
        length, at = _varint(self._page, at)
        rowid = None
        if self._kind == TABLE_LEAF:
            rowid, at = _varint(self._page, at)
        payload, continued = self._payload(at, length)
        values = tuple(_values(payload))
        self._file.used.update(continued)
        return Row(None if rowid is None else _signed(rowid), values)

    def _payload(self, at: int, length: int) -> tuple[bytes, list[int]]:
        room = self._file.page_bytes
        if not 0 < length <= self._file.count * room:
            raise BrokenPageError(f"a row of {length} bytes")
        local = _local_bytes(room, length, is_table=self._kind == TABLE_LEAF)
        if at + local + (4 if local < length else 0) > room:
            raise BrokenPageError("a row that leaves its page")
        payload = bytearray(self._page[at : at + local])
        continued: list[int] = []
        following = 0 if local == length else struct.unpack_from(">I", self._page, at + local)[0]
        while len(payload) < length:
            page = self._file.page(following)
            continued.append(following)
            payload += page[4 : 4 + min(room - 4, length - len(payload))]
            (following,) = struct.unpack_from(">I", page)
        if following:
            raise BrokenPageError("a row that goes on behind its end")
        return bytes(payload), continued


def _pointers(page: bytes, start: int) -> tuple[int, ...]:
    number, content = struct.unpack_from(">HH", page, start + 3)
    first = start + _HEADER_LENGTH[page[start]]
    content = content or 65536
    if first + 2 * number > content or content > len(page):
        raise BrokenPageError("a page whose rows overlap its own list of them")
    pointers = struct.unpack_from(f">{number}H", page, first)
    if any(not content <= pointer < len(page) - 3 for pointer in pointers):
        raise BrokenPageError("a page that points out of itself")
    return pointers


def _local_bytes(room: int, length: int, *, is_table: bool) -> int:
    # The rules of the file format: how much of a row stays on its own page.
    most = room - 35 if is_table else (room - 12) * 64 // 255 - 23
    if length <= most:
        return length
    least = (room - 12) * 32 // 255 - 23
    wanted = least + (length - least) % (room - 4)
    return wanted if wanted <= most else least


def _values(payload: bytes) -> Generator[Value]:
    header, at = _varint(payload, 0)
    body = header
    while at < header:
        kind, at = _varint(payload, at)
        size = _size(kind)
        if body + size > len(payload):
            raise BrokenPageError("a value that leaves its row")
        yield _value(kind, payload[body : body + size])
        body += size
    if at != header or body != len(payload):
        raise BrokenPageError("a row whose values do not fill it")


def _size(kind: int) -> int:
    if kind >= _FIRST_TEXT:
        return (kind - _FIRST_TEXT) // 2
    if kind in (10, 11):
        raise BrokenPageError("a kind of value that is never written")
    return 8 if kind == _REAL else _INTEGER_BYTES.get(kind, 0)


def _value(kind: int, raw: bytes) -> Value:
    if kind >= _FIRST_TEXT:
        return raw.decode() if kind % 2 else raw
    if kind == _REAL:
        real: float = struct.unpack(">d", raw)[0]
        return real
    if kind in (_ZERO, _ONE):
        return kind - _ZERO
    return int.from_bytes(raw, "big", signed=True) if kind else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(8):
        byte = data[at + place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    return value << 8 | data[at + 8], at + 9


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
