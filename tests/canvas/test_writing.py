from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Any

import pytest
from tests.canvas.desk import (
    Disturbed,
    a_node,
    add_to,
    adding,
    data_of,
    hidden_in,
    ids_in,
    names_in,
    once,
    put_canvas,
    rewrite,
    state_beside,
)

from parallel_agents.canvas.exchange import cannot_exchange
from parallel_agents.canvas.statefolder import BACKUPS_KEPT
from parallel_agents.canvas.writing import Point, Revise, write_canvas
from parallel_agents.core.errors import CanvasError, CanvasWriteError, SourceError


@pytest.fixture
def path(vault: Path) -> Path:
    return put_canvas(vault / "离散数学" / "图 😀.canvas", a_node("甲"), a_node("乙"))


def test_a_canvas_is_written_and_its_old_version_is_kept_outside_the_vault(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    written = write_canvas(path, adding("丙"), state=state_beside(tmp_path))

    assert ids_in(path) == ["甲", "乙", "丙"]
    assert (written.before.raw, written.after.raw) == (before, path.read_bytes())
    assert written.backup is not None
    assert written.backup.read_bytes() == before
    assert not written.backup.is_relative_to(path.parents[1])
    assert names_in(path.parent) == [path.name]


def test_nothing_to_do_touches_nothing(path: Path, tmp_path: Path) -> None:
    before = path.stat()
    written = write_canvas(path, adding("甲"), state=state_beside(tmp_path))

    assert written.before is written.after
    assert written.backup is None
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o777])
def test_permissions_stay(path: Path, tmp_path: Path, mode: int) -> None:
    path.chmod(mode)
    os.setxattr(path, "user.note", b"kept")
    write_canvas(path, adding("丙"), state=state_beside(tmp_path))

    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert os.getxattr(path, "user.note") == b"kept"


@pytest.mark.parametrize("moment", ["revised", "written", "ready", "swapping"])
@pytest.mark.parametrize("swaps", [True, False], ids=["exchange", "replace"])
def test_what_somebody_adds_before_the_swap_survives(path: Path, tmp_path: Path, moment: str, swaps: bool) -> None:
    if moment == "swapping" and not swaps:
        moment = "ready"
    disturbed = Disturbed(**{moment: once(lambda: add_to(path, "丁"))})
    manner = disturbed.manner() if swaps else disturbed.manner(exchange=cannot_exchange)
    write_canvas(path, adding("丙"), state=state_beside(tmp_path), manner=manner)

    assert ids_in(path) == ["甲", "乙", "丁", "丙"]
    assert len(disturbed.slept) == 1
    assert hidden_in(path.parent) == []


def test_a_rename_in_the_instant_of_the_swap_survives(path: Path, tmp_path: Path) -> None:
    def replace() -> None:
        put_canvas(path.with_name("new"), a_node("甲", x=50), a_node("丁")).replace(path)

    disturbed = Disturbed(swapping=replace)
    write_canvas(path, adding("丙"), state=state_beside(tmp_path), manner=disturbed.manner())

    assert ids_in(path) == ["甲", "丁", "丙"]
    assert data_of(path)["nodes"][0]["x"] == 50
    assert Point.SWAPPED_BACK in disturbed.seen


def test_somebody_who_edits_ours_before_it_goes_back_is_joined_in(path: Path, tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["nodes"][0]["text"] = "changed"
        data["nodes"].append(a_node("戊"))

    def edit_ours() -> None:
        assert "丙" in ids_in(path)
        rewrite(path, change)

    disturbed = Disturbed(swapping=lambda: add_to(path, "丁"), swapped=once(edit_ours))
    written = write_canvas(path, adding("丙"), state=state_beside(tmp_path), manner=disturbed.manner())

    assert sorted(ids_in(path)) == sorted(["甲", "乙", "丙", "丁", "戊"])
    assert data_of(path)["nodes"][0]["text"] == "changed"
    assert written.merged == 1


def test_a_program_that_has_the_old_file_open_for_writing_is_waited_for(path: Path, tmp_path: Path) -> None:
    new = path.read_text("utf-8").replace('"乙"', '"庚"')
    slow = path.open("r+", encoding="utf-8")

    def finish(_: float) -> None:
        if not slow.closed:
            slow.write(new)
            slow.close()

    write_canvas(path, adding("丙"), state=state_beside(tmp_path), manner=Disturbed().manner(sleep=finish))

    assert ids_in(path) == ["甲", "庚", "丙"]


def test_a_program_that_opened_the_file_just_before_the_swap_is_waited_for(path: Path, tmp_path: Path) -> None:
    late: list[IO[str]] = []
    new = path.read_text("utf-8").replace('"乙"', '"庚"')

    def finish(_: float) -> None:
        for file in late:
            file.write(new)
            file.close()
        late.clear()

    disturbed = Disturbed(swapping=lambda: late.append(path.open("r+", encoding="utf-8")))
    write_canvas(path, adding("丙"), state=state_beside(tmp_path), manner=disturbed.manner(sleep=finish))

    assert ids_in(path) == ["甲", "庚", "丙"]
    assert Point.SWAPPED_BACK in disturbed.seen


def test_a_canvas_that_keeps_changing_is_left_alone_in_the_end(path: Path, tmp_path: Path) -> None:
    numbers = iter(range(100))
    disturbed = Disturbed(ready=lambda: add_to(path, f"n{next(numbers)}"))

    with pytest.raises(CanvasWriteError, match=r"keeps changing it \(waited \d+\.\d s\)\. Nothing was changed"):
        write_canvas(path, adding("丙"), state=state_beside(tmp_path), manner=disturbed.manner())

    assert "丙" not in ids_in(path)
    assert disturbed.slept == sorted(disturbed.slept)
    assert len(ids_in(path)) == 2 + len(disturbed.slept) + 1
    assert hidden_in(path.parent) == []


def test_a_canvas_that_is_removed_in_the_instant_is_not_brought_back(path: Path, tmp_path: Path) -> None:
    disturbed = Disturbed(swapping=lambda: add_to(path, "丁"), swapped=path.unlink)

    with pytest.raises(CanvasWriteError, match=r"was removed while it was written; what it held is kept as") as raised:
        write_canvas(path, adding("丙"), state=state_beside(tmp_path), manner=disturbed.manner())

    kept = Path(str(raised.value).partition("is kept as ")[2])
    assert ids_in(kept) == ["甲", "乙", "丁"]
    assert names_in(path.parent) == []


def test_the_newest_ten_versions_are_kept(path: Path, tmp_path: Path) -> None:
    state = state_beside(tmp_path)
    versions: list[bytes] = []
    for number in range(BACKUPS_KEPT + 3):
        versions.append(path.read_bytes())
        write_canvas(path, adding(f"n{number}"), state=state)

    kept = sorted(state.backups_of(path.resolve()).iterdir())
    assert [one.read_bytes() for one in kept] == versions[-BACKUPS_KEPT:]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"nodes": 3}', b'{"nodes": [{"id": 1}]}'])
