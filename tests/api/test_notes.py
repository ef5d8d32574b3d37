"""Markdown notes as sources: a note a task."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parallel_agents import create_batch_tasks
from parallel_agents.canvas.notes import NOTE_LIMIT_BYTES
from parallel_agents.core.errors import InputError, SourceError

BASIC = "basic-decomposition"
TEXT = "若一个整数能被另一个整除，则后者是它的因数，见 [[因数#定义|因数]]。"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "笔记 🗒"
    (folder / "深").mkdir(parents=True)
    (folder / "整除.md").write_bytes(f"---\r\ntags: [数]\r\n---\r\n{TEXT}\r\n".encode("utf-8-sig"))
    (folder / "深" / "因数.MD").write_text(f"开头\n# **因数** 的定义\n{TEXT}", encoding="utf-8")
    (folder / "空.md").write_text("---\na: 1\n---\n\n", encoding="utf-8")
    (folder / "标题.md").write_text("# 标题\n", encoding="utf-8")
    (folder / "短.md").write_text("见", encoding="utf-8")
    (folder / "图.canvas").write_text("{}", encoding="utf-8")
    (folder / ".trash").mkdir()
    (folder / ".trash" / "旧.md").write_text(TEXT, encoding="utf-8")
    return folder


def test_a_note_is_a_task_with_its_text_and_title(notes: Path) -> None:
    batch = create_batch_tasks(str(notes), BASIC, notes=True)
    assert list(batch) == [
        {
            "agent_name": BASIC,
            "input_data": {"material_content": f"{TEXT}\n", "topic": "整除", "user_understanding": None},
            "metadata": {"note_path": f"{notes}/整除.md"},
        },
        {
            "agent_name": BASIC,
            "input_data": {
                "material_content": f"开头\n# **因数** 的定义\n{TEXT}",
                "topic": "因数 的定义",
                "user_understanding": None,
            },
            "metadata": {"note_path": f"{notes}/深/因数.MD"},
        },
    ]
    assert {Path(skip.path).name: skip.reason.partition(";")[0] for skip in batch.skipped} == {
        "标题.md": "is only a heading",
        "空.md": "is empty",
        "短.md": "its text is too short to work on",
    }
    assert {skip.node_id for skip in batch.skipped} == {None}


def test_one_note_is_a_source_too_and_is_taken_however_short(notes: Path) -> None:
    (task,) = create_batch_tasks(str(notes / "短.md"), BASIC)
    assert (task["input_data"]["material_content"], task["input_data"]["topic"]) == ("见", "短")
    (notes / "link.md").symlink_to(notes / "短.md")
    (task,) = create_batch_tasks(str(notes / "link.md"), BASIC, notes=True)
    assert task["metadata"] == {"note_path": f"{notes}/link.md"}
    assert [skip.reason for skip in create_batch_tasks(str(notes / "空.md"), BASIC).skipped] == ["is empty"]


def test_what_an_agent_wrote_beside_a_canvas_is_not_worked_on_again_unless_named(notes: Path) -> None:
    made = notes / "整除-口语化解释-20251028161726.md"
    head = "## 生成信息\n\n- 生成时间: 2025-10-28 16:17:26\n- 生成Agent: oral-explanation\n- 来源Canvas: 图.canvas\n"
    made.write_text(f"# 整除 - 口语化解释\n\n{head}\n---\n\n{TEXT}\n", encoding="utf-8")
    (notes / "抄.md").write_text(f"# 我的笔记\n{TEXT}\n\n{head}", encoding="utf-8")
    batch = create_batch_tasks(str(notes), BASIC, notes=True)
    assert {Path(task["metadata"]["note_path"]).name for task in batch} == {"整除.md", "因数.MD", "抄.md"}
    reasons = {Path(skip.path).name: skip.reason for skip in batch.skipped}
    assert reasons[made.name] == "was written by an agent; name the note to take it all the same"
    assert len(create_batch_tasks(str(made), BASIC)) == 1


def test_a_note_that_cannot_be_read_refuses_all_or_is_left_out(notes: Path) -> None:
    (notes / "大.md").write_bytes(b"x" * (NOTE_LIMIT_BYTES + 1))
    (notes / "拉丁.md").write_bytes(b"one\ncaf\xe9")
    os.mkfifo(notes / "管.md")
    with pytest.raises(SourceError, match=r"大.md: is larger than 1 MiB. Split it. 2 more cannot be read: .*管.md"):
        create_batch_tasks(str(notes), BASIC, notes=True)
    batch = create_batch_tasks(str(notes), BASIC, notes=True, skip_unreadable=True)
    assert len(batch) == 2
    assert {Path(skip.path).name: skip.reason for skip in batch.skipped[:3]} == {
        "大.md": "is larger than 1 MiB",
        "拉丁.md": "is not UTF-8 (line 2)",
        "管.md": "is not a regular file",
    }
    with pytest.raises(SourceError, match="not a regular file"):
        create_batch_tasks(str(notes / "管.md"), BASIC)


def test_a_note_of_exactly_the_limit_is_read(notes: Path) -> None:
    (notes / "大.md").write_bytes(b"x" * NOTE_LIMIT_BYTES)
    assert len(create_batch_tasks(str(notes), BASIC, notes=True)) == 3


def test_an_agent_without_use_for_notes_is_refused_before_anything_is_read(notes: Path) -> None:
    with pytest.raises(InputError, match="'scoring-agent' reads understandings, and a note is material"):
        create_batch_tasks(str(notes), "scoring-agent", notes=True)
    needy = notes.parent / "needy.md"
    needy.write_text(
        "---\nname: needy\ndescription: x\ninputs: {question_text: required, topic: required}\nentry: a:run\n---\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="'needy' needs question_text, which a note does not give"):
        create_batch_tasks(str(notes), str(needy), notes=True)


@pytest.mark.parametrize("name", ["短.md", ""])
def test_nodes_are_not_chosen_among_notes(notes: Path, name: str) -> None:
    with pytest.raises(InputError, match="nodes can be chosen on a canvas only"):
        create_batch_tasks(str(notes / name), BASIC, ["n1"], notes=True)


@pytest.mark.parametrize("name", ["没有.md", "长" * 300 + ".md", "环.md", "a\0.md"])
def test_a_note_that_is_not_there_is_an_error_of_ours(notes: Path, name: str) -> None:
    (notes / "环.md").symlink_to(notes / "环.md")
    with pytest.raises(SourceError):
        create_batch_tasks(str(notes / name), BASIC)
