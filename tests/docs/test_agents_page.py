"""The page about agents, followed from top to bottom in both languages."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.docs.pages import GUIDES, SHELLS, Command, SavedFile, languages_of, steps_of
from tests.docs.reader import Reader

PAGES = {"zh": GUIDES / "agents.zh.md", "en": GUIDES / "agents.md"}


def steps(language: str) -> list[SavedFile | Command]:
    return steps_of(PAGES[language].read_text(encoding="utf-8"))


@pytest.fixture(params=["zh", "en"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[tuple[str, Reader]]:
    reader = Reader(tmp_path, request.param, os.environ)
    try:
        yield request.param, reader
    finally:
        reader.close()


def test_every_command_of_the_page_does_what_it_shows(reader: tuple[str, Reader]) -> None:
    language, follower = reader
    follower.follow(steps(language))
    assert len(follower.printed) == 10


def test_both_pages_take_the_same_steps_and_are_found_from_the_guide() -> None:
    typed = {language: [step.text for step in steps(language)] for language in PAGES}
    assert typed["zh"] == typed["en"]
    for language, page in PAGES.items():
        assert all(block[0] in SHELLS | {"yaml", "md"} for block in languages_of(page.read_text(encoding="utf-8")))
        guide = "parallel_execution_guide.md" if language == "zh" else "parallel_execution_guide.en.md"
        assert f"]({page.name})" in (GUIDES / guide).read_text(encoding="utf-8")
