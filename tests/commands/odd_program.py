"""A program for command agents to start: it does what its input says, well or badly."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

MB = 1_000_000


class Deeds:
    """What it can be asked for; `asked` is the task's input, `given` all of stdin."""

    def __init__(self, text: str) -> None:
        self.size = len(text)
        self.given: dict[str, Any] = json.loads(text)
        self.asked: dict[str, Any] = self.given["input"]

    def answer(self) -> None:
        say(
            size=self.size,
            environment=sorted(os.environ),
            context=self.given["context"],
            agent=self.given["agent"],
            cwd=str(Path.cwd()),
        )

    def prompt(self) -> None:
        say(prompt=self.given["prompt"])

    def echo(self) -> None:
        write(self.asked["text"].encode())

    def garbage(self) -> None:
        write(b"\x7fELF {{{ no JSON at all")

    def bad_text(self) -> None:
        write(b'{"a": "\xff\xfe"}')

    def a_list(self) -> None:
        write(b"[1]")

    def nothing(self) -> None:
        """Not a byte."""

    def too_much(self) -> None:
        write(b"x" * MB, 50)

    def many_errors(self) -> None:
        write(b"e" * MB, 50, to=2)
        say(size=self.size)

    def exit(self) -> NoReturn:
        print(f"cannot go on, my key is {os.environ.get('PLANTED_KEY')}", file=sys.stderr)
        sys.exit(self.asked["code"])

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def kill_the_group(self) -> None:
        os.kill(0, signal.SIGKILL)

    def hang(self) -> NoReturn:
        self.note_pid()
        while True:
            time.sleep(600)

    def fork_and_hang(self) -> NoReturn:
        self.leave_children()
        self.hang()

    def fork_and_exit(self) -> NoReturn:
        self.leave_children()
        sys.exit(3)

    def fork_and_answer(self) -> None:
        self.leave_children()
        say(forked=3)

    def connect(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self.asked["port"]), timeout=5):
                say(connected=True)
        except OSError as error:
            say(connected=False, why=str(error))

    def take_memory(self) -> None:
        kept = [bytes(range(256)) * 4096 for _ in range(600)]
        time.sleep(600)
        say(kept=len(kept))

    def leave_children(self) -> None:
        """Start one in this session, one in its own, and one that nobody waits for; all deaf, all holding stdout."""
        pids = Path(self.asked["pids"])
        pids.touch()
        for is_detached, is_orphaned in ((False, False), (True, False), (True, True)):
            if os.fork() == 0:
                if is_detached:
                    os.setsid()
                if is_orphaned and os.fork():
                    os._exit(0)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                self.hang()
        while len(pids.read_text(encoding="ascii").split()) < 3:
            os.sched_yield()

    def note_pid(self) -> None:
        with Path(self.asked["pids"]).open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")


def say(**told: Any) -> None:
    print(json.dumps(told))


def write(text: bytes, times: int = 1, *, to: int = 1) -> None:
    for _ in range(times):
        left = memoryview(text)
        while left:
            left = left[os.write(to, left) :]


def main() -> None:
    if os.environ.get("READS_NOTHING"):
        say(read=0)
        return
    deeds = Deeds(sys.stdin.read())
    known: Mapping[str, Callable[[], None]] = {
        name.replace("_", " "): getattr(deeds, name) for name in dir(Deeds) if not name.startswith("__")
    }
    known[deeds.asked["do"]]()


if __name__ == "__main__":
    main()
