"""The guide, followed from top to bottom in both languages."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.docs.pages import GUIDES, SHELLS, Command, SavedFile, languages_of, steps_of
from tests.docs.reader import Reader
from tests.documents import body_of

GUIDE = {"zh": GUIDES / "parallel_execution_guide.md", "en": GUIDES / "parallel_execution_guide.en.md"}
NOT_RUN = {
    "python -m venv": "makes an environment; the tests run in one",
    "pip install": "needs a package registry",
    "export OPENAI_API_KEY=您的密钥": "stands for a real key",
    "export OPENAI_API_KEY=your-key": "stands for a real key",
    "parallel-agents run examples/笔记库/离散数学/离散数学.canvas --agent oral-explanation --model openai:您的模型": (
        "needs an account"
    ),
    "parallel-agents run examples/笔记库/离散数学/离散数学.canvas --agent oral-explanation --model openai:your-model": (
        "needs an account"
    ),
}
"""Beginnings of commands that stand in a guide and are not run, and why."""


LONGEST = 380
"""Lines; whoever has to read more reads nothing."""


def steps(language: str) -> list[SavedFile | Command]:
    return steps_of(GUIDE[language].read_text(encoding="utf-8"))


def is_left_out(step: SavedFile | Command) -> bool:
    return isinstance(step, Command) and step.text.startswith(tuple(NOT_RUN))


@pytest.fixture(params=["zh", "en"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[tuple[str, Reader]]:
    reader = Reader(tmp_path, request.param, os.environ)
    try:
        yield request.param, reader
    finally:
        reader.close()


@pytest.mark.timeout(300)  # some forty commands, one after the other
def test_every_command_of_the_guide_does_what_it_shows(reader: tuple[str, Reader]) -> None:
    language, follower = reader
    canvases = {path: path.read_bytes() for path in follower.folder.rglob("*.canvas")}
    follower.follow([step for step in steps(language) if not is_left_out(step)])
    written = list(follower.folder.rglob("批量*.json"))
    assert len(written) >= 10
    assert {body_of(path)["overall_status"] for path in written} == {"completed", "failed"}
    assert {path: path.read_bytes() for path in canvases} == canvases


def test_what_is_not_run_is_named_with_its_reason_and_stands_in_a_guide() -> None:
    typed = [step.text for language in GUIDE for step in steps(language) if isinstance(step, Command)]
    for beginning, reason in NOT_RUN.items():
        assert reason
        assert any(text.startswith(beginning) for text in typed), beginning


@pytest.mark.parametrize("language", GUIDE)
def test_every_block_of_the_guide_is_run_or_saved(language: str) -> None:
    text = GUIDE[language].read_text(encoding="utf-8")
    assert [block for block in languages_of(text) if block[0] not in SHELLS and not block[1]] == []
    typed = " ".join(step.text for step in steps(language) if isinstance(step, Command))
    for saved in (step.path for step in steps(language) if isinstance(step, SavedFile)):
        assert saved in typed, f"{saved} is saved and never used"
    assert len(text.splitlines()) <= LONGEST


def test_both_guides_take_the_same_steps() -> None:
    kinds = {
        language: [
            re.findall("[A-Za-z_-]+", step.text)[:2] if isinstance(step, Command) else Path(step.path).suffix
            for step in steps(language)
        ]
        for language in GUIDE
    }
    assert kinds["zh"] == kinds["en"]


def test_a_line_that_is_not_there_and_a_wrong_exit_code_are_seen(tmp_path: Path) -> None:
    follower = Reader(tmp_path, "en", os.environ)
    follower.type(Command("parallel-agents --version", ["0.1.0"]), 0)
    with pytest.raises(AssertionError, match="shows no line like"):
        follower.type(Command("parallel-agents --version", ["0.2"]), 0)
    with pytest.raises(AssertionError, match="ended with 2, not 0"):
        follower.type(Command("parallel-agents rn"), 0)
    with pytest.raises(AssertionError, match="before any output shows it"):
        follower.type(Command("parallel-agents status exec-0123456789abcdef"), 1)
