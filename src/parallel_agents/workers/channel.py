"""Frames over a stream: four bytes of length, most significant first, then the body.

The engine's end never blocks and never waits for a worker; a worker's end blocks in a thread of its own.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Generator
from typing import Protocol

MAX_FRAME = 256 * 1024 * 1024
MAX_UNSENT = 64 * 1024 * 1024
_READ = 256 * 1024
_HEAD = struct.Struct(">I")


class ChannelBrokenError(Exception):
    """The other end is gone or does not speak frames."""


class FrameParser:
    """Cuts a stream into frames; keeps what is incomplete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> Generator[bytes]:
        """Take in bytes and give the frames that are complete. One that is not taken comes first the next time.

        Raises:
            ChannelBrokenError: a length is beyond what a frame may have, so this is no frame.
        """
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= _HEAD.size:
                (length,) = _HEAD.unpack_from(self._buffer, start)
                if length > MAX_FRAME:
                    raise ChannelBrokenError(f"a frame of {length} bytes was announced, {MAX_FRAME} are allowed")
                if len(self._buffer) - start - _HEAD.size < length:
                    return
                body = bytes(memoryview(self._buffer)[start + _HEAD.size : start + _HEAD.size + length])
                start += _HEAD.size + length
                yield body
        finally:
            if start:
                del self._buffer[:start]


class EngineChannel:
    """The engine's end, on a non-blocking socket in the event loop.

    `on_frame` gets every body, `on_end` is called once, after all frames, when the other
    end is gone (None) or does not speak frames (why). While it is paused, neither is called.
    """

    def __init__(
        self, sock: socket.socket, on_frame: Callable[[bytes], None], on_end: Callable[[str | None], None]
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_frame = on_frame
        self._on_end = on_end
        self._parser = FrameParser()
        self._unsent: collections.deque[memoryview] = collections.deque()
        self._unsent_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._writable = True
        self._is_drained = False
        self.is_paused = False
        self._loop.add_reader(sock, self._read)

    def send(self, body: bytes) -> None:
        """Send one frame, now or as soon as the other end reads. A broken channel swallows it: `on_end` has told.

        Raises:
            ChannelBrokenError: too much waits to be sent already; the other end does not read.
        """
        if not self._open or not self._writable:
            return
        if self._unsent_bytes > MAX_UNSENT:
            raise ChannelBrokenError(f"{self._unsent_bytes} bytes wait to be read by the worker")
        self._push(memoryview(_HEAD.pack(len(body)) + body))

    def pause(self) -> None:
        """Leave what comes unread, from the next frame on; the other end notices once the socket is full."""
        if self._open and not (self.is_paused or self._is_drained):
            self.is_paused = True
            self._loop.remove_reader(self._sock)

    def resume(self) -> None:
        """Read on. Nothing is read before this returns."""
        if self._open and self.is_paused:
            self.is_paused = False
            self._loop.add_reader(self._sock, self._read)
            # Frames that came together with the last one taken are not on the socket any more.
            self._loop.call_soon(self._take_rest)

    def drain(self) -> None:
        """Read what has arrived already, until nothing is left, also of a paused channel. No pause follows it."""
        self._is_drained, self.is_paused = True, False
        self._take_rest()
        while self._open and self._read_once():
            pass

    def close(self) -> None:
        """Close this end. Safe to call twice; `on_end` is not called."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _push(self, data: memoryview) -> None:
        if not self._unsent:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                return self._stop_writing()
            data = data[sent:]
        if data:
            self._unsent.append(data)
            self._unsent_bytes += len(data)
            self._loop.add_writer(self._sock, self._flush)
        return None

    def _flush(self) -> None:
        while self._unsent:
            try:
                sent = self._sock.send(self._unsent[0])
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._stop_writing()
                return
            self._unsent_bytes -= sent
            if sent < len(self._unsent[0]):
                self._unsent[0] = self._unsent[0][sent:]
                return
            self._unsent.popleft()
        self._loop.remove_writer(self._sock)

    def _stop_writing(self) -> None:
        # What the other end had sent before it went is still to be read; the end of the stream comes after it.
        self._writable = False
        self._unsent.clear()
        self._unsent_bytes = 0
        self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        self._read_once()

    def _read_once(self) -> bool:
        try:
            data = self._sock.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionError:
            # It went without reading all that we had sent.
            self._end(None)
            return False
        except OSError as error:
            self._end(f"reading failed: {error}")
            return False
        if not data:
            self._end(None)
            return False
        return self._take(data)

    def _take_rest(self) -> None:
        if self._open and not self.is_paused:
            self._take(b"")

    def _take(self, data: bytes) -> bool:
        try:
            with contextlib.closing(self._parser.feed(data)) as bodies:
                for body in bodies:
                    self._on_frame(body)
                    if self.is_paused:
                        return False
        except ChannelBrokenError as error:
            self._end(str(error))
            return False
        return self._open

    def _end(self, why: str | None) -> None:
        if self._open:
            self.close()
            self._on_end(why)


class WorkerEnd(Protocol):
    """A worker's end: blocking, for a reading thread and any number of sending ones."""

    def send(self, body: bytes) -> None:
        """Send one frame. Raises `ChannelBrokenError` when the engine is gone."""
        ...

    def receive(self) -> bytes:
        """Wait for the next frame. Raises `ChannelBrokenError` when the engine is gone."""
        ...


class DescriptorChannel:
    """A worker's end on a pair of descriptors: a socket (the same twice), or stdin and stdout of a container."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        os.set_blocking(read_fd, True)
        os.set_blocking(write_fd, True)
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._parser = FrameParser()
        self._ready: collections.deque[bytes] = collections.deque()
        self._sending = threading.Lock()

    @property
    def read_fd(self) -> int:
        """The descriptor that frames come from."""
        return self._read_fd

    def has_frame(self) -> bool:
        """Whether a whole frame has been read already."""
        return bool(self._ready)

    def send(self, body: bytes) -> None:
        """Send one frame whole; frames of several threads never mix."""
        data = memoryview(_HEAD.pack(len(body)) + body)
        with self._sending:
            while data:
                try:
                    data = data[os.write(self._write_fd, data) :]
                except OSError as error:
                    raise ChannelBrokenError(f"writing failed: {error}") from error

    def receive(self) -> bytes:
        """Wait for the next frame."""
        while not self._ready:
            try:
                data = os.read(self._read_fd, _READ)
            except OSError as error:
                raise ChannelBrokenError(f"reading failed: {error}") from error
            if not data:
                raise ChannelBrokenError("the engine closed its end")
            self._ready.extend(self._parser.feed(data))
        return self._ready.popleft()
