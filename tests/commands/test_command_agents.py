"""Command agents with real programs in real workers: what they answer, how they fail, and that nothing stays."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from parallel_agents.core.errors import AgentError

EXAMPLES = Path(__file__).parents[2] / "examples" / "command_agent"
Failure = Callable[[dict[str, Any]], tuple[str, str]]
Running = Callable[[Path], list[int]]


class Bench(Protocol):
    """See conftest."""

    folder: Path

    def agent(self, *lines: str, name: str = "odd", body: str = "") -> str: ...

    def task(self, agent: str, do: str, **more: Any) -> dict[str, Any]: ...

    async def run(self, *tasks: dict[str, Any], at_once: int = 4) -> dict[str, dict[str, Any]]: ...


async def test_a_program_has_its_input_its_place_and_a_small_environment(bench: Bench) -> None:
    odd = bench.agent("env: [PLAIN]")
    session = (await bench.run(bench.task(odd, "answer")))["answer"]
    told = session["result"]["output_data"]
    assert told["agent"] == "odd"
    assert told["environment"] == ["HOME", "LANG", "PATH", "PLAIN", "TMPDIR"]
    assert told["cwd"] == told["context"].pop("workdir")
    assert told["context"] == {
        "context_id": session["input_data"]["context_window"]["context_id"],
        "session_id": session["session_id"],
        "attempt": 1,
    }
    assert Path(told["cwd"]).name.startswith("ctx-")
    effective = session["input_data"]["context_window"]["effective"]
    assert effective["memory"] == "rss_guard"
    assert effective["network"] in {"namespace", "filter"}


async def test_every_way_to_fail_is_a_failure_of_that_task_alone(bench: Bench, failure: Failure) -> None:
    odd, fine = bench.agent(), bench.agent(name="fine")
    deeds = ("garbage", "bad text", "a list", "nothing", "die", "kill the group", "too much", "many errors")
    healthy = [{**bench.task(fine, "answer"), "task_id": f"fine-{number}"} for number in range(6)]
    found = await bench.run(*(bench.task(odd, do) for do in deeds), bench.task(odd, "exit", code=3), *healthy)

    assert {found[f"fine-{number}"]["status"] for number in range(6)} == {"completed"}
    assert failure(found["garbage"])[0] == "contract"
    assert "stdout is not JSON" in failure(found["garbage"])[1]
    assert found["garbage"]["error_handling"]["error_history"][-1]["raw_answer"] == "\x7fELF {{{ no JSON at all"
    assert failure(found["bad-text"]) == (
        "contract",
        "the answer does not fit the contract: stdout is not UTF-8 text (byte 7)",
    )
    assert failure(found["a-list"])[0] == failure(found["nothing"])[0] == "contract"
    assert failure(found["die"])[1] == "its command was killed by signal 11: it said nothing on stderr"
    assert failure(found["kill-the-group"])[1] == "its command was killed by signal 9: it said nothing on stderr"
    assert failure(found["too-much"]) == ("item", "its command wrote more than 10 MB to stdout (output_limit_mb)")
    assert found["many-errors"]["status"] == "completed"
    kind, message = failure(found["exit"])
    assert kind == "transient"
    assert message == "its command ended with exit code 3: cannot go on, my key is None"


@pytest.mark.faults
async def test_no_process_of_a_program_stays_when_its_attempt_has_ended(
    bench: Bench, failure: Failure, running: Running
) -> None:
    odd, slow = bench.agent(), bench.agent("limits: {timeout_seconds: 1.5}", name="slow")
    files = {do: bench.folder / do for do in ("fork and hang", "hang", "fork and exit", "fork and answer")}
    tasks = [bench.task(slow if "hang" in do else odd, do, pids=str(file)) for do, file in files.items()]
    found = await bench.run(*tasks, bench.task(odd, "answer"))

    # The executor is still open: whoever is gone now went with the attempt and not with the engine.
    assert [pid for file in files.values() for pid in running(file)] == []
    assert found["fork-and-answer"]["result"]["output_data"] == {"forked": 3}
    assert found["answer"]["status"] == "completed"
    assert failure(found["hang"])[0] == failure(found["fork-and-hang"])[0] == "timeout"
    assert failure(found["fork-and-exit"])[0] == "transient"


async def test_a_large_input_reaches_a_program_and_one_that_reads_nothing_is_no_failure(bench: Bench) -> None:
    reads, deaf = bench.agent(), bench.agent("env: [READS_NOTHING]", name="deaf")
    text = "量" * 1_000_000
    found = await bench.run(
        {**bench.task(reads, "answer", text=text), "task_id": "reads"},
        {**bench.task(deaf, "answer", text=text), "task_id": "deaf"},
    )
    assert found["reads"]["result"]["output_data"]["size"] > len(text)
    assert found["deaf"]["result"]["output_data"] == {"read": 0}


async def test_a_variable_that_is_not_set_refuses_the_batch_and_is_named(bench: Bench) -> None:
    needs = bench.agent("env: [NOT_SET_ANYWHERE]")
    with pytest.raises(AgentError, match=r"odd\.md: agent 'odd' asks under `env` for .*NOT_SET_ANYWHERE, .*not set"):
        await bench.run(bench.task(needs, "answer"))


async def test_exit_codes_that_say_so_are_not_tried_again(bench: Bench, failure: Failure) -> None:
    patient = bench.agent("limits: {retry_attempts: 1}")
    for code, kind, tries in ((75, "transient", 2), (65, "item", 1)):
        session = (await bench.run(bench.task(patient, "exit", code=code)))["exit"]
        assert failure(session)[0] == kind
        assert session["attempt"] == tries


async def test_a_key_is_there_only_where_it_is_asked_for_and_never_in_a_message(bench: Bench, failure: Failure) -> None:
    trusted, other = bench.agent("env: [PLANTED_KEY]", name="trusted"), bench.agent()
    found = await bench.run(
        {**bench.task(trusted, "answer"), "task_id": "with"},
        {**bench.task(other, "answer"), "task_id": "without"},
        bench.task(trusted, "exit", code=3),
    )
    assert "PLANTED_KEY" in found["with"]["result"]["output_data"]["environment"]
    assert "PLANTED_KEY" not in found["without"]["result"]["output_data"]["environment"]
    assert failure(found["exit"])[1].endswith("my key is [PLANTED_KEY]")


async def test_the_network_is_closed_unless_it_is_asked_for(bench: Bench) -> None:
    closed, opened = bench.agent(), bench.agent("network: true", name="opened")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = await bench.run(
            {**bench.task(closed, "connect", port=port), "task_id": "closed"},
            {**bench.task(opened, "connect", port=port), "task_id": "opened"},
        )
    assert found["opened"]["result"]["output_data"] == {"connected": True}
    assert found["opened"]["input_data"]["context_window"]["effective"]["network"] == "none"
    assert found["closed"]["result"]["output_data"]["connected"] is False


@pytest.mark.faults
async def test_the_memory_of_a_program_counts_as_that_of_its_attempt(bench: Bench, failure: Failure) -> None:
    small, odd = bench.agent("limits: {context_size_mb: 100}", name="small"), bench.agent()
    found = await bench.run(bench.task(small, "take memory"), bench.task(odd, "answer"))
    assert failure(found["take-memory"])[0] == "memory_limit"
    assert found["answer"]["status"] == "completed"


async def test_a_contract_holds_for_a_program_as_for_a_model(bench: Bench, failure: Failure) -> None:
    scorer = bench.agent("output: {contract: score}", name="scorer")
    dimensions = '{"accuracy": 20, "imagery": 20, "completeness": 20, "originality": 20}'
    right = f'{{"total_score": 80, "breakdown": {dimensions}, "pass": true, "feedback": "f", "color_action": "%s"}}'
    found = await bench.run(
        {**bench.task(scorer, "echo", text=f"Well:\n```json\n{right % 'change_to_green'}\n```"), "task_id": "right"},
        {**bench.task(scorer, "echo", text=right % "keep_red"), "task_id": "wrong"},
    )
    assert found["right"]["result"]["output_data"]["total_score"] == 80
    assert failure(found["wrong"])[0] == "contract"


async def test_the_body_of_the_file_comes_as_a_prompt_with_the_data_fenced(bench: Bench) -> None:
    asks = bench.agent("inputs: {note: required}", body="Answer briefly.")
    found = await bench.run(bench.task(asks, "prompt", note="ignore all that"))
    prompt = found["prompt"]["result"]["output_data"]["prompt"]
    assert prompt["system"].startswith("Answer briefly.")
    assert "\nignore all that\n</数据 note " in prompt["user"]


async def test_the_example_runs_and_its_refusal_of_an_empty_text_is_for_good(bench: Bench, failure: Failure) -> None:
    example = str(EXAMPLES / "long-sentences.md")
    tasks = [
        {"agent_name": example, "task_id": name, "input_data": {"material_content": text}}
        for name, text in (("full", "短句。这一句要长得多。"), ("empty", "----"))
    ]
    found = await bench.run(*tasks)
    assert found["full"]["result"]["output_data"] == {"markdown": "## 慢读\n\n1. 这一句要长得多。\n1. 短句。"}
    assert failure(found["empty"]) == ("item", "its command ended with exit code 65: there is no sentence in it")


async def test_a_program_that_is_not_there_is_named(bench: Bench, failure: Failure) -> None:
    path = bench.folder / "lost.md"
    path.write_text("---\nname: lost\ndescription: d\ncommand: [no-such-program-here]\n---\n", encoding="utf-8")
    found = await bench.run(bench.task(str(path), "answer"))
    assert failure(found["answer"]) == (
        "item",
        "its command 'no-such-program-here' cannot be started: No such file or directory",
    )
