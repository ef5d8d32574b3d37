"""The corpus through everything that runs: the engine, a worker, the real client, HTTP."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from tests.agents.corpus.lines import Line, invented, lines
from tests.agents.corpus.server import answering
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor, Settings
from parallel_agents.core.settings import ContextIsolation, ParallelProcessing

NUMBER = re.compile(r"⟨(\d+)⟩")


def task_of(number: int, line: Line) -> dict[str, Any]:
    """A task whose prompt tells the server which line is to be its answer."""
    fields = {name: f"{text} ⟨{number}⟩" for name, text in line.given.items()}
    return {"agent_name": line.agent, "input_data": fields, "metadata": {"line": number}}


async def test_every_line_ends_as_it_says_whole_and_without_a_crash(tmp_path: Path) -> None:
    corpus = lines()
    asked: Counter[int] = Counter()

    def answer(question: str) -> str:
        found = NUMBER.search(question)
        assert found is not None
        asked[int(found[1])] += 1
        return corpus[int(found[1])].text

    settings = Settings(
        model="openai:scripted",
        parallel_processing=ParallelProcessing(context_isolation=ContextIsolation(isolation_level="coroutine")),
    )
    async with answering(answer) as url:
        environ = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-test"}
        async with ParallelAgentExecutor(settings=settings, journal=tmp_path / "j.sqlite3", environ=environ) as engine:
            execution_id = await engine.submit_batch_tasks([task_of(*one) for one in enumerate(corpus)], 16)
            document = body_of(await engine.wait(execution_id))
    sessions = document["agent_execution_sessions"]
    assert len(sessions) == len(corpus)
    for line, session in zip(corpus, sessions, strict=True):
        if line.verdict == "accepted":
            assert session["status"] == "completed", (line.agent, line.name)
            told = {key: session["result"]["output_data"][key] for key in line.output}
            assert told == line.output
            assert [leaf for leaf in invented(told, line.text) if leaf != "markdown"] == []
        else:
            refused(line, session)
    repaired = {number for number, turns in asked.items() if turns == 2}
    assert repaired == {number for number, line in enumerate(corpus) if line.verdict == "refused"}
    assert asked.total() == len(corpus) + len(repaired)


def refused(line: Line, session: dict[str, Any]) -> None:
    """A task that was refused has failed for good, says all that was wrong and keeps the answer whole."""
    assert session["status"] == "failed", (line.agent, line.name)
    (told,) = session["error_handling"]["error_history"]
    assert told["class"] == "contract"
    assert [part for part in line.says if part not in told["message"]] == []
    assert told["raw_answer"] == line.text
    assert session["result"]["output_data"] is None
