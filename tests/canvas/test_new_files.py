from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.canvas.desk import names_in

from parallel_agents.canvas.newfiles import MadeFile, digest_of_text, make_file, stands_as, unmake_file
from parallel_agents.core.errors import CanvasWriteError


@pytest.fixture
def root(vault: Path) -> Path:
    return vault.resolve()


def test_a_file_is_made_with_its_folders(root: Path) -> None:
    made = make_file(root, "新/深 处/逆否命题-口语化解释.md", "# 文本\n")

    assert (root / "新/深 处/逆否命题-口语化解释.md").read_bytes() == "# 文本\n".encode()
    assert made == MadeFile(
        path="新/深 处/逆否命题-口语化解释.md", digest=digest_of_text("# 文本\n"), folders=("新", "新/深 处")
    )
    assert names_in(root / "新" / "深 处") == ["逆否命题-口语化解释.md"]


def test_it_has_the_permissions_of_an_ordinary_file(root: Path) -> None:
    make_file(root, "a.md", "x")
    (root / "b.md").write_text("x", encoding="utf-8")

    modes = {stat.S_IMODE((root / name).stat().st_mode) for name in ("a.md", "b.md")}
    assert len(modes) == 1


def test_the_same_file_is_not_made_twice(root: Path) -> None:
    make_file(root, "a.md", "x")
    before = (root / "a.md").stat()
    made = make_file(root, "a.md", "x")

    assert not made.is_new
    assert (root / "a.md").stat() == before


def test_another_file_of_that_name_is_left_alone(root: Path) -> None:
    (root / "a.md").write_text("mine", encoding="utf-8")

    with pytest.raises(CanvasWriteError, match=r"a\.md: another file has this name"):
        make_file(root, "a.md", "x")

    assert (root / "a.md").read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    "path", ["", ".", "/etc/x.md", "../x.md", "a/../../x.md", "a\\b.md", "a\0b.md", "..", "离散数学/.."]
)
def test_a_path_that_is_no_plain_one_below_the_root_is_refused(root: Path, tmp_path: Path, path: str) -> None:
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(CanvasWriteError):
        make_file(root, path, "x")

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("depth", ["", "/deeper"])
def test_a_link_out_of_the_vault_is_not_followed(root: Path, tmp_path: Path, depth: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "out").symlink_to(outside)

    with pytest.raises(CanvasWriteError, match="a link leads out of the vault"):
        make_file(root, f"out{depth}/x.md", "x")

    assert names_in(outside) == []


def test_a_link_within_the_vault_is_followed(root: Path) -> None:
    (root / "short").symlink_to(root / "离散数学")
    make_file(root, "short/x.md", "x")

    assert (root / "离散数学" / "x.md").read_text("utf-8") == "x"


def test_a_link_that_has_the_name_is_neither_read_nor_written(root: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    os.mkfifo(canary)  # whoever opens it waits for ever
    (root / "a.md").symlink_to(canary)

    assert stands_as(root, "a.md", digest_of_text("x")) is False
    with pytest.raises(CanvasWriteError, match="another file has this name"):
        make_file(root, "a.md", "x")


def test_a_name_that_is_too_long_is_said_to_be(root: Path) -> None:
    with pytest.raises(CanvasWriteError, match="file name too long"):
        make_file(root, "长" * 100 + ".md", "x")

    assert names_in(root) == [".obsidian", "离散数学"]


def test_a_file_that_was_just_made_is_taken_back(root: Path) -> None:
    made = make_file(root, "新/深/a.md", "x")
    unmake_file(root, made)

    assert names_in(root) == [".obsidian", "离散数学"]


def test_taking_back_leaves_what_was_changed_or_was_there(root: Path) -> None:
    made = make_file(root, "新/a.md", "x")
    again = make_file(root, "新/a.md", "x")
    unmake_file(root, again)
    (root / "新" / "a.md").write_text("mine", encoding="utf-8")
    unmake_file(root, made)

    assert (root / "新" / "a.md").read_text("utf-8") == "mine"


def test_folders_that_hold_something_else_stay(root: Path) -> None:
    made = make_file(root, "新/深/a.md", "x")
    (root / "新" / "mine.md").write_text("mine", encoding="utf-8")
    unmake_file(root, made)

    assert names_in(root / "新") == ["mine.md"]
