"""Names and texts of notes that land beside a canvas."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.canvas.results import ORAL, PLACE, accepted

from parallel_agents.canvas.filing import Filing, plain, stem
from parallel_agents.canvas.graph import Node
from parallel_agents.canvas.landing import Place
from parallel_agents.canvas.vault import Vault

AT = datetime(2025, 10, 28, 16, 17, 26, tzinfo=UTC)
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)


def path_of(place: Place = PLACE, *, topic: str | None = "图论", concept: str | None = None) -> str:
    return Filing(place).note(accepted("n", ORAL, {}, topic=topic, concept=concept), "文").path


@pytest.mark.parametrize(
    ("concept", "name"),
    [
        ("Level Set", "Level Set"),
        ("逆否命题", "逆否命题"),
        ("TCP/IP: 分层?", "TCP IP 分层"),
        ('a<b>"c"|d*e\\f', "a b c d e f"),
        ("C#入门 [一] ^块 | 别名", "C 入门 一 块 别名"),
        ("../../etc/passwd", "etc passwd"),
        ("...", "未命名"),
        ("", "未命名"),
        ("///", "未命名"),
        (".隐藏", "隐藏"),
        ("结尾。. . ", "结尾。"),
        ("一\n二\t三\u2028四\x00五", "一 二 三 四 五"),
        ("左\u202e右\u200b\ufeff", "左右"),
        ("👩\u200d💻 程序", "👩\u200d💻 程序"),
        ("e\u0301tale", "étale"),
        ("CON", "CON"),  # what follows makes it a name of its own
    ],
)
def test_names_hold_nothing_that_a_system_or_a_link_refuses(concept: str, name: str) -> None:
    assert stem(concept, "口语化解释", AT) == f"{name}-口语化解释-20251028161726"


@pytest.mark.parametrize("concept", ["con.x", "AUX.", "nul .y", "LPT¹.a", "COM0.b"])
def test_names_of_devices_are_no_names_of_notes(concept: str) -> None:
    assert not RESERVED.fullmatch(stem(concept, "解释", AT).partition(".")[0].rstrip())


def test_a_long_name_is_cut_between_characters_and_keeps_its_end() -> None:
    assert stem("长" * 300, "口语化解释", AT) == "长" * 53 + "-口语化解释-20251028161726"
    long = stem("a" * 500, "b" * 500, AT)
    assert (len(long.encode()), long[-16:]) == (192, "b-20251028161726")
    # an emoji of several characters is not left with a dangling joiner, nor a letter without its accent
    for pad in range(60, 180):
        cut = plain(stem("a" * pad + "👩\u200d💻" * 30, "t", AT))
        assert "\u200d-" not in cut
    accents = {stem("a" * pad + "x\u0323\u0304" * 40, "t", AT).rpartition("-t-")[0][-1] for pad in range(8)}
    assert accents <= {"a", "\u0304"}


@given(st.text(max_size=400), st.text(max_size=80))
def test_any_name_is_one_that_every_system_takes(concept: str, title: str) -> None:
    made = stem(concept, title, AT)
    assert len(made.encode()) <= 192
    assert not re.search(r'[<>:"/\\|?*#^\[\]\x00-\x1f]', made)
    assert made == made.strip(" .")
    assert not RESERVED.fullmatch(made.partition(".")[0].strip())
    assert unicodedata.is_normalized("NFC", made)
    assert made.endswith("-20251028161726")


@given(st.text(max_size=40), st.sampled_from(["图.canvas", "离散数学/图.canvas", "a/b c/深 处/x.canvas"]))
def test_a_note_is_beside_its_canvas_and_its_path_is_one_that_file_nodes_may_have(concept: str, canvas: str) -> None:
    path = path_of(msgspec.structs.replace(PLACE, canvas=canvas), topic=concept)
    assert PurePosixPath(path).parent == PurePosixPath(canvas).parent
    example = Path(__file__).parents[2] / "examples" / "笔记库" / "离散数学" / "离散数学.canvas"
    found = Vault(example)
    assert found.root is not None
    assert found.resolve(Node(node_id="f", type="file", file=path)) == found.root / path


def test_the_concept_is_what_the_agent_was_told_else_the_canvas() -> None:
    assert path_of(topic="图论", concept="连通 图").startswith("离散数学/连通 图-")
    assert path_of(topic=" 图\n论 ").startswith("离散数学/图 论-")
    assert path_of(topic=None).startswith("离散数学/图-口语化解释-")


def test_names_that_differ_in_case_or_composition_only_are_one_name() -> None:
    filing = Filing(PLACE, ["离散数学/E\u0301TALE-口语化解释-20251028161726.md"])
    results = [accepted("n", ORAL, {}, position=place, topic=topic) for place, topic in enumerate(["étale", "Étale"])]
    names = [filing.note(result, "文").path.rpartition("-")[2] for result in results]
    assert names == ["2.md", "3.md"]


@pytest.mark.parametrize(
    ("zone", "stamp"),
    [
        (UTC, "20251028161726"),
        (timezone(timedelta(hours=8)), "20251029001726"),
        (ZoneInfo("Asia/Shanghai"), "20251029001726"),
    ],
)
def test_name_and_text_tell_the_same_time_in_the_zone_of_the_place(zone: timezone, stamp: str) -> None:
    note = Filing(msgspec.structs.replace(PLACE, timezone=zone)).note(accepted("n", ORAL, {}), "文")
    assert note.path.endswith(f"-{stamp}.md")
    told = re.search(r"- 生成时间: (.*)\n", note.text)
    assert told is not None
    assert re.sub(r"\D", "", told[1]) == stamp


def test_without_a_zone_it_is_that_of_this_machine() -> None:
    here = AT.astimezone()
    assert path_of(msgspec.structs.replace(PLACE, timezone=None)).endswith(f"-{here:%Y%m%d%H%M%S}.md")


def test_what_is_told_above_a_note_stays_on_its_line() -> None:
    note = Filing(PLACE).note(accepted("n\n# x", ORAL, {}, topic="a\n## b"), "\n正文\n\n")
    lines = note.text.split("\n")
    assert lines[0] == "# a ## b - 口语化解释"
    assert "- 来源节点: n # x" in lines
    assert note.text.endswith("\n---\n\n正文\n")


@pytest.mark.parametrize("canvas", ["../图.canvas", "/图.canvas", "a/../../图.canvas", "a\\图.canvas"])
def test_a_canvas_outside_the_vault_gets_no_notes(canvas: str) -> None:
    with pytest.raises(ValueError, match="not a path from the vault's root"):
        Filing(msgspec.structs.replace(PLACE, canvas=canvas))
