from __future__ import annotations

import asyncio
import errno
import json
import os
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pytest

from parallel_agents.core.errors import OutputError
from parallel_agents.result_files import Fill, check_place, default_place, numbered, write_new


async def fill(path: Path, file: BinaryIO) -> None:
    file.write(json.dumps({"path": path.name, "文": "中文"}, ensure_ascii=False).encode())


def written(wanted: Path, how: Fill = fill) -> Path:
    return asyncio.run(write_new(wanted, how))


def take(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    ("source", "title", "expected"),
    [
        ("笔记库/离散数学/离散数学.canvas", "拆解", "笔记库/离散数学/批量拆解结果-20250122.json"),
        ("tasks.jsonl", None, "批量结果-20250122.json"),
        (None, "评分", "批量评分结果-20250122.json"),
        ("笔记库", "拆解", "批量拆解结果-20250122.json"),
        ("a/笔记库/", "拆解", "a/批量拆解结果-20250122.json"),
        (".", "拆解", "批量拆解结果-20250122.json"),
        ("a/b.canvas", "/../../x", "a/批量-..-..-x结果-20250122.json"),
        ("a.canvas", 'C:\\a\0\n"b" ', "批量C--a---b-结果-20250122.json"),
        ("a.canvas", "长" * 99, f"批量{'长' * 40}结果-20250122.json"),
    ],
)
def test_results_go_beside_their_source_by_default(source: str | None, title: str | None, expected: str) -> None:
    assert default_place(source, title, date(2025, 1, 22)) == Path(expected)


def test_a_name_that_is_taken_is_numbered_and_the_file_there_is_left_alone(tmp_path: Path) -> None:
    wanted = tmp_path / "结果.json"
    wanted.write_text("mine", encoding="utf-8")
    numbered(wanted, 2).write_text("mine too", encoding="utf-8")
    path = written(wanted)
    assert path == tmp_path / "结果-3.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"path": "结果-3.json", "文": "中文"}
    assert wanted.read_text(encoding="utf-8") == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["结果-2.json", "结果-3.json", "结果.json"]


def test_a_name_taken_while_the_file_is_being_written_is_not_replaced(tmp_path: Path) -> None:
    wanted = tmp_path / "out.json"
    asked: list[Path] = []

    async def slow(path: Path, file: BinaryIO) -> None:
        asked.append(path)
        if len(asked) > 3:
            raise OutputError(path, "somebody takes every name")
        take(path)
        file.write(b"ours")

    with pytest.raises(OutputError):
        written(wanted, slow)
    assert wanted.read_bytes() == b""
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == [path.name for path in sorted(asked[:3])]


def test_what_fails_while_it_is_filled_leaves_no_file(tmp_path: Path) -> None:
    async def half(_: Path, file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="no space left"):
        written(tmp_path / "out.json", half)
    assert list(tmp_path.iterdir()) == []


def test_files_have_the_permissions_that_the_users_mask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = written(tmp_path / "out.json")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no folder .*missing") as raised:
        check_place(tmp_path / "missing" / "out.json")
    assert raised.value.exit_code == 2
    with pytest.raises(OutputError, match=r"there is no folder .*missing") as raised:
        written(tmp_path / "missing" / "out.json")
    assert raised.value.exit_code == 1


def test_checking_a_place_leaves_nothing_behind(tmp_path: Path) -> None:
    check_place(tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_nowhere_is_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out.json").symlink_to(tmp_path / "nowhere")
    assert written(tmp_path / "out.json") == tmp_path / "out-2.json"
    assert not (tmp_path / "nowhere").exists()
