"""What is found below a folder, and what is passed over."""

from __future__ import annotations

import os
from pathlib import Path

from parallel_agents.canvas.folder import search


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_every_file_with_the_ending_is_found_in_the_order_of_the_paths(tmp_path: Path) -> None:
    names = ["b.canvas", "a/z.canvas", "a/😀 图.CANVAS", "a b/a.canvas", "离散数学/深/a.canvas", "CON.canvas"]
    touch(*(tmp_path / name for name in names), tmp_path / "a.md", tmp_path / "canvas", tmp_path / "a.canvas.bak")
    found = search(tmp_path, ".canvas")
    shown = [path.relative_to(tmp_path).as_posix() for path in found.files]
    assert shown == ["CON.canvas", "a/z.canvas", "a/😀 图.CANVAS", "a b/a.canvas", "b.canvas", "离散数学/深/a.canvas"]
    assert (found.links, found.faults) == ((), ())


def test_what_is_hidden_is_passed_over_but_the_folder_itself_may_be_hidden(tmp_path: Path) -> None:
    folder = tmp_path / ".vault"
    touch(*(folder / name for name in (".obsidian/a.canvas", ".trash/x/b.canvas", ".c.canvas", "d.canvas")))
    assert search(folder, ".canvas").files == (folder / "d.canvas",)


def test_links_are_told_and_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "out"
    touch(folder / "a.canvas", folder / "sub" / "b.canvas", outside / "c.canvas", outside / "d.txt")
    (folder / "1.canvas").symlink_to(outside / "c.canvas")
    (folder / "2").symlink_to(outside)
    (folder / "3.canvas").symlink_to(folder / "a.canvas")
    (folder / "4").symlink_to(folder)
    (folder / "5.canvas").symlink_to(folder / "5.canvas")
    (folder / "6.canvas").symlink_to(folder / "gone")
    (folder / "7.txt").symlink_to(outside / "d.txt")
    (folder / "8").symlink_to(folder / "8")
    found = search(folder, ".canvas")
    assert found.files == (folder / "a.canvas", folder / "sub" / "b.canvas")
    assert [(link.path.name, link.reason) for link in found.links] == [
        ("1.canvas", "is a link that leaves the folder; it is not followed"),
        ("2", "is a link that leaves the folder; it is not followed"),
        ("3.canvas", "is a link; links are not followed"),
        ("4", "is a link; links are not followed"),
        ("5.canvas", "is a link that leads nowhere"),
        ("6.canvas", "is a link that leads nowhere"),
    ]


def test_a_folder_that_is_a_link_itself_keeps_its_name(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.canvas")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert search(tmp_path / "link", ".canvas").files == (tmp_path / "link" / "a.canvas",)


def test_folders_nested_deeper_than_a_path_can_say_are_faults_and_not_passed_over(tmp_path: Path) -> None:
    touch(tmp_path / "a.canvas")
    before = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(21):
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
        found = search(tmp_path, ".canvas")
    finally:
        os.chdir(before)
    assert found.files == (tmp_path / "a.canvas",)
    assert [fault.problem for fault in found.faults] == ["cannot be read: File name too long"]


def test_a_name_that_is_not_utf8_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.canvas")).touch()
    (tmp_path / os.fsdecode(b"\xff.txt")).touch()
    assert [fault.problem for fault in search(tmp_path, ".canvas").faults] == ["has a name that is not UTF-8"]
