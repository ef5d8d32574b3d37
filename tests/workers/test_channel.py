"""Frames over a socket, and over the stdin and stdout of another program."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.workers.channel import (
    MAX_FRAME,
    ChannelBrokenError,
    DescriptorChannel,
    EngineChannel,
    FrameParser,
)

ECHO = """
import sys
from parallel_agents.workers.channel import ChannelBrokenError, DescriptorChannel
channel = DescriptorChannel(0, 1)
try:
    while True:
        channel.send(channel.receive())
except ChannelBrokenError:
    sys.exit(5)
"""


class OtherEnd:
    """Something that echoes frames, and the socket that leads to it."""

    def __init__(self, sock: socket.socket, end: Callable[[], None]) -> None:
        self.sock = sock
        self.end = end


@pytest.fixture(params=["socket in a thread", "stdin and stdout of a program"])
def other_end(request: pytest.FixtureRequest) -> Generator[OtherEnd]:
    ours, theirs = socket.socketpair()
    if request.param == "socket in a thread":
        thread = threading.Thread(target=echo, args=(theirs,))
        thread.start()
        yield OtherEnd(ours, lambda: theirs.shutdown(socket.SHUT_RDWR))
        ours.close()
        thread.join()
        theirs.close()
    else:
        program = subprocess.Popen([sys.executable, "-c", ECHO], stdin=theirs.fileno(), stdout=theirs.fileno())
        theirs.close()
        yield OtherEnd(ours, program.kill)
        ours.close()
        assert program.wait(timeout=20) in {5, -9}


def echo(sock: socket.socket) -> None:
    channel = DescriptorChannel(sock.fileno(), sock.fileno())
    try:
        while True:
            channel.send(channel.receive())
    except ChannelBrokenError:
        return


class Collected:
    """What an engine's end heard."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended: list[str | None] = []
        self._news = asyncio.Event()

    def take(self, body: bytes) -> None:
        self.frames.append(body)
        self._news.set()

    def end(self, why: str | None) -> None:
        self.ended.append(why)
        self._news.set()

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not happened():
                self._news.clear()
                await self._news.wait()


async def test_frames_come_back_whole_and_in_order_whatever_their_size(other_end: OtherEnd) -> None:
    sent = [b"", b"x", os.urandom(100), os.urandom(3_000_000), "中文".encode(), os.urandom(700_000)]
    heard = Collected()
    channel = EngineChannel(other_end.sock, heard.take, heard.end)
    for body in sent:
        channel.send(body)
    await heard.until(lambda: len(heard.frames) == len(sent))
    assert heard.frames == sent
    channel.close()
    channel.close()


async def test_the_end_is_told_once_and_sending_afterwards_is_harmless(other_end: OtherEnd) -> None:
    heard = Collected()
    channel = EngineChannel(other_end.sock, heard.take, heard.end)
    other_end.end()
    await heard.until(lambda: bool(heard.ended))
    channel.send(b"nobody hears this")
    channel.drain()
    assert len(heard.ended) == 1


async def test_what_is_no_frame_breaks_the_channel_and_not_the_engine() -> None:
    ours, theirs = socket.socketpair()
    heard = Collected()
    channel = EngineChannel(ours, heard.take, heard.end)
    theirs.sendall(struct.pack(">I", MAX_FRAME + 1) + b"garbage")
    await heard.until(lambda: bool(heard.ended))
    assert heard.frames == []
    assert "bytes was announced" in str(heard.ended[0])
    channel.close()
    theirs.close()


def framed(*bodies: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(body)) + body for body in bodies)


async def test_a_pause_holds_from_the_very_next_frame_and_nothing_is_lost_by_it() -> None:
    ours, theirs = socket.socketpair()
    heard = Collected()

    def take(body: bytes) -> None:
        heard.take(body)
        channel.pause()

    channel = EngineChannel(ours, take, heard.end)
    theirs.sendall(framed(b"one", b"two", b"three"))
    for number in range(1, 4):
        await heard.until(lambda number=number: len(heard.frames) >= number)
        assert len(heard.frames) == number
        assert channel.is_paused
        channel.resume()
        assert len(heard.frames) == number
    theirs.close()
    await heard.until(lambda: bool(heard.ended))
    assert heard.frames == [b"one", b"two", b"three"]
    channel.pause()
    channel.resume()


async def test_a_paused_channel_is_drained_whole_whatever_its_listener_asks_for() -> None:
    ours, theirs = socket.socketpair()
    heard = Collected()

    def take(body: bytes) -> None:
        heard.take(body)
        channel.pause()

    channel = EngineChannel(ours, take, heard.end)
    theirs.sendall(framed(b"one", b"two"))
    await heard.until(lambda: bool(heard.frames))
    theirs.sendall(framed(b"three"))
    theirs.close()
    assert heard.frames == [b"one"]
    channel.drain()
    assert heard.frames == [b"one", b"two", b"three"]
    assert heard.ended == [None]


async def test_a_reader_that_does_not_read_is_noticed_before_memory_is_full() -> None:
    ours, theirs = socket.socketpair()
    heard = Collected()
    channel = EngineChannel(ours, heard.take, heard.end)
    for _ in range(17):
        channel.send(bytes(4_000_000))
    with pytest.raises(ChannelBrokenError, match="wait to be read"):
        channel.send(b"one more")
    channel.close()
    theirs.close()


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(1, 64))
def test_a_stream_cut_anywhere_gives_the_same_frames(bodies: list[bytes], step: int) -> None:
    stream = b"".join(struct.pack(">I", len(body)) + body for body in bodies)
    parser = FrameParser()
    found = [frame for start in range(0, len(stream), step) for frame in parser.feed(stream[start : start + step])]
    assert found == bodies
