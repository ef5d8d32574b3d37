"""The page about looking at canvases, followed from top to bottom in both languages."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.docs.pages import GUIDES, SHELLS, Command, SavedFile, languages_of, steps_of
from tests.docs.reader import Reader

PAGES = {"zh": GUIDES / "canvas.zh.md", "en": GUIDES / "canvas.md"}
PICTURES = {name: GUIDES / "pictures" / name for name in ("before.svg", "after.svg")}


def steps(language: str) -> list[SavedFile | Command]:
    return steps_of(PAGES[language].read_text(encoding="utf-8"))


@pytest.fixture(params=["zh", "en"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[tuple[str, Reader]]:
    reader = Reader(tmp_path, request.param, os.environ)
    try:
        yield request.param, reader
    finally:
        reader.close()


def test_every_command_of_the_page_does_what_it_shows_and_draws_its_pictures(reader: tuple[str, Reader]) -> None:
    language, follower = reader
    canvases = {path: path.read_bytes() for path in follower.folder.rglob("*.canvas")}
    follower.follow(steps(language))
    for name, picture in PICTURES.items():
        assert (follower.folder / name).read_bytes() == picture.read_bytes(), name
    assert {path: path.read_bytes() for path in canvases} == canvases
    report = (follower.folder / "examples" / "笔记库" / "study.md").read_text(encoding="utf-8")
    assert "[[离散数学/离散数学.canvas|离散数学]]" in report


def test_both_pages_take_the_same_steps_show_the_same_pictures_and_are_found_from_the_guide() -> None:
    typed = {language: [step.text for step in steps(language) if isinstance(step, Command)] for language in PAGES}
    assert typed["zh"] == typed["en"]
    for language, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"\]\((pictures/[^)]*)\)", text) == [f"pictures/{name}" for name in PICTURES]
        assert [block for block in languages_of(text) if block[0] not in SHELLS and not block[1]] == []
        guide = "parallel_execution_guide.md" if language == "zh" else "parallel_execution_guide.en.md"
        assert f"]({page.name})" in (GUIDES / guide).read_text(encoding="utf-8")
