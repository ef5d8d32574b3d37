"""A study report: counted from accepted results and the canvas as it stands, never invented, and safe to open."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.results import scene

from parallel_agents.canvas.checking import Checked
from parallel_agents.canvas.palette import PALETTES
from parallel_agents.canvas.studying import LISTED, CanvasStudy, Score, Scores, ScoreSheet, Spot, Study, next_steps
from parallel_agents.canvas.survey import Named
from parallel_agents.cli.nodelinks import code, escaped, obsidian_link, vault_link
from parallel_agents.cli.studyhtml import html_of
from parallel_agents.cli.studymarkdown import markdown_of
from parallel_agents.core.aggregate import DIMENSIONS
from parallel_agents.core.settlement import Settlement
from parallel_agents.executions import Executions
from parallel_agents.journal import SqliteJournal
from parallel_agents.study import study_of

TRAP = "<script>alert(1)</script> [[x|y]] ](http://127.0.0.1) `rm` **b** $x$ %%c%% |"
Write = Callable[..., Path]


@pytest.fixture
def canvas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A canvas where the tasks of the scene have it: one question that is answered and one that is not."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "笔记 库" / "逻辑.canvas"
    (path.parent / ".obsidian").mkdir(parents=True)
    nodes = [text("m", "# 命题逻辑", "1"), text("q", "什么是命题？", "4"), text("u", "能判断真假的陈述句。", "6")]
    nodes.append(text("open", f"什么是真值？{TRAP}", "1"))
    edges = [edge("m", "q", "基础拆解问题"), edge("q", "u", "个人理解"), edge("m", "open", "基础拆解问题")]
    path.write_text(json.dumps({"nodes": nodes, "edges": edges}), encoding="utf-8")
    return path


def text(node_id: str, told: str, color: str) -> dict[str, Any]:
    return {"id": node_id, "type": "text", "text": told, "x": 0, "y": 0, "width": 9, "height": 9, "color": color}


def edge(source: str, target: str, label: str) -> dict[str, Any]:
    return {"id": f"{source}{target}", "fromNode": source, "toNode": target, "label": label}


def score(*points: int) -> dict[str, Any]:
    return {"total_score": sum(points), "breakdown": dict(zip(DIMENSIONS, points, strict=True)), "pass": False}


def unscored(key: int) -> Settlement:
    return msgspec.structs.replace(scene.accepted(key, {}), result_status="unscored")


async def studied(
    folder: Path, number: int, settle: Callable[[int], Settlement], checks: Mapping[str, Checked] | None = None
) -> Study:
    journal = await scene.filled(folder / "journal.sqlite3", number, settle)
    try:
        return await study(journal, checks)
    finally:
        await journal.aclose()


async def study(journal: SqliteJournal, checks: Mapping[str, Checked] | None = None) -> Study:
    executions = Executions(journal, now=lambda: 200.0, sampled=lambda _: None)
    return await study_of(executions, scene.EXECUTION, PALETTES["project-v1"], checks=checks)


async def test_scores_are_those_that_were_accepted_and_the_weakest_dimension_stands_first(
    tmp_path: Path, canvas: Path
) -> None:
    outputs = [score(24, 22, 22, 20), score(20, 10, 18, 20), {"total_score": 35, "breakdown": None}]

    def settle(key: int) -> Settlement:
        if key <= len(outputs):
            return scene.accepted(key, outputs[key - 1])
        return unscored(key) if key <= 5 else scene.refused(key, "不合约定")

    found = await studied(tmp_path, 7, settle)
    assert (found.scores.scored, found.scores.unscored, found.failures) == (3, 2, 2)
    assert found.scores.mean == round((88 + 68 + 35) / 3, 2)
    assert [(one.name, one.mean) for one in found.scores.dimensions] == [
        ("imagery", 16.0),
        ("completeness", 20.0),
        ("originality", 20.0),
        ("accuracy", 22.0),
    ]
    assert [one.total for one in found.scores.lowest] == [35, 68, 88]
    assert [one.weakest for one in found.scores.lowest] == [None, "imagery", "originality"]
    assert found.tasks == {
        "total": 7,
        "reused": 0,
        "pending": 0,
        "waiting": 0,
        "running": 0,
        "completed": 5,
        "failed": 2,
        "skipped": 0,
        "cancelled": 0,
    }


async def test_what_nobody_scored_has_no_score_anywhere(tmp_path: Path, canvas: Path) -> None:
    found = await studied(tmp_path, 2, unscored)
    assert found.scores == Scores(scored=0, unscored=2, mean=None, dimensions=(), lowest=())
    for language in ("en", "zh"):
        told = [markdown_of(found, language, in_vault=True), html_of(found, language)]
        assert not [page for page in told if re.search(r"of (100|25)|/ ?(100|25)", page)]


async def test_questions_explanations_and_failures_are_counted_and_bounded(tmp_path: Path, canvas: Path) -> None:
    outputs = [{"sub_questions": [{"text": "一？"}, {"text": "二？"}]}, {"markdown": "# 解释"}]
    number = 2 * LISTED + 20

    def settle(key: int) -> Settlement:
        return scene.refused(key, TRAP) if key % 2 else scene.accepted(key, outputs[key // 2 % 2])

    found = await studied(tmp_path, number, settle)
    assert (found.failures, len(found.failed)) == (number // 2, LISTED)
    assert found.questions_asked == 2 * (number // 4)
    assert found.explanations == number // 2 - number // 4
    page = markdown_of(found, "en", in_vault=True)
    assert page.count("parallel-agents retry exec-0123456789abcdef --task task-") == LISTED
    assert "parallel-agents retry exec-0123456789abcdef --failed" in page
    assert f"… and {number // 2 - LISTED} more" in page


async def test_the_canvas_is_told_as_it_stands_and_before_only_where_a_check_saw_it(
    tmp_path: Path, canvas: Path
) -> None:
    path = "笔记 库/逻辑.canvas"
    journal = await scene.filled(tmp_path / "journal.sqlite3", 1, lambda key: scene.accepted(key, {"markdown": "解释"}))
    checked = Checked(
        nodes_before=3,
        nodes_after=9,
        edges_before=2,
        edges_after=8,
        colours_before={"1": 1, "4": 1, "none": 1},
        colours_after={"1": 4, "2": 5},
    )
    try:
        now, landed = await study(journal), await study(journal, {path: checked})
    finally:
        await journal.aclose()
    assert now.canvases[0].colours_before is None
    assert now.canvases[0].colours_after == {"red": 3, "yellow": 1}
    assert (now.canvases[0].nodes_before, now.canvases[0].nodes_after) == (None, 4)
    assert landed.canvases[0].colours_before == {"red": 2, "none": 1}
    assert landed.canvases[0].colours_after == {"green": 5, "red": 4}
    page = markdown_of(landed, "en", in_vault=True)
    for row in (
        "| red | 2 | 4 |",
        "| green | 0 | 5 |",
        "| none | 1 | 0 |",
        "| *nodes* | 3 | 9 |",
        "| *edges* | 2 | 8 |",
    ):
        assert row in page
    assert "| before |" not in markdown_of(now, "en", in_vault=True)
    assert "2 → 4" in html_of(landed, "en")


async def test_a_canvas_that_is_gone_is_told_and_nothing_is_said_of_it(tmp_path: Path, canvas: Path) -> None:
    def settle(key: int) -> Settlement:
        canvas.unlink()
        return scene.accepted(key, {"markdown": "解释"})

    found = await studied(tmp_path, 1, settle)
    (one,) = found.canvases
    assert (one.problem, one.nodes_after, one.questions, found.steps) == ("there is no such file", None, None, ())
    for page in (markdown_of(found, "en", in_vault=False), html_of(found, "en")):
        assert "The canvas cannot be read now: there is no such file" in page
        assert "Nothing is open" not in page


def a_score(node: str, total: int) -> Score:
    return Score(spot=Spot(text=node, node_id=node, canvas_path="c"), total=total)


def scores_of(*totals: int) -> Scores:
    sheet = ScoreSheet(DIMENSIONS)
    for number, total in enumerate(totals):
        sheet.add(a_score(f"s{number}", total))
    return sheet.told()


def a_canvas(*open_ids: str, written: tuple[str, ...] = ()) -> CanvasStudy:
    return CanvasStudy(
        path="c",
        questions=9,
        unanswered=tuple(Named(one, one) for one in open_ids),
        never_scored=tuple(Named(one, one) for one in written),
    )


@pytest.mark.parametrize(
    ("totals", "canvas_study", "steps"),
    [
        (
            (79, 10, 60, 59),
            a_canvas("q"),
            [("s1", "oral-explanation"), ("s3", "oral-explanation"), ("s2", "deep-decomposition")],
        ),
        ((80, 100), a_canvas("q"), [("q", None)]),
        (
            (70,),
            a_canvas("s0", "q", written=("w",)),
            [("s0", "deep-decomposition"), ("q", None), ("w", "scoring-agent")],
        ),
        ((), a_canvas(), []),
    ],
)
def test_the_next_three_are_the_lowest_scores_then_open_questions_then_what_was_never_scored(
    totals: tuple[int, ...], canvas_study: CanvasStudy, steps: list[tuple[str, str | None]]
) -> None:
    found = next_steps(scores_of(*totals), [canvas_study])
    assert [(step.spot.node_id, step.agent) for step in found] == steps


def test_only_the_lowest_scores_are_kept_however_many_there_are() -> None:
    found = scores_of(*(number % 101 for number in range(1000)))
    assert (found.scored, len(found.lowest)) == (1000, LISTED)
    assert [one.total for one in found.lowest] == sorted(number % 101 for number in range(1000))[:LISTED]
    assert found.lowest[0].spot.node_id == "s0"  # of equals, the first


class Links(HTMLParser):
    """Everything in a page that could run or load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "srcset", "xlink:href"}]


