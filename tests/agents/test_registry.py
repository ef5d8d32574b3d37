from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parallel_agents.agents.registry import AgentRegistry, missing_fields, with_known_fields
from parallel_agents.core.errors import AgentError

EXAMPLES = Path(__file__).parents[2] / "examples"
SPEC = "---\nname: mine\ndescription: x\nentry: {entry}\n---\n"


async def at_top_level(context: object) -> Mapping[str, Any]:
    return {}


def not_async(context: object) -> Mapping[str, Any]:
    return {}


class Holder:
    async def method(self, context: object) -> Mapping[str, Any]:
        return {}


def test_the_agents_that_ship_have_their_names_and_aliases_resolve() -> None:
    registry = AgentRegistry()
    assert registry.names() == [
        "basic-decomposition",
        "clarification-path",
        "comparison-table",
        "deep-decomposition",
        "example-teaching",
        "four-level-explanation",
        "memory-anchor",
        "oral-explanation",
        "question-decomposition",
        "scoring-agent",
        "verification-question-agent",
    ]
    assert registry.resolve("scoring") == registry.resolve("scoring-agent")
    assert registry.resolve("four-level") == registry.resolve("four-level-explanation")


def test_an_unknown_agent_is_answered_with_the_near_one_and_the_choices() -> None:
    with pytest.raises(AgentError, match=r"'scorring-agent' is not known\. Did you mean 'scoring-agent'\?.*oral-expl"):
        AgentRegistry().resolve("scorring-agent")


def test_a_function_is_named_by_its_module() -> None:
    registry = AgentRegistry()
    registry.register("echo", at_top_level, description="says it again")
    agent = registry.resolve("echo")
    assert (agent.target, agent.needs_model) == (f"{at_top_level.__module__}:at_top_level", False)
    assert "echo" in registry.names()


def nested() -> Any:
    async def inner(context: object) -> Mapping[str, Any]:
        return {}

    return inner


UNFINDABLE: list[tuple[Any, str]] = [
    (lambda _: {}, "not an `async def`"),  # pyright: ignore[reportUnknownLambdaType]
    (not_async, "not an `async def`"),
    (nested(), "cannot import by name"),
    (Holder.method, "cannot import by name"),
    (Holder().method, "cannot import by name"),
    ("no_colon", "'module:function'"),
]


@pytest.mark.parametrize(("target", "words"), UNFINDABLE)
def test_what_a_worker_could_not_find_is_refused(target: Any, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        AgentRegistry().register("bad", target)


@pytest.mark.parametrize("isolation", ["container", "coroutin"])
def test_a_level_that_there_is_not_is_refused(isolation: Any) -> None:
    with pytest.raises(AgentError, match=rf"'{isolation}', which is not available.*process, thread, coroutine"):
        AgentRegistry().register("mine", at_top_level, isolation=isolation)


def test_a_level_of_its_own_is_kept_with_the_agent_and_nothing_else_says_one() -> None:
    registry = AgentRegistry()
    registry.register("mine", at_top_level, isolation="thread")
    registry.register("other", at_top_level)
    assert [registry.resolve(name).isolation for name in ("mine", "other", "scoring-agent")] == ["thread", None, None]


def test_a_name_is_given_once() -> None:
    registry = AgentRegistry()
    registry.register("echo", "my_module:run")
    for name in ("echo", "scoring-agent", "file.md"):
        with pytest.raises(AgentError, match="taken already"):
            registry.register(name, "my_module:run")


def test_a_function_of_a_script_is_named_by_its_file(tmp_path: Path) -> None:
    script = tmp_path / "我的 脚本.py"
    script.write_text(
        "from parallel_agents.agents.registry import AgentRegistry\n"
        "async def run(context):\n    return {}\n"
        "registry = AgentRegistry()\n"
        "registry.register('mine', run)\n"
        "print(registry.resolve('mine').target)\n",
        encoding="utf-8",
    )
    environ = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environ)
    assert done.stdout.strip() == f"{script}:run"


def test_a_function_without_a_file_is_refused() -> None:
    program = (
        "from parallel_agents.agents.registry import AgentRegistry\n"
        "async def run(context):\n    return {}\n"
        "AgentRegistry().register('mine', run)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "was defined interactively" in done.stderr


def test_an_agent_file_is_known_by_its_path_and_then_by_its_name() -> None:
    registry = AgentRegistry()
    agent = registry.resolve(str(EXAMPLES / "python_agent" / "word-count.md"))
    assert registry.resolve("word-count") == agent
    assert agent.target == f"{EXAMPLES.resolve() / 'python_agent' / 'word_count.py'}:run"
    assert (agent.needs_model, agent.fields) == (False, {"material_content": True})
    assert "word-count" in registry.names()


@pytest.mark.parametrize(
    ("entry", "target"),
    [("beside.py:run", "{folder}/beside.py:run"), ("a.b:run", "a.b:run"), ("/x/y.py:f", "/x/y.py:f")],
)
def test_an_entry_is_found_from_its_own_file(tmp_path: Path, entry: str, target: str) -> None:
    (tmp_path / "mine.md").write_text(SPEC.format(entry=entry), encoding="utf-8")
    agent = AgentRegistry().resolve(str(tmp_path / "mine.md"))
    assert agent.target == target.format(folder=tmp_path.resolve())


def test_a_record_gives_the_same_agent_after_its_file_has_changed(tmp_path: Path) -> None:
    registry = AgentRegistry()
    shipped = registry.resolve("basic-decomposition")
    path = tmp_path / "basic.md"
    path.write_text(shipped.spec or "", encoding="utf-8")
    record = registry.record(registry.resolve(str(path)), "openai:x")
    path.write_text("now something else", encoding="utf-8")
    told = msgspec.msgpack.decode(AgentRegistry().parameters(record))
    assert told["name"] == "basic-decomposition"
    assert told["spec"]["output"]["contract"] == "sub_questions"
    assert (record.model, record.max_concurrent, record.spec) == ("openai:x", 8, shipped.spec)


def test_parameters_of_a_python_agent_hold_its_name_alone() -> None:
    registry = AgentRegistry()
    registry.register("echo", "my_module:run")
    record = registry.record(registry.resolve("echo"), None)
    assert msgspec.msgpack.decode(registry.parameters(record)) == {"name": "echo"}


def test_the_specifications_name_for_the_material_is_mapped_and_nothing_is_guessed() -> None:
    agent = AgentRegistry().resolve("basic-decomposition")
    assert with_known_fields(agent, {"material_text": "命题"}) == {"material_content": "命题"}
    both = {"material_text": "旧", "material_content": "新", "guidance": "想"}
    assert with_known_fields(agent, both) == both
    assert missing_fields(agent, {"material_content": "命题", "topic": ""}) == ["topic"]
