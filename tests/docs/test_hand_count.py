"""The example canvas counted by hand equals what `merged_results` says."""

from __future__ import annotations

import os
import string
from collections import Counter
from pathlib import Path
from typing import Any

from tests.docs.pages import Command
from tests.docs.reader import Reader
from tests.documents import body_of

RUN = "parallel-agents run examples/笔记库/离散数学/离散数学.canvas --agent basic-decomposition --model offline --quiet"
MARKS = set("「」『』“”‘’？。，、：；！（）《》…—" + string.punctuation + string.whitespace)
WORDS = {"基础": "basic", "中级": "intermediate", "深度": "advanced"}


def run(folder: Path) -> dict[str, Any]:
    reader = Reader(folder, "zh", os.environ)
    reader.type(Command(RUN), 0)
    (path,) = folder.rglob("批量拆解结果-*.json")
    return body_of(path)


def plain(text: str) -> str:
    """A question without its marks: questions that a person takes for the same one are the same text."""
    return "".join(letter for letter in text if letter not in MARKS).casefold()


def test_the_example_counted_by_hand_is_what_merged_results_says(tmp_path: Path) -> None:
    body = run(tmp_path)
    outputs = [session["result"]["output_data"] for session in body["agent_execution_sessions"]]
    questions = [question for output in outputs for question in output["sub_questions"]]
    difficulties = Counter(WORDS[question["difficulty"]] for question in questions)
    counted = {
        "total_sub_questions": len(questions),
        "guidance_provided_count": sum(bool(question["guidance"]) for question in questions),
        "difficulty_distribution": {word: difficulties[word] for word in WORDS.values()},
    }
    merged = body["result_aggregation"]["merged_results"]
    assert {name: merged[name] for name in counted} == counted
    assert merged["per_agent"] == {"basic-decomposition": {"results": len(outputs), **counted}}
    assert merged["results_per_agent"] == {"basic-decomposition": len(outputs)}
    assert merged["unique_concepts_covered"] == len({plain(question["text"]) for question in questions})
    twice = [text for text, times in Counter(question["text"] for question in questions).items() if times > 1]
    assert twice == ["「命题」的定义是什么？"]


def test_the_example_gives_the_figures_that_were_counted_on_paper(tmp_path: Path) -> None:
    merged = run(tmp_path)["result_aggregation"]["merged_results"]
    assert merged["results_per_agent"] == {"basic-decomposition": 11}
    assert merged["total_sub_questions"] == 73
    assert merged["unique_concepts_covered"] == 72
    assert merged["guidance_provided_count"] == 73
    assert merged["difficulty_distribution"] == {"basic": 73, "intermediate": 0, "advanced": 0}
