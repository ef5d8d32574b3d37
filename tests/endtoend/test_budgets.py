"""A budget over real HTTP: never passed by the count of whoever is paid, though engines die with calls under way."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiohttp import web
from tests.documents import body_of

SPENDER = Path(__file__).with_name("spender.py")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, nodes: int) -> Path: ...


class Simulator(Protocol):
    """See conftest."""

    def stats(self) -> dict[str, Any]: ...


class BillingProvider:
    """Answers with OpenAI's protocol and counts by a rule of its own: up to a token for each byte of UTF-8.

    It bills whatever it has begun to work on, also where its caller is gone before the answer.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.dollars = Fraction(0)
        self.requests = 0
        self.billed = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests += 1
        fate = self._chance.choice(
            ["answers"] * 8 + ["limits", "fails", "cuts", "hides"] + ["hangs"] * (self.requests % 3 == 0)
        )
        if fate == "limits":
            limited = {"error": {"message": "slow down", "type": "rate_limit_error"}}
            return web.json_response(limited, status=429, headers={"retry-after-ms": "20"})
        if fate == "fails":
            return web.json_response({"error": {"message": "broken", "type": "server_error"}}, status=500)
        share = self._chance.choice([0.3, 1.0])
        given = sum(4 + int(len(message["content"].encode()) * share) for message in body["messages"])
        made = self._chance.choice([body["max_tokens"], self._chance.randint(1, body["max_tokens"])])
        self.dollars += Fraction(given * 2 + made * 8, 1_000_000)
        self.billed.set()
        await asyncio.sleep(60 if fate == "hangs" else self._chance.uniform(0, 0.1))
        if fate == "cuts" and request.transport is not None:
            request.transport.abort()
        usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
        message = {"role": "assistant", "content": "答"}
        return web.json_response(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "billed",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                **({} if fate == "hides" else {"usage": usage}),
            }
        )


@asynccontextmanager
async def serving(provider: BillingProvider) -> AsyncGenerator[str]:
    app = web.Application()
    app.add_routes([web.post("/{tail:.*}", provider.answer)])
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def spend(*arguments: str | Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, SPENDER, *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )


async def document_of(process: asyncio.subprocess.Process) -> dict[str, Any]:
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0
    return body_of(out.decode().splitlines()[-1])


