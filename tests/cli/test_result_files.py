from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from parallel_agents.core.errors import OutputError
from parallel_agents.result_files import check_place, default_place, numbered, write_new


def document_for(path: Path) -> dict[str, Any]:
    return {"path": path.name, "文": "中文"}


@pytest.mark.parametrize(
    ("source", "title", "expected"),
    [
        ("笔记库/离散数学/离散数学.canvas", "拆解", "笔记库/离散数学/批量拆解结果-20250122.json"),
        ("tasks.jsonl", None, "批量结果-20250122.json"),
        (None, "评分", "批量评分结果-20250122.json"),
    ],
)
def test_results_go_beside_their_source_by_default(source: str | None, title: str | None, expected: str) -> None:
    assert default_place(source, title, date(2025, 1, 22)) == Path(expected)


def test_a_name_that_is_taken_is_numbered_and_the_file_there_is_left_alone(tmp_path: Path) -> None:
    wanted = tmp_path / "结果.json"
    wanted.write_text("mine", encoding="utf-8")
    numbered(wanted, 2).write_text("mine too", encoding="utf-8")
    path = write_new(wanted, document_for)
    assert path == tmp_path / "结果-3.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"path": "结果-3.json", "文": "中文"}
    assert wanted.read_text(encoding="utf-8") == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["结果-2.json", "结果-3.json", "结果.json"]


def test_a_name_taken_while_the_file_is_being_written_is_not_replaced(tmp_path: Path) -> None:
    wanted = tmp_path / "out.json"

    def slow_document(path: Path) -> dict[str, Any]:
        path.touch()
        return {"path": path.name} if path != wanted else {}

    with pytest.raises(OutputError):
        write_new_at_most(wanted, slow_document, 3)
    assert wanted.read_bytes() == b""


def write_new_at_most(wanted: Path, document: Any, tries: int) -> Path:
    asked: list[Path] = []

    def limited(path: Path) -> dict[str, Any]:
        asked.append(path)
        if len(asked) > tries:
            raise OutputError(path, "somebody takes every name")
        return document(path)

    return write_new(wanted, limited)


def test_files_have_the_permissions_that_the_users_mask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write_new(tmp_path / "out.json", document_for)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no folder .*missing") as raised:
        check_place(tmp_path / "missing" / "out.json")
    assert raised.value.exit_code == 2
    with pytest.raises(OutputError, match=r"there is no folder .*missing") as raised:
        write_new(tmp_path / "missing" / "out.json", document_for)
    assert raised.value.exit_code == 1


def test_checking_a_place_leaves_nothing_behind(tmp_path: Path) -> None:
    check_place(tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_half_a_surrogate_pair_from_a_model_does_not_cost_the_file(tmp_path: Path) -> None:
    path = write_new(tmp_path / "out.json", lambda _: {"text": "命题 \ud83d"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"text": "命题 \ud83d"}


def test_a_link_to_nowhere_is_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out.json").symlink_to(tmp_path / "nowhere")
    assert write_new(tmp_path / "out.json", document_for) == tmp_path / "out-2.json"
    assert not (tmp_path / "nowhere").exists()
