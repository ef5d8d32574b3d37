"""A second model for an agent, for while the provider of the first one takes no calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor
from parallel_agents.core.errors import ModelError
from parallel_agents.core.settings import AgentSettings, ParallelProcessing, Settings
from parallel_agents.simulator import Fault, Options, running

AGENT = """---
name: asker
description: Asks once.
entry: {code}:run
{extra}---
"""
CODE = """
async def run(context):
    return {"text": (await context.model.complete(str(context.input["n"]))).text}
"""
TASKS = [{"agent_name": "asker.md", "input_data": {"n": number}} for number in range(3)]


def agent_file(folder: Path, extra: str = "") -> str:
    (folder / "asking.py").write_text(CODE, encoding="utf-8")
    path = folder / "asker.md"
    path.write_text(AGENT.format(code="asking.py", extra=extra), encoding="utf-8")
    return str(path)


def configured(fallback: str | None) -> Settings:
    agents = {"asker": AgentSettings(fallback_model=fallback)}
    return Settings(parallel_processing=ParallelProcessing(agent_configs=agents))


async def results(
    folder: Path, extra: str, settings: Settings | None = None, *, model: str = "openai:first"
) -> list[tuple[Any, Any]]:
    """Run three tasks while the quota of `first` is gone; which model answered each, and in whose place."""
    path = agent_file(folder, extra)
    tasks = [{**task, "agent_name": path} for task in TASKS]
    async with running(Options(faults=(Fault(kind="quota"),))) as url:
        environ = {"OPENAI_BASE_URL": f"{url}/v1"}
        async with ParallelAgentExecutor(
            settings=settings or Settings(), journal=folder / "journal.sqlite3", environ=environ
        ) as executor:
            execution_id = await executor.submit_batch_tasks(tasks, 1, model=model)
            body = body_of(await executor.wait(execution_id))
    found = [session["result"] for session in body["agent_execution_sessions"]]
    return [(result["model"], result["fallback_from"]) for result in found]


async def test_the_fallback_of_an_agents_file_answers_and_the_result_says_in_whose_place(tmp_path: Path) -> None:
    found = await results(tmp_path, "fallback_model: openai:second\n")
    assert found == [("openai:second", "openai:first")] * 3


async def test_the_configuration_goes_before_the_agents_file(tmp_path: Path) -> None:
    found = await results(tmp_path, "fallback_model: openai:second\n", configured("openai:third"))
    assert found == [("openai:third", "openai:first")] * 3


@pytest.mark.parametrize(
    ("extra", "fallback", "words"),
    [
        ("", "opnai:x", "agent_configs.asker.fallback_model: unknown model 'opnai:x'"),
        ("fallback_model: anthropic:x\n", None, "asker.md: fallback_model: anthropic:x needs a key"),
    ],
)
async def test_a_fallback_that_cannot_be_called_is_refused_at_submission_by_its_key(
    tmp_path: Path, extra: str, fallback: str | None, words: str
) -> None:
    path = agent_file(tmp_path, extra)
    executor = ParallelAgentExecutor(
        settings=configured(fallback),
        journal=tmp_path / "journal.sqlite3",
        environ={"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"},
    )
    with pytest.raises(ModelError, match=words):
        await executor.submit_batch_tasks([{**TASKS[0], "agent_name": path}], model="openai:first")
    assert not (tmp_path / "journal.sqlite3").exists()
    await executor.aclose()


async def test_a_fallback_that_is_the_chosen_model_itself_is_none(tmp_path: Path) -> None:
    async with ParallelAgentExecutor(settings=configured("offline"), journal=tmp_path / "journal.sqlite3") as executor:
        path = agent_file(tmp_path)
        execution_id = await executor.submit_batch_tasks([{**TASKS[0], "agent_name": path}], model="offline")
        record = await executor.executions.record(execution_id)
        assert [(agent.model, agent.fallback_model) for agent in record.agents] == [("offline", None)]
