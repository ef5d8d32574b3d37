from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.ports.models import Message, ModelRequest, ModelResponse, OutputSchema


class ScriptedModel:
    """A model client that gives the answers of a script, and keeps what it was asked."""

    def __init__(self, answers: Sequence[ModelResponse | Exception]) -> None:
        self.answers = list(answers)
        self.requests: list[ModelRequest] = []

    async def complete(
        self,
        prompt: str | Sequence[Message],
        *,
        system: str = "",
        output: OutputSchema | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        contract: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        sections: Sequence[str] = (),
    ) -> ModelResponse:
        messages = (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)
        self.requests.append(
            ModelRequest(
                messages=messages,
                system=system,
                output=output,
                max_tokens=max_tokens,
                temperature=temperature,
                contract=contract,
                inputs=dict(inputs or {}),
                sections=tuple(sections),
            )
        )
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class GivenContext:
    """The context of one attempt, with a scripted model."""

    def __init__(self, agent: str, given: Mapping[str, Any], model: ScriptedModel, workdir: Path) -> None:
        registry = AgentRegistry()
        record = registry.record(registry.resolve(agent), "scripted:one")
        self.parameters: Mapping[str, Any] = msgspec.msgpack.decode(registry.parameters(record))
        self.input = given
        self.model = model
        self.workdir = workdir
        self.context_id = "ctx-0000000000000001"
        self.session_id = "session-0000000000000001"
        self.attempt = 1
        self.told: list[str] = []

    def progress(self, fraction: float | None, message: str = "") -> None:
        self.told.append(message)


class Stage:
    """Sets up runs of an agent."""

    def __init__(self, workdir: Path) -> None:
        self.workdir = workdir

    def context(self, agent: str, given: Mapping[str, Any], *answers: str | ModelResponse | Exception) -> GivenContext:
        told = [self.answer(each) if isinstance(each, str) else each for each in answers]
        return GivenContext(agent, given, ScriptedModel(told), self.workdir)

    def answer(self, text: str, *, is_language_model: bool = True) -> ModelResponse:
        return ModelResponse(text=text, model="scripted:one", is_language_model=is_language_model)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)