async def test_the_page_runs_and_loads_nothing_whatever_stands_on_the_canvas(tmp_path: Path, canvas: Path) -> None:
    found = await studied(tmp_path, 2, lambda key: scene.refused(key, TRAP))
    page = html_of(found, "zh")
    links = Links()
    links.feed(page)
    assert not links.tags & {"script", "img", "link", "iframe", "object", "image", "use", "foreignobject"}
    assert not links.handlers
    assert links.addresses
    assert all(address.startswith("obsidian://open?") for address in links.addresses)
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "&lt;script&gt;" in page


async def test_both_languages_and_both_forms_tell_the_same_figures(tmp_path: Path, canvas: Path) -> None:
    outputs = [score(24, 22, 22, 20), score(5, 5, 10, 15)]
    found = await studied(tmp_path, 2, lambda key: scene.accepted(key, outputs[key - 1]))
    pages = {language: markdown_of(found, language, in_vault=True) for language in ("en", "zh")}
    figures = {
        language: sorted(re.findall(r"(?<![\w.%#])\d+(?:\.\d+)?(?![\w%])", page)) for language, page in pages.items()
    }
    assert figures["en"] == figures["zh"]
    for page in (*pages.values(), html_of(found, "en"), html_of(found, "zh")):
        assert "61.5" in page
        assert "13.5" in page
        assert "--agent oral-explanation --nodes n1 --model openai:m" in page


