"""Tasks whose input is made of the results of others: made once, of what is there, and stopped only where they must."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.documents import body_of

from parallel_agents import ParallelAgentExecutor, create_pipeline_tasks
from parallel_agents.core.chains import MOST_ITEMS
from parallel_agents.core.errors import TaskError
from parallel_agents.core.events import Event, EventType
from parallel_agents.core.settings import ErrorHandling, ParallelProcessing, Settings, TaskQueue

CANVAS = Path(__file__).parents[2] / "examples" / "笔记库" / "离散数学" / "离散数学.canvas"
AGENTS = Path(__file__).with_name("agents_in_steps.py")
SETTINGS = Settings(
    parallel_processing=ParallelProcessing(task_queue=TaskQueue(task_retry_attempts=0, task_retry_delay_seconds=0.0))
)


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncGenerator[ParallelAgentExecutor]:
    async with make(tmp_path) as made:
        yield made


def make(folder: Path, settings: Settings = SETTINGS) -> ParallelAgentExecutor:
    executor = ParallelAgentExecutor(settings=settings, journal=folder / "journal.sqlite3", environ={})
    executor.register_agent("splits", f"{AGENTS}:splits")
    executor.register_agent("repeats", f"{AGENTS}:repeats")
    return executor


def first(name: str, text: str, priority: str = "normal", **more: Any) -> dict[str, Any]:
    return {"agent_name": "splits", "task_id": name, "input_data": {"text": text, **more}, "priority": priority}


def after(name: str, *on: str, lists: tuple[str, ...] = (), agent: str = "repeats", **binding: Any) -> dict[str, Any]:
    """A task whose step, like every other here, has the name of its task."""
    told = {"step": name, "steps": {one: [one] for one in on}, "lists": list(lists), **binding}
    return {"agent_name": agent, "task_id": name, "input_data": {}, "depends_on": list(on), "binding": told}


async def run(executor: ParallelAgentExecutor, *tasks: dict[str, Any]) -> dict[str, Any]:
    return body_of(await executor.wait(await executor.submit_batch_tasks(tasks)))


def sessions(body: dict[str, Any], agent: str = "repeats") -> list[dict[str, Any]]:
    return [one for one in body["agent_execution_sessions"] if one["agent_name"] == agent]


def got(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["result"]["output_data"]["got"] for one in sessions(body)]


def why_not(session: dict[str, Any]) -> str:
    return session["error_handling"]["not_run_because"]


async def test_an_input_is_made_of_results_and_of_the_source(executor: ParallelAgentExecutor) -> None:
    body = await run(
        executor,
        first("a", "one two"),
        after(
            "b",
            "a",
            input={"said": "{{ source.topic }}: {{ a.words[1].word }}", "all": "{{ a.words }}", "fixed": 3},
            source={"topic": "numbers", "node": "kept"},
        ),
    )

    assert got(body) == [
        {
            "topic": "numbers",
            "node": "kept",
            "said": "numbers: two",
            "all": [{"word": "one", "length": 3}, {"word": "two", "length": 3}],
            "fixed": 3,
        }
    ]


async def test_a_list_gives_a_task_for_each_item_for_which_it_is_wanted(executor: ParallelAgentExecutor) -> None:
    events: list[Event] = []
    executor.subscribe(events.append)

    body = await run(
        executor,
        first("a", "a bb ccc dddd"),
        after("b", "a", for_each="a.words", when="item.length > 1", input={"word": "{{ item.word }}"}),
    )

    assert sorted(one["word"] for one in got(body)) == ["bb", "ccc", "dddd"]
    # The place in the list, so that it can be told which items were left out.
    assert sorted(one["metadata"]["item"] for one in sessions(body)) == [2, 3, 4]
    assert body["task_queue"]["total_tasks"] == body["task_queue"]["completed_tasks"] == 4
    added = [event for event in events if event.type is EventType.TASK_SUBMITTED]
    assert [event.data["beside_task_id"] for event in added] == ["b", "b"]


async def test_what_follows_a_list_waits_for_all_of_it_and_has_it_in_its_order(executor: ParallelAgentExecutor) -> None:
    body = await run(
        executor,
        first("a", "x y z"),
        after("b", "a", for_each="a.words", input={"word": "{{ item.word }}"}),
        after("c", "b", lists=("b",), input={"words": "{{ b | map(attribute='got.word') | list }}"}),
        after("d", "c", "a", input={"both": "{{ c.got.words | length + (a.words | length) }}"}),
    )

    assert {"words": ["x", "y", "z"]} in got(body)
    assert {"both": 6} in got(body)


async def test_a_step_whose_condition_does_not_hold_is_left_out_with_what_follows(
    executor: ParallelAgentExecutor,
) -> None:
    body = await run(
        executor,
        first("a", "one"),
        after("b", "a", when="a.words | length > 5"),
        after("c", "b"),
        after("d", "a", for_each="a.words", when="item.length > 5"),
        after("e", "a", for_each="a.words[1:]"),
        after("f", "a", when="a.words | length == 1"),
    )

    assert body["overall_status"] == "completed"
    assert {one["task_id"]: why_not(one) for one in sessions(body) if one["status"] == "skipped"} == {
        "b": "its condition does not hold: a.words | length > 5",
        "c": "task 'b', which it depends on, was not needed",
        "d": "it holds for no item: item.length > 5",
        "e": "the list is empty: a.words[1:]",
    }
    assert len(got({"agent_execution_sessions": [one for one in sessions(body) if one["result"]]})) == 1


@pytest.mark.parametrize(
    ("binding", "reason"),
    [
        ({"when": "a.wrds"}, "'a.wrds'"),
        ({"when": "a.words > 3"}, "'a.words > 3'"),
        ({"input": {"said": "{{ item.word }}"}}, "'item'"),
        ({"for_each": "a.words | length"}, "gives int, and no list"),
        ({"for_each": f"range({MOST_ITEMS + 1})"}, f"{MOST_ITEMS} are the most"),
    ],
)
async def test_an_input_that_cannot_be_made_fails_its_own_task_and_says_why(
    executor: ParallelAgentExecutor, binding: dict[str, Any], reason: str
) -> None:
    body = await run(
        executor, first("a", "one two"), after("b", "a", **binding), after("c", "b"), after("d", "a", input={"n": 1})
    )

    failed, skipped, done = sessions(body)
    assert body["overall_status"] == "completed_with_errors"
    assert (failed["status"], skipped["status"], done["status"]) == ("failed", "skipped", "completed")
    assert reason in why_not(failed)
    assert "step 'b'" in why_not(failed)
    assert why_not(skipped) == "task 'b', which it depends on, did not succeed"


async def test_where_the_first_failure_ends_the_batch_an_input_that_cannot_be_made_is_one(tmp_path: Path) -> None:
    handling = ErrorHandling(continue_on_error=False)
    settings = Settings(parallel_processing=ParallelProcessing(error_handling=handling, default_max_concurrent=1))
    async with make(tmp_path, settings) as executor:
        wrong, others = after("b", "a", when="a.wrds"), [first(f"later {number}", "x") for number in range(20)]
        body = await run(executor, first("a", "one", priority="urgent"), wrong, *others)

    assert body["overall_status"] == "failed"
    assert body["task_queue"]["failed_tasks"] == 1
    assert body["task_queue"]["cancelled_tasks"] > 0


async def test_a_field_that_the_agent_needs_and_nobody_gives_fails_its_own_task(tmp_path: Path) -> None:
    async with ParallelAgentExecutor(journal=tmp_path / "j.sqlite3", model="offline", environ={}) as executor:
        executor.register_agent("splits", f"{AGENTS}:splits")
        body = await run(executor, first("a", "one"), after("b", "a", agent="basic-decomposition"))

    (failed,) = sessions(body, "basic-decomposition")
    assert failed["status"] == "failed"
    assert "basic-decomposition needs material_content, topic" in why_not(failed)


async def test_a_retry_of_what_failed_brings_what_follows_with_it(
    executor: ParallelAgentExecutor, tmp_path: Path
) -> None:
    needed = tmp_path / "needed"
    execution_id = await executor.submit_batch_tasks(
        [
            first("a", "one two", needs=str(needed)),
            after("b", "a", for_each="a.words", input={"word": "{{ item.word }}"}),
            after("c", "b", lists=("b",), input={"number": "{{ b | length }}"}),
            first("other", "three"),
        ]
    )
    before = body_of(await executor.wait(execution_id))
    assert before["task_queue"]["failed_tasks"] == 1
    assert before["task_queue"]["skipped_tasks"] == 2

    needed.touch()
    await executor.retry_execution(execution_id)
    body = body_of(await executor.wait(execution_id))

    assert body["overall_status"] == "completed"
    assert sorted(one["word"] for one in got(body) if "word" in one) == ["one", "two"]
    assert {"number": 2} in got(body)


async def test_an_executor_that_goes_on_binds_what_the_one_before_left(tmp_path: Path) -> None:
    async with make(tmp_path) as executor:
        execution_id = await executor.submit_batch_tasks(
            [first("a", "x y"), after("b", "a", for_each="a.words", input={"word": "{{ item.word }}"})]
        )
        executor.drain()
        await executor.join(execution_id)

    async with make(tmp_path) as executor:
        await executor.resume_execution(execution_id)
        body = body_of(await executor.wait(execution_id))

    assert body["overall_status"] == "completed"
    assert sorted(one["word"] for one in got(body)) == ["x", "y"]


async def test_tasks_of_an_open_batch_may_be_bound_too(executor: ParallelAgentExecutor) -> None:
    async with executor.open_batch() as batch:
        await batch.submit(first("a", "x y"))
        await batch.submit(after("b", "a", for_each="a.words", input={"word": "{{ item.word }}"}))
    body = body_of(await executor.wait(batch.execution_id))

    assert sorted(one["word"] for one in got(body)) == ["x", "y"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"steps": {"a": ["other"]}}, "has to name in `steps` the tasks that it depends on"),
        ({"steps": {}}, "has to name in `steps` the tasks that it depends on"),
        ({"lists": ["z"]}, "has the list 'z', which is none of its `steps`"),
        ({"step": "Not a name"}, "regex"),
        ({"agent": "another"}, "unknown field `agent`"),
    ],
)
async def test_a_binding_that_cannot_be_one_is_refused_before_anything_runs(
    executor: ParallelAgentExecutor, changes: dict[str, Any], problem: str
) -> None:
    wrong = after("b", "a")
    wrong["binding"] |= changes

    with pytest.raises(TaskError, match=problem):
        await executor.submit_batch_tasks([first("a", "one"), first("other", "two"), wrong])


async def test_a_pipeline_is_a_batch_like_any_other(tmp_path: Path) -> None:
    batch = create_pipeline_tasks(str(CANVAS), "decompose-explain", ["1d3d0a75883e3c96"])
    assert [task["metadata"]["step"] for task in batch] == ["decompose", "explain"]

    async with ParallelAgentExecutor(journal=tmp_path / "j.sqlite3", model="offline", environ={}) as executor:
        body = await run(executor, *batch)

    (decomposed,) = sessions(body, "basic-decomposition")
    explained = sessions(body, "oral-explanation")
    assert body["overall_status"] == "completed"
    wanted = [one for one in decomposed["result"]["output_data"]["sub_questions"] if one["type"] != "探索型"]
    assert len(explained) == len(wanted) > 1
    for one in wanted:
        assert any(session["input_data"]["material_content"].endswith(one["text"]) for session in explained)
