"""`plan` and the question before a run, over real HTTP and on a real terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from tests.documents import closed, sessions_of
from tests.endtoend.conftest import COMMAND, Shell, Simulator

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "reference" / "plan.schema.json").read_text(encoding="utf-8"))
_validate = cast("Callable[[object], None]", cast("Any", jsonschema).Draft202012Validator(closed(SCHEMA)).validate)
AGENT = ("--agent", "oral-explanation", "--model", "openai:sim")
PRICED = "models:\n  openai:sim:\n    input_usd_per_million: 3\n    output_usd_per_million: 15\n"
FREE = "models:\n  openai:sim:\n    input_usd_per_million: 0\n    output_usd_per_million: 0\n"


def planned(shell: Shell, *arguments: str | Path) -> dict[str, Any]:
    done = shell.run("plan", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    _validate(document)
    return document["plan"]


@pytest.fixture
def priced(shell: Shell) -> Path:
    path = shell.folder / "priced.yaml"
    path.write_text(PRICED, encoding="utf-8")
    return path


def test_a_plan_calls_nothing_and_keeps_nothing(shell: Shell, simulator: Simulator, priced: Path) -> None:
    found = planned(shell, shell.canvas(4), *AGENT, "--config", priced)
    assert found["total_tasks"] == 4
    assert found["by_agent"][0]["input_tokens_from"] == {"source": "request", "tasks": 0}
    assert found["by_agent"][0]["output_tokens_from"] == {"source": "contract", "tasks": 0}
    assert 0 < found["cost_usd"]["low"] < found["cost_usd"]["likely"] < found["cost_usd"]["high"]
    assert found["duration_seconds"] is None
    assert found["reused_results"] == 0
    assert simulator.stats()["requests"] == 0
    assert not shell.journal.exists()


def test_a_plan_of_a_model_without_a_price_says_so_and_which_keys_to_set(shell: Shell) -> None:
    canvas = shell.canvas(2)
    assert planned(shell, canvas, *AGENT)["cost_usd"] is None
    assert planned(shell, canvas, *AGENT)["models_without_price"] == ["openai:sim"]
    said = shell.run("plan", canvas, *AGENT).stdout
    assert "models.NAME.input_usd_per_million" in said
    assert "$0" not in said


def test_a_plan_says_what_would_be_skipped_and_why(shell: Shell) -> None:
    found = planned(shell, ROOT / "examples" / "Notes", *AGENT)
    assert found["skipped"]
    assert all(one["reason"] for one in found["skipped"])


def test_a_pilot_of_three_tells_what_the_example_vault_costs(shell: Shell, simulator: Simulator, priced: Path) -> None:
    vault = ROOT / "examples" / "笔记库"
    output = shell.folder / "results.json"
    found = planned(shell, vault, *AGENT, "--config", priced, "--pilot", "3")
    assert found["pilot"]["completed_tasks"] == 3
    assert found["pilot"]["cost_usd"] > 0
    assert found["by_agent"][0]["output_tokens_from"] == {"source": "pilot", "tasks": 3}
    assert found["duration_seconds"]["likely"] > 0
    assert simulator.stats()["requests"] == 3
    done = shell.run("run", vault, *AGENT, "--config", priced, "--output", output, "--json")
    assert done.returncode == 0, done.stderr
    assert found["reused_results"] == 3
    asked = [session for session in sessions_of(done.stdout) if session["reused_from"] is None]
    assert len(asked) == found["total_tasks"]
    used = [session["result"]["performance_metrics"]["token_usage"] for session in asked]
    paid = sum(3e-6 * one["input_tokens"] + 15e-6 * one["output_tokens"] for one in used)
    assert found["cost_usd"]["likely"] == pytest.approx(paid, rel=0.25)
    assert found["cost_usd"]["low"] <= paid <= found["cost_usd"]["high"]


def test_what_ran_before_is_what_a_later_plan_goes_by(shell: Shell, priced: Path) -> None:
    canvas = shell.canvas(3)
    assert shell.run("run", canvas, *AGENT, "--config", priced).returncode == 0
    found = planned(shell, shell.canvas(6), *AGENT, "--config", priced)
    assert (found["total_tasks"], found["reused_results"]) == (3, 3)
    assert found["by_agent"][0]["output_tokens_from"] == {"source": "earlier_results", "tasks": 3}
    assert found["by_agent"][0]["seconds_a_task_from"] == {"source": "earlier_results", "tasks": 3}


def test_a_limit_of_requests_a_minute_lengthens_the_plan(shell: Shell, priced: Path) -> None:
    canvas = shell.canvas(3)
    assert shell.run("run", canvas, *AGENT, "--config", priced).returncode == 0
    limited = shell.folder / "limited.yaml"
    limited.write_text(PRICED + "    requests_per_minute: 2\n", encoding="utf-8")
    found = planned(shell, shell.canvas(6), *AGENT, "--config", limited)
    assert found["duration_seconds"]["likely"] >= 60  # three requests, half a minute between each


class Terminal:
    """A command on a pseudo-terminal of its own: what it shows, and what is typed."""

    def __init__(self, shell: Shell, *arguments: str | Path) -> None:
        self._ours, theirs = pty.openpty()
        environ = {**shell.environ, "PARALLEL_AGENTS_LANG": "en", "TERM": "xterm"}
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=shell.folder,
            env=environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait_for(self, text: str, within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while text not in self.shown and self._read(max(0.0, deadline - time.monotonic())):
            pass
        assert text in self.shown, self.shown

    def end(self) -> int:
        while self._read(30.0):
            pass
        return self.process.wait(timeout=30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=20)
        os.close(self._ours)

    def _read(self, within_s: float) -> bool:
        if not select.select([self._ours], [], [], within_s)[0]:
            return False
        try:
            read = os.read(self._ours, 65536)
        except OSError:  # nobody has the other side open any more
            return False
        self.shown += read.decode(errors="replace")
        return bool(read)


@pytest.fixture
def on_terminal(shell: Shell) -> Generator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str | Path) -> Terminal:
        opened.append(Terminal(shell, *arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_on_a_terminal_a_run_that_costs_money_asks_once_and_goes_on_at_yes(
    shell: Shell, simulator: Simulator, priced: Path, on_terminal: Callable[..., Terminal]
) -> None:
    terminal = on_terminal("run", shell.canvas(2), *AGENT, "--config", priced)
    terminal.wait_for("Run it? [y/N]")
    assert "this runs 2 tasks with openai:sim for about $" in terminal.shown
    assert simulator.stats()["requests"] == 0
    terminal.type("y\n")
    assert terminal.end() == 0, terminal.shown
    assert terminal.shown.count("Run it?") == 1
    assert simulator.stats()["requests"] == 2


@pytest.mark.parametrize("typed", ["n\n", "\n", "\x04", "\x03", "perhaps\n"])
def test_anything_but_yes_runs_nothing_and_keeps_nothing(
    shell: Shell, simulator: Simulator, priced: Path, on_terminal: Callable[..., Terminal], typed: str
) -> None:
    terminal = on_terminal("run", shell.canvas(2), *AGENT, "--config", priced)
    terminal.wait_for("Run it? [y/N]")
    if typed == "\x03":
        # The terminal is nobody's controlling terminal here, so that it cannot turn the key into the signal.
        terminal.process.send_signal(signal.SIGINT)
    else:
        terminal.type(typed)
    assert terminal.end() == 130, terminal.shown
    assert "nothing was run" in terminal.shown
    assert simulator.stats()["requests"] == 0
    assert not shell.journal.exists()
    assert not list(shell.folder.glob("*.json"))


@pytest.mark.parametrize(
    ("configured", "arguments"),
    [(PRICED, ("--yes",)), (FREE, ()), ("{}\n", ())],
    ids=["yes was said", "it is free", "a server on this machine"],
)
def test_nobody_is_asked_where_there_is_nothing_to_ask(
    shell: Shell, on_terminal: Callable[..., Terminal], configured: str, arguments: tuple[str, ...]
) -> None:
    config = shell.folder / "configured.yaml"
    config.write_text(configured, encoding="utf-8")
    terminal = on_terminal("run", shell.canvas(1), *AGENT, "--config", config, *arguments)
    assert terminal.end() == 0, terminal.shown
    assert "Run it?" not in terminal.shown


def test_without_a_terminal_nobody_is_asked(shell: Shell, simulator: Simulator, priced: Path) -> None:
    done = shell.run("run", shell.canvas(1), *AGENT, "--config", priced)
    assert done.returncode == 0, done.stderr
    assert simulator.stats()["requests"] == 1


def test_a_remote_model_without_a_price_may_cost_money(shell: Shell, on_terminal: Callable[..., Terminal]) -> None:
    shell.environ["OPENAI_BASE_URL"] = "http://models.invalid/v1"
    terminal = on_terminal("run", shell.canvas(1), *AGENT)
    terminal.wait_for("Run it? [y/N]")
    assert "it may cost money" in terminal.shown
    assert "the price of openai:sim is unknown" in terminal.shown
    terminal.type("n\n")
    assert terminal.end() == 130
