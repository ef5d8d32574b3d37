from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.markdown import first_heading, headings, section_of, without_front_matter
from parallel_agents.canvas.notes import NOTE_LIMIT_BYTES
from parallel_agents.canvas.vault import Vault, find_vault_root
from parallel_agents.core.errors import CanvasError

Draw = Callable[..., Canvas]
NOTE = """---
tags: [图]
---
# 图论
开头
## 树
树是连通的。
### 根
有根树。
## 路径
```
## 不是标题
```
欧拉路。
"""


def file_node(file: str, subpath: str = "") -> Node:
    return Node(node_id="f", type="file", file=file, subpath=subpath)


@pytest.fixture
def canvas_path(vault: Path) -> Path:
    (vault / "离散数学" / "图论 入门.md").write_text(NOTE, encoding="utf-8")
    return vault / "离散数学" / "图.canvas"


def test_the_vault_is_the_nearest_folder_that_obsidian_marked(vault: Path, tmp_path: Path) -> None:
    inner = vault / "离散数学" / "深" / "处"
    inner.mkdir(parents=True)
    assert find_vault_root(inner / "图.canvas") == vault
    (vault / "离散数学" / ".obsidian").mkdir()
    assert find_vault_root(inner / "图.canvas") == vault / "离散数学"
    assert find_vault_root(tmp_path / "图.canvas") is None