@pytest.mark.parametrize("seed", range(4))
async def test_the_budget_is_not_passed_though_engines_die_with_calls_under_way(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    provider, kills, usd = BillingProvider(chance), (0, 1, 0, 2)[seed % 4], chance.uniform(0.004, 0.05)
    async with serving(provider) as url:
        place = (tmp_path / "journal.sqlite3", url, "8")
        process = await spend(*place, "submit", repr(usd))
        assert process.stdout is not None
        execution_id = (await process.stdout.readline()).decode().strip()
        for _ in range(kills):
            provider.billed.clear()
            async with asyncio.TaskGroup() as group:
                ends = group.create_task(process.wait())
                bills = group.create_task(provider.billed.wait())
                await asyncio.wait([ends, bills], return_when=asyncio.FIRST_COMPLETED)
                if not ends.done():
                    process.kill()
                bills.cancel()
            await process.communicate()
            process = await spend(*place, execution_id, "-")
        body = await document_of(process)
        assert provider.dollars <= Fraction(usd)
        assert float(provider.dollars) <= body["budget"]["spent_usd"] + 1e-9
        assert body["budget"]["spent_usd"] <= usd
        more = await document_of(await spend(*place, execution_id, repr(usd + 0.5)))
    assert float(provider.dollars) <= more["budget"]["spent_usd"] + 1e-9
    had_ended = body["task_queue"]["pending_tasks"] + body["task_queue"]["running_tasks"] == 0
    assert more["budget"]["usd"] == pytest.approx(usd if had_ended else usd + 0.5)
    assert more["task_queue"]["pending_tasks"] == 0


def priced(shell: Shell, **more: Any) -> Path:
    prices = {"input_usd_per_million": 2.0, "output_usd_per_million": 8.0}
    path = shell.folder / "settings.yaml"
    path.write_text(json.dumps({"models": {"openai": prices}, **more}), encoding="utf-8")
    return path


def test_a_spent_budget_pauses_with_its_reason_keeps_results_and_goes_on_with_more(
    shell: Shell, simulator: Simulator
) -> None:
    model = ("--agent", "basic-decomposition", "--model", "openai:simulated", "--config", priced(shell))
    run = shell.run("run", shell.canvas(12), *model, "--max-concurrent", "4", "--budget-usd", "0.05")
    assert run.returncode == 3, run.stderr
    execution_id = run.stdout.split()[0]
    assert "paused (budget: the budget of $0.05 does not cover the next call: $0." in run.stdout
    assert f"`parallel-agents resume {execution_id}` goes on with a higher --budget-usd" in run.stderr
    paused = body_of(shell.run("results", execution_id).stdout)
    done, asked = paused["task_queue"]["completed_tasks"], simulator.stats()["answered"]
    assert 0 < done < 12
    assert paused["pause_reason"].startswith("budget: ")
    assert paused["budget"]["reserved_usd"] == 0
    assert 0 < paused["budget"]["spent_usd"] <= 0.05
    # Each answer has cost what its own figures say, and none of what is told is an estimate.
    used = paused["performance_metrics"]["token_usage"]
    assert used["cost_usd"] == pytest.approx((used["input_tokens"] * 2 + used["output_tokens"] * 8) / 1e6)
    assert paused["budget"]["spent_usd"] == pytest.approx(used["cost_usd"])
    assert [task["attempt"] for task in paused["agent_execution_sessions"] if task["status"] == "completed"] == [
        1
    ] * done

    again = shell.run("resume", execution_id, "--config", shell.folder / "settings.yaml")
    assert again.returncode == 3
    assert simulator.stats()["answered"] == asked, "nothing was asked that is not covered"

    more = shell.run("resume", execution_id, "--config", shell.folder / "settings.yaml", "--budget-usd", "1")
    assert more.returncode == 0, more.stderr
    assert "budget: $1.000000 in all, $0.0" in more.stderr
    ended = body_of(shell.run("results", execution_id).stdout)
    assert ended["task_queue"]["completed_tasks"] == 12
    assert ended["budget"]["usd"] == 1
    assert set(simulator.stats()["by_prompt"].values()) == {1}, "no prompt was paid twice"


def test_a_budget_in_tokens_needs_no_price_and_the_cost_stays_unknown(shell: Shell, simulator: Simulator) -> None:
    model = ("--agent", "basic-decomposition", "--model", "openai:simulated")
    run = shell.run("run", shell.canvas(4), *model, "--budget-tokens", "60000")
    assert run.returncode == 0, run.stderr
    assert "cost: unknown" in run.stdout
    body = body_of(shell.run("results", run.stdout.split()[0]).stdout)
    used = body["performance_metrics"]["token_usage"]
    assert body["budget"]["spent_tokens"] == used["total_tokens"]
    assert (used["cost_usd"], used["known_cost_usd"], used["requests_of_unknown_cost"]) == (None, None, 4)
    assert body["budget"]["spent_usd"] is None
    assert {session["cost_usd"] for session in body["agent_execution_sessions"]} == {None}
    assert simulator.stats()["answered"] == 4


def test_a_budget_of_money_is_refused_where_a_price_is_not_known(shell: Shell, simulator: Simulator) -> None:
    model = ("--agent", "basic-decomposition", "--model", "openai:simulated")
    run = shell.run("run", shell.canvas(2), *model, "--budget-usd", "5")
    assert run.returncode == 2
    assert "openai:simulated" in run.stderr
    assert "input_usd_per_million" in run.stderr
    assert simulator.stats()["requests"] == 0
    assert not list(shell.folder.glob("*.sqlite3"))


def test_offline_is_free(shell: Shell) -> None:
    run = shell.run("run", shell.canvas(2), "--agent", "basic-decomposition", "--model", "offline", "--budget-usd", "0")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("amount", ["-1", "nan", "much"])
def test_what_is_no_amount_is_refused(shell: Shell, amount: str) -> None:
    run = shell.run("run", shell.canvas(1), "--agent", "basic-decomposition", f"--budget-usd={amount}")
    assert run.returncode == 2
    assert "budget" in run.stderr
