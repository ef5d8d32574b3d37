"""No test looks into a document that was not held against the schema."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
OPENERS = {"documents.py": "validates, then opens", "test_rendering.py": "makes up what is rendered"}
KEY = "parallel_agent_execution"


def test_documents_are_opened_in_one_place_only() -> None:
    marks = (f'["{KEY}"]', f"['{KEY}']", f'"{KEY}":')
    found = {
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*.py")
        if path != Path(__file__) and any(mark in path.read_text(encoding="utf-8") for mark in marks)
    }
    assert {Path(name).name for name in found} == set(OPENERS), f"use tests.documents.body_of: {sorted(found)}"