def test_a_linked_vault_is_found_where_it_really_lies(vault: Path, canvas_path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(vault)
    seen = Vault(tmp_path / "link" / "离散数学" / "图.canvas")
    assert seen.root == vault.resolve()
    assert "开头" in seen.read_note(file_node("离散数学/图论 入门.md"))


def test_a_note_is_read_from_the_root_without_its_front_matter(canvas_path: Path) -> None:
    assert Vault(canvas_path).read_note(file_node("离散数学/图论 入门.md")).startswith("# 图论\n开头")


@pytest.mark.parametrize(
    ("subpath", "section"),
    [
        ("#树", "## 树\n树是连通的。\n### 根\n有根树。"),
        ("#树#根", "### 根\n有根树。"),
        ("#路径", "## 路径\n```\n## 不是标题\n```\n欧拉路。"),
    ],
)
def test_a_subpath_selects_its_section(canvas_path: Path, subpath: str, section: str) -> None:
    assert Vault(canvas_path).read_note(file_node("离散数学/图论 入门.md", subpath)) == section


@pytest.mark.parametrize(
    "file",
    [
        "../秘密.md", "离散数学/../../秘密.md", "..\\秘密.md", "/etc/passwd", "\\\\server\\share\\a.md", "C:\\a.md",
        "c:/a.md", "C:a.md", "\\a.md", "", "  ", "a\0.md",
    ],
)  # fmt: skip
def test_paths_that_could_leave_the_vault_are_refused_unread(canvas_path: Path, vault: Path, file: str) -> None:
    (vault.parent / "秘密.md").write_text("secret", encoding="utf-8")
    with pytest.raises(CanvasError, match=r"node 'f', field 'file'"):
        Vault(canvas_path).read_note(file_node(file))


@given(st.text(alphabet=st.sampled_from("ab./\\:~%\0 笔"), max_size=20))
def test_no_path_at_all_resolves_to_outside(file: str) -> None:
    vault = Vault(EXAMPLE)
    assert vault.root is not None
    try:
        found = vault.resolve(file_node(file))
    except CanvasError:
        return
    assert found.is_relative_to(vault.root)


EXAMPLE = Path(__file__).parents[2] / "examples" / "笔记库" / "离散数学" / "离散数学.canvas"


def test_links_may_stay_inside_and_may_not_leave(canvas_path: Path, vault: Path) -> None:
    (vault.parent / "秘密.md").write_text("secret", encoding="utf-8")
    (vault / "out.md").symlink_to(vault.parent / "秘密.md")
    (vault / "folder").symlink_to(vault.parent)
    (vault / "in.md").symlink_to(vault / "离散数学" / "图论 入门.md")
    (vault / "loop.md").symlink_to(vault / "loop.md")
    seen = Vault(canvas_path)
    assert "图论" in seen.read_note(file_node("in.md"))
    for file in ("out.md", "folder/秘密.md"):
        with pytest.raises(CanvasError, match="leaves the vault"):
            seen.read_note(file_node(file))
    with pytest.raises(CanvasError, match="loop"):
        seen.read_note(file_node("loop.md"))


def test_what_cannot_be_read_is_named(canvas_path: Path, vault: Path) -> None:
    (vault / "latin.md").write_bytes(b"one\ncaf\xe9")
    (vault / "big.md").write_bytes(b"x" * (NOTE_LIMIT_BYTES + 1))
    (vault / "folder.md").mkdir()
    os.mkfifo(vault / "pipe.md")
    told = {
        "gone.md": "is not in the vault",
        "latin.md": r"is not UTF-8 \(line 2\)",
        "big.md": "is larger than 1 MiB",
        "folder.md": "not a regular file",
        "pipe.md": "not a regular file",
        "长" * 300 + ".md": "File name too long",
    }
    for file, words in told.items():
        with pytest.raises(CanvasError, match=words):
            Vault(canvas_path).read_note(file_node(file))
    with pytest.raises(CanvasError, match=r"field 'subpath': .* has no section '#没有'"):
        Vault(canvas_path).read_note(file_node("离散数学/图论 入门.md", "#没有"))


def test_without_a_vault_a_file_node_says_so(tmp_path: Path) -> None:
    with pytest.raises(CanvasError, match="lies in no vault"):
        Vault(tmp_path / "图.canvas").read_note(file_node("a.md"))


def test_line_ends_and_a_bom_do_not_reach_the_text(canvas_path: Path, vault: Path) -> None:
    (vault / "dos.md").write_bytes(b"\xef\xbb\xbf# a\r\nb\rc\n")
    assert Vault(canvas_path).read_note(file_node("dos.md")) == "# a\nb\nc\n"


def test_headings_are_those_outside_code() -> None:
    text = "# 一 #\n```py\n# 注释\n```\n~~~\n## x\n```\n~~~\n  ### **三** ##\n#无\n####### 七\n# C#"
    assert list(headings(text)) == [(0, 1, "一"), (8, 3, "**三**"), (11, 1, "C#")]
    assert first_heading("正文\n## `二`") == "二"
    assert first_heading("没有") is None


def test_a_run_of_blanks_costs_no_quadratic_time() -> None:
    assert first_heading("# x" + " " * 200_000 + "x" + " " * 200_000) is not None


def test_blocks_and_front_matter() -> None:
    text = "第一段\n\n第二段\n^a\n\n- 项 ^b\n\n表\n\n^c"
    assert [section_of(text, f"#^{mark}") for mark in "abcd"] == ["第二段", "- 项", "表", None]
    assert without_front_matter("---\na: 1\n---\n正文\n---\n") == "正文\n---\n"
    assert without_front_matter("---\n不闭合") == "---\n不闭合"


@pytest.mark.parametrize(
    "block", ["", "\n", "标题: 一\n", "tags:\n- a\n", "# 注\na: 1\n", '"a b": 1\n', "'x' : 1\n", "a: b: c\n坏\n"]
)
def test_what_begins_like_yaml_is_front_matter(block: str) -> None:
    assert without_front_matter(f"---\n{block}---\n正文") == "正文"
    assert without_front_matter(f"---\n{block}...\n正文") == "正文"


@pytest.mark.parametrize(
    "block", ["一段话。\n", "- 一项\n", "注意：全角\n", "https://a.b/c\n", "# 标题\n", "**粗**\n\n话: 说\n"]
)
def test_text_between_two_rules_stays(block: str) -> None:
    assert without_front_matter(f"---\n{block}---\n正文") == f"---\n{block}---\n正文"


def test_a_long_line_costs_no_quadratic_time() -> None:
    block = "x" + " " * 400_000
    assert without_front_matter(f"---\n{block}\n---\n") == f"---\n{block}\n---\n"