async def test_inside_the_vault_a_report_links_as_notes_do_and_outside_only_by_address(
    tmp_path: Path, canvas: Path
) -> None:
    found = await studied(tmp_path, 1, lambda key: scene.accepted(key, score(1, 2, 3, 4)))
    inside, outside = (markdown_of(found, "en", in_vault=is_there) for is_there in (True, False))
    assert "[[逻辑.canvas|逻辑]]" in inside
    assert "[[逻辑.canvas" not in outside
    address = "obsidian://open?vault=%E7%AC%94%E8%AE%B0%20%E5%BA%93&file=%E9%80%BB%E8%BE%91.canvas"
    assert address in inside
    assert address in outside
    assert str(tmp_path) not in inside + outside


@pytest.mark.parametrize("name", ["a|b", "a[1]", "a#b", "a^b"])
def test_a_name_that_breaks_a_wikilink_is_linked_as_an_address(name: str) -> None:
    link = vault_link(CanvasStudy(path="x", vault_root="v", in_vault=f"{name}.canvas"))
    assert link is not None
    assert not link.startswith("[[")
    assert re.search(r"\]\([\w.%]+\)$", link)


def test_without_a_vault_the_whole_path_is_the_address() -> None:
    one = CanvasStudy(path="x y.canvas")
    assert vault_link(one) is None
    assert obsidian_link(one).startswith("obsidian://open?path=%2F")
    assert obsidian_link(one).endswith("x%20y.canvas")


@pytest.mark.parametrize(
    "told", ["# a", "- a", "1. a", "> a", "a\n\nb", "**a**", "`a`", "<b>", "[[a]]", "|", "+ a", "$a$"]
)
def test_text_is_shown_as_it_is(told: str) -> None:
    shown = escaped(told)
    assert "\n" not in shown
    assert not re.match(r"[#>+-]|\d+[.)] ", shown)
    assert not re.search(r"(?<!\\)[*_`<>|$\[\]]", shown)
    assert re.sub(r"\\(.)", r"\1", shown) == " ".join(told.split())


@pytest.mark.parametrize("told", ["a", "a`b", "`` a", "a\nb"])
def test_code_holds_any_backticks(told: str) -> None:
    fence = re.match("`+", code(told))
    assert fence is not None
    inside = code(told).removeprefix(fence.group()).removesuffix(fence.group())
    assert inside.strip() == " ".join(told.split())
    assert fence.group() not in re.findall("`+", inside)
