"""The preset `claude` with a stand-in that prints what Claude Code prints: how it is started, and how it is read."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.documents import body_of

from parallel_agents import Budget, Forecast, ParallelAgentExecutor
from parallel_agents.core.errors import AgentError
from parallel_agents.core.settings import ParallelProcessing, Settings, TaskQueue

Failure = Callable[[dict[str, Any]], tuple[str, str]]
STAND_IN = Path(__file__).with_name("stand_in_for_claude.py")
KEY = "sk-planted-90c1be55"
AGENT = """---
name: asks-claude
description: d
inputs: {note: required}
command: {preset: claude, max_budget_usd: 0.25}
model: sonnet
network: true
env: [PATH, ANTHROPIC_API_KEY]
---
Say what the note says.
"""
SETTINGS = Settings(
    parallel_processing=ParallelProcessing(task_queue=TaskQueue(task_retry_attempts=0, task_retry_delay_seconds=0.0))
)


class Asker:
    """Asks the agent about notes."""

    def __init__(self, folder: Path, executor: ParallelAgentExecutor) -> None:
        self.agent = folder / "asks-claude.md"
        self.agent.write_text(AGENT, encoding="utf-8")
        self._executor = executor

    async def ask(self, *notes: str, budget: Budget | None = None) -> list[dict[str, Any]]:
        """The sessions, in the order of the notes."""
        execution_id = await self._executor.submit_batch_tasks(self._tasks(notes), budget=budget)
        found = body_of(await self._executor.wait(execution_id))
        return sorted(found["agent_execution_sessions"], key=lambda session: session["task_id"])

    async def plan(self, *notes: str) -> Forecast:
        """What they will likely need."""
        return await self._executor.plan(self._tasks(notes))

    def _tasks(self, notes: Sequence[str]) -> list[dict[str, Any]]:
        return [
            {"agent_name": str(self.agent), "task_id": f"t{number}", "input_data": {"note": note}}
            for number, note in enumerate(notes)
        ]


@pytest.fixture
async def asker(tmp_path: Path) -> AsyncGenerator[Asker]:
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "claude"
    program.write_text(f"#!{sys.executable} -IS\n{STAND_IN.read_text(encoding='utf-8')}", encoding="utf-8")
    program.chmod(0o755)
    environ = {"PATH": str(programs), "ANTHROPIC_API_KEY": KEY}
    async with ParallelAgentExecutor(settings=SETTINGS, journal=tmp_path / "j.sqlite3", environ=environ) as executor:
        yield Asker(tmp_path, executor)


async def test_every_attempt_has_its_own_configuration_and_budget_and_the_question_on_stdin(asker: Asker) -> None:
    first, second = await asker.ask("case: works one", "case: works two")
    answer = first["result"]["output_data"]
    seen = json.loads(answer["markdown"].removeprefix("Seen: "))
    other = json.loads(second["result"]["output_data"]["markdown"].removeprefix("Seen: "))

    words = seen["words"]
    system = words.pop(words.index("--append-system-prompt") + 1)
    assert words == [
        *("-p", "--output-format", "json", "--no-session-persistence", "--max-turns", "5"),
        *("--max-budget-usd", "0.25", "--tools", "", "--append-system-prompt", "--model", "sonnet"),
    ]
    assert system.startswith("Say what the note says.")
    assert "case: works one" in seen["given"]
    assert seen["is_empty"]
    assert seen["own"] != other["own"]
    assert seen["env"] == ["ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR", "HOME", "LANG", "PATH", "TMPDIR"]


async def test_what_it_says_that_it_used_stands_apart_from_what_was_measured(asker: Asker) -> None:
    (session,) = await asker.ask("case: works")
    assert session["result"]["output_data"]["reported"] == {
        "by": "claude",
        "models": ["claude-one", "claude-two"],
        "input_tokens": 200,
        "output_tokens": 40,
        "cache_read_input_tokens": 14,
        "cache_creation_input_tokens": 6,
        "estimated_cost_usd": 0.012,
        "turns": 1,
        "duration_ms": 1200,
    }
    assert session["cost_usd"] is None
    assert session["result"]["performance_metrics"]["token_usage"]["input_tokens"] is None


async def test_its_failures_are_told_apart_by_what_it_says_and_not_by_its_exit_code(
    asker: Asker, failure: Failure
) -> None:
    wanted = {
        "last call failed": ("transient", "claude failed (success, API error 529, exit code 1): API Error: overloaded"),
        "rate limited": ("transient", "API error 429"),
        "no key": ("item", "API error 401, exit code 1): Invalid API key"),
        "no credit": ("item", "API error billing_error"),
        "too many turns": ("item", "claude stopped at the max_turns of the agent's file"),
        "too dear": ("item", "claude stopped at the max_budget_usd of the agent's file"),
        "broke": ("transient", "claude failed (error_during_execution, API error None, exit code 1): it broke"),
    }
    sessions = await asker.ask(*(f"case: {case}" for case in wanted), "crash", "silent")
    *told, crash, silent = [failure(session) for session in sessions]
    assert [kind for kind, _ in told] == [kind for kind, _ in wanted.values()]
    for (_, message), (_, part) in zip(told, wanted.values(), strict=True):
        assert part in message
        assert message.endswith("It estimates that this run cost 0.012 USD")
    assert crash == ("transient", "its command ended with exit code 1: Error: not signed in")
    assert silent == ("contract", "the answer does not fit the contract: claude printed no result in JSON")


async def test_a_plan_knows_neither_its_tokens_nor_its_cost(asker: Asker) -> None:
    found = await asker.plan("case: works")
    assert (found.input_tokens, found.output_tokens, found.cost_usd) == (None, None, None)
    assert [one.may_cost for one in found.agents] == [True]


async def test_a_budget_that_could_not_be_held_is_refused(asker: Asker) -> None:
    with pytest.raises(AgentError, match=r"the budget of an execution does not count.* 0\.25 USD"):
        await asker.ask("case: works", budget=Budget(usd=1.0))
