"""What is shown while an execution runs: plain lines, a bar, or nothing but failures."""

from __future__ import annotations

import io
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.documents import body_of

from parallel_agents.cli.bar import LiveProgress
from parallel_agents.cli.colour import has_colour, is_terminal, painted
from parallel_agents.cli.progress import PlainProgress, QuietProgress, duration
from parallel_agents.core.events import Event, EventType

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """Text in memory that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def event(kind: EventType, task: str, **data: Any) -> Event:
    return Event(type=kind, execution_id="exec-1", at=0.0, task_id=task, attempt=1, data=data)


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    before = os.environ.get("PARALLEL_AGENTS_LANG")
    os.environ["PARALLEL_AGENTS_LANG"] = request.param
    yield request.param
    if before is None:
        del os.environ["PARALLEL_AGENTS_LANG"]
    else:
        os.environ["PARALLEL_AGENTS_LANG"] = before


def test_plain_lines_tell_the_time_left_now_and_then_and_only_once_it_was_observed() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = PlainProgress(stream, total=20, clock=clock)
    for number in range(10):
        progress.hear(event(EventType.TASK_STARTED, f"t{number}"))
        clock.now += 6.0
        progress.hear(event(EventType.TASK_COMPLETED, f"t{number}", duration_ms=6000.0))
    estimates = [line for line in stream.getvalue().splitlines() if "left" in line]
    assert estimates == ["[3/20] about 1:42 left", "[6/20] about 1:24 left", "[9/20] about 1:06 left"]


def test_plain_lines_estimate_nothing_once_all_is_done() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = PlainProgress(stream, total=1, clock=clock)
    progress.hear(event(EventType.TASK_STARTED, "t"))
    clock.now += 100.0
    progress.hear(event(EventType.TASK_COMPLETED, "t", duration_ms=1.0))
    assert "left" not in stream.getvalue()


def test_tasks_that_were_handed_in_meanwhile_count_as_well() -> None:
    stream = io.StringIO()
    shown = PlainProgress(stream, 1, clock=Clock())
    shown.hear(event(EventType.TASK_SUBMITTED, "b"))
    shown.hear(event(EventType.TASK_COMPLETED, "b", node_id="n", duration_ms=5.0))
    shown.hear(event(EventType.TASK_COMPLETED, "a", node_id="n", duration_ms=5.0))

    assert [line[:5] for line in stream.getvalue().splitlines()] == ["[1/2]", "[2/2]"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (65, "1:05"), (3599, "59:59"), (3725, "1:02:05")]
)
def test_durations_are_minutes_and_seconds(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_quiet_progress_shows_failures_and_pauses_alone() -> None:
    stream = io.StringIO()
    progress = QuietProgress(stream)
    progress.hear(event(EventType.TASK_STARTED, "t1"))
    progress.hear(event(EventType.TASK_COMPLETED, "t1", duration_ms=1.0))
    progress.hear(event(EventType.TASK_RETRYING, "t2", outcome="failed", message="once"))
    progress.hear(event(EventType.TASK_FAILED, "t2", message="for good"))
    progress.hear(event(EventType.EXECUTION_PAUSED, "t3", reason="quota: gone"))
    progress.close()
    assert stream.getvalue() == "failed    t2: for good\npaused: quota: gone\n"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_bar_keeps_to_the_terminal_s_width_and_tells_the_time_left(language: str, width: int) -> None:
    clock, stream = Clock(), Terminal()
    console = Console(file=stream, width=width, force_terminal=True, color_system="standard", legacy_windows=False)
    progress = LiveProgress(total=12, done=0, clock=clock, console=console)
    for number in range(4):
        progress.hear(event(EventType.TASK_STARTED, f"t{number}"))
    clock.now += 30.0
    progress.hear(event(EventType.TASK_COMPLETED, "t0", duration_ms=1.0))
    progress.hear(event(EventType.TASK_FAILED, "t1", node_id="节点一", message="画布上没有这个节点，" * 9))
    words = ["2/12", "2 running, 1 failed" if language == "en" else "运行中 2，失败 1"]
    words.append("~1:00" if width == 40 else "about 1:00 left" if language == "en" else "约剩 1:00")
    unknown = "~?" if width == 40 else "time left unknown" if language == "en" else "剩余时间未知"
    try:
        # It is drawn ten times a second, by a thread of its own.
        deadline = time.monotonic() + 10
        while not all(word in bars_in(stream)[-1] for word in words) and time.monotonic() < deadline:
            time.sleep(0.02)
        bars = bars_in(stream)
    finally:
        progress.close()
    assert all(word in bars[-1] for word in words), bars[-1]
    assert any(unknown in line for line in bars)
    assert max(map(cell_len, bars)) <= width


def bars_in(stream: io.StringIO) -> list[str]:
    shown = ESCAPE.sub("", stream.getvalue()).replace("\r", "\n").split("\n")
    return [line.rstrip() for line in shown if "/12" in line]


def test_a_bar_that_stops_short_tells_no_time_left() -> None:
    clock, stream = Clock(), Terminal()
    console = Console(file=stream, width=80, force_terminal=True, legacy_windows=False)
    progress = LiveProgress(total=2, done=0, clock=clock, console=console)
    progress.hear(event(EventType.TASK_STARTED, "t"))
    clock.now += 7.0
    progress.hear(event(EventType.TASK_COMPLETED, "t", duration_ms=1.0))
    progress.close()
    assert ESCAPE.sub("", stream.getvalue()).rstrip().endswith("1/2 0:07")


@pytest.mark.parametrize(
    ("environ", "terminal", "colour"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(environ: dict[str, str], terminal: bool, colour: bool) -> None:
    assert has_colour(Terminal() if terminal else io.StringIO(), environ) == colour
    assert not has_colour(None, environ)


def test_a_dumb_terminal_gets_no_bar_and_no_colour() -> None:
    assert is_terminal(Terminal(), {"TERM": "xterm"})
    assert not is_terminal(Terminal(), {"TERM": "dumb"})
    assert painted("x", None) == "x"
    assert painted("x", "red") == "\x1b[31mx\x1b[0m"


RUN = ("run", "课 件.canvas", "--agent", "picky.md", "--output", "out.json")


def test_quiet_says_where_the_results_are_and_nothing_else(shell: Shell) -> None:
    done = shell.run(*RUN, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out.json\n", "")
    again = shell.run(*RUN, "-q")
    assert (again.stdout, again.stderr) == ("out-2.json\n", "")


def test_quiet_with_json_gives_the_document_alone(shell: Shell) -> None:
    done = shell.run(*RUN, "--quiet", "--json")
    assert body_of(done.stdout)["overall_status"] == "completed"
    assert done.stderr == ""


def test_quiet_still_tells_what_failed_and_so_does_a_retry(shell: Shell) -> None:
    shell.canvas("refuse this material, it is long enough", "this one is fine and long enough to be read")
    done = shell.run(*RUN, "--quiet")
    assert done.returncode == 1
    assert done.stderr == "failed    node n0: refused: [31mit says no\n"
    assert done.stdout == "out.json\n"
    execution_id = body_of(shell.folder / "out.json")["execution_id"]
    retried = shell.run("retry", execution_id, "--quiet", "--output", "again.json")
    assert retried.returncode == 1
    assert (retried.stdout, retried.stderr) == ("again.json\n", done.stderr)


def test_quiet_resume_with_nothing_to_do_says_nothing(shell: Shell) -> None:
    done = shell.run("resume", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("name", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_the_summary_is_coloured_when_that_is_forced(shell: Shell, name: str, coloured: bool) -> None:
    shell.environ = {key: value for key, value in shell.environ.items() if not key.endswith("_COLOR")} | {name: "1"}
    done = shell.run(*RUN)
    assert ("\x1b[32m" in done.stdout) == coloured
    assert "\x1b" not in done.stderr