def test_a_damaged_canvas_is_refused_and_left_as_it_is(path: Path, tmp_path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises((SourceError, CanvasError)):
        write_canvas(path, adding("丙"), state=state_beside(tmp_path))

    assert path.read_bytes() == content


def test_a_canvas_that_is_not_there_is_an_error(path: Path, tmp_path: Path) -> None:
    path.unlink()

    with pytest.raises(SourceError, match="there is no such file"):
        write_canvas(path, adding("丙"), state=state_beside(tmp_path))


def test_what_the_revision_raises_leaves_the_canvas_as_it_was(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()

    def refuse(_: object) -> bytes:
        raise CanvasError(path, "no")

    with pytest.raises(CanvasError, match="no"):
        write_canvas(path, refuse, state=state_beside(tmp_path))

    assert path.read_bytes() == before
    assert hidden_in(path.parent) == []


@pytest.mark.parametrize("kind", ["canvas", "folder", "vault"])
def test_a_link_leads_to_the_real_file(vault: Path, path: Path, tmp_path: Path, kind: str) -> None:
    link = {"canvas": vault / "link.canvas", "folder": vault / "f", "vault": tmp_path / "v"}[kind]
    link.symlink_to({"canvas": path, "folder": path.parent, "vault": vault}[kind])
    named = {"canvas": link, "folder": link / path.name, "vault": link / "离散数学" / path.name}[kind]
    write_canvas(named, adding("丙"), state=state_beside(tmp_path))

    assert "丙" in ids_in(path)
    assert link.is_symlink()


def test_a_link_that_leaves_the_vault_is_not_written(vault: Path, tmp_path: Path) -> None:
    outside = put_canvas(tmp_path / "outside.canvas", a_node("甲"))
    before = outside.read_bytes()
    link = vault / "link.canvas"
    link.symlink_to(outside)

    with pytest.raises(CanvasError, match="is a link that leaves"):
        write_canvas(link, adding("丙"), state=state_beside(tmp_path))

    assert outside.read_bytes() == before


def test_what_a_killed_writer_left_is_removed(path: Path, tmp_path: Path) -> None:
    state = state_beside(tmp_path)
    left: list[Path] = []

    def copy(name: str) -> None:
        (made,) = path.parent.glob(f".parallel-agents-*.{name}")
        left.append(made.with_name(made.name.replace(".writing", "0.writing")))
        left[-1].write_bytes(made.read_bytes()[:10])

    write_canvas(path, adding("丙"), state=state, manner=Disturbed(written=lambda: copy("writing")).manner())
    assert left[0].exists()
    write_canvas(path, adding("丙"), state=state)

    assert hidden_in(path.parent) == []


def test_what_somebody_wrote_as_a_writer_was_killed_is_joined_in(path: Path, tmp_path: Path) -> None:
    state = state_beside(tmp_path)
    revise: Revise = adding("丙")

    class KilledError(Exception):
        """Stands for the end of the process: nothing after it is done."""

    def die() -> None:
        raise KilledError

    disturbed = Disturbed(swapping=lambda: add_to(path, "丁"), swapped=die)
    with pytest.raises(KilledError):
        write_canvas(path, revise, state=state, manner=disturbed.manner())
    assert ids_in(path) == ["甲", "乙", "丙"]
    add_to(path, "己")

    write_canvas(path, revise, state=state)

    assert ids_in(path) == ["甲", "乙", "丙", "己", "丁"]
    assert hidden_in(path.parent) == []
