"""The command line speaks English or Chinese; what it hands on (values, JSON, exit codes) has no language."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Protocol

import pytest
from tests.cli.messages import SILENT, SOURCE, messages
from tests.documents import body_of

from parallel_agents.cli.language import Language, language_of
from parallel_agents.cli.translation import FOLDER, Catalogue, catalogue, read_pairs

HAN = re.compile(r"[\u4e00-\u9fff]")
PAIRS = read_pairs((FOLDER / "messages.txt").read_text(encoding="utf-8"))
PARTS = {
    " - at ": "where a validation error is cut",
    "node {} above it: ": "before the problem with that node",
    "in the item {}, ": "before the key that stands twice",
    "in {}: {}": "the canvas of a folder, before what is odd about it",
    "line {}": "where something cannot be read, before the reason",
    "field {}": "the same",
    " and no ": "joins names in 'the canvas gives no'",
    "(its default)": "stands in the sentences of rules between keys",
    "in {}": "the same",
    "its default": "the same",
    "one of ": "before a list of values",
    " for {}": "one agent of several, behind what is skipped for it",
    " from {} to {}": "the range of a number",
    "end of {}": "the name of an asyncio task",
    "attempt {}": "the name of an asyncio task",
    "call of {}": "the name of an asyncio task",
    "a whole number{}": "before its range",
    "a number{}": "before its range",
    "is not a number": "behind the option and its value",
    "is not a whole number": "the same",
    "is not one of {}": "the same",
    ". Did you mean {}?": "behind the problem that it helps with",
    "{}{} `{}` says how to use it.": "the problem that it helps with, its stop, the help",
    "{}agent {} {}": "an error's place, agent and problem; each is looked up",
    "{} (colour {})": "stands in 'no node is'",
    "{} about {} left": "behind the count in brackets",
    "{} at {}": "the name of a lane",
    "{} at {}:{}": "the name of a lane",
    "{} running{}": "before the number of failures",
    "command watch": "the name of an asyncio task",
    "Endpoint({}, {})": "a repr",
    '"" or a hint that starts with "{}"': "said to models",
    "credit balance is too low": "a provider's words that are looked for",
    "path too long": "the system's words that are looked for",
}
"""What is composed into sentences before anybody reads it; the sentences have lines of their own."""
NOT_WORDS = re.compile(r"\b(SELECT|INSERT|CREATE)\b|^[\w\s.|\[\]]+\| None|^\{|^module |^[A-Z_]+_URL=|^$")


class Shell(Protocol):
    """See conftest."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]: ...

    def canvas(self, *texts: str) -> Path: ...


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_SG"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "PARALLEL_AGENTS_LANG": "en"}, "en"),
        ({"LC_ALL": "C", "PARALLEL_AGENTS_LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "PARALLEL_AGENTS_LANG": "fr"}, "zh"),
    ],
)
def test_our_variable_then_the_locale_say_the_language(environ: dict[str, str], language: Language) -> None:
    assert language_of(environ) == language


def test_every_message_has_a_chinese_line() -> None:
    found = [(module, line) for module, text in messages() for line in text.split("\n") if line not in PARTS]
    assert len(found) > 300
    missing = [f"{module}: {line!r}" for module, line in found if not NOT_WORDS.search(line) and not known(line)]
    assert not missing, "add to src/parallel_agents/cli/zh/messages.txt:\n" + "\n".join(missing)


def known(line: str) -> bool:
    # A sentence before or behind a placeholder stands there as that placeholder's value.
    line = re.sub(r"(?<=\. )\{\}$|^\{\}(?=[A-Z])|(?<=\.)\{\}$", "", line.strip()).strip()
    numbers = iter(range(1, 99))
    text = re.sub(r"\{\}", lambda _: str(next(numbers)), line)
    return catalogue().translated(text, closed=True) is not None


def test_what_is_passed_over_is_there() -> None:
    assert [module for module in SILENT if not (SOURCE / module).is_file()] == []
    texts = {line for _, text in messages() for line in text.split("\n")}
    assert [part for part in PARTS if part not in texts] == []


def test_a_message_without_a_line_is_noticed() -> None:
    assert not known("the moon is made of cheese")


def test_every_chinese_line_carries_every_value() -> None:
    articles = {"is {} {}; the agent reads {}"}
    for english, chinese in PAIRS.items():
        wanted = set(range(1, english.count("{") + 1))
        used = {int(number) for number in re.findall(r"\{(\d)\*?\}", chinese)}
        assert used == wanted or english in articles, english
        assert HAN.search(chinese) or not HAN.search(english), english


@pytest.fixture
def small() -> Catalogue:
    return Catalogue(
        {
            "there is no {}": "没有 {1}",
            "{} is not a {}": "{1} 不是 {2*}",
            "list": "列表",
            "{#} failed": "失败 {1}",
            "{w} skipped": "跳过 {1}",
            "Try again": "请重试",
            "warning: {}": "警告：{1*}",
        }
    )


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("there is no a. B", "没有 a. B"),
        ("there is no x. Try again.", "没有 x。请重试。"),
        ("there is no a. B. Try again.", "没有 a. B。请重试。"),
        ("x is not a list", "x 不是 列表"),
        ("x is not a tuple", "x 不是 tuple"),
        ("warning: x is not a list", "警告：x 不是 列表"),
        ("3 failed, 2 skipped", "失败 3，跳过 2"),
        ("the request failed", None),
        ("it was skipped", None),
        ("there is no x. Then the model said this.", "没有 x. Then the model said this."),
        ("whatever a provider says", None),
    ],
)
def test_values_are_carried_over_and_foreign_words_left_alone(
    small: Catalogue, english: str, chinese: str | None
) -> None:
    assert small.translated(english) == chinese


@pytest.mark.parametrize(
    "words",
    [
        "failed to parse: the model said nothing",
        "one of the nodes has no text",
        "question everything",
        "the request failed, from start to end",
        "It reads the node badly. Try again later.",
        '{"error": {"message": "Rate limit reached for requests"}}',
        "Connection reset by peer",
    ],
)
def test_what_a_model_or_an_agent_says_of_itself_stays_as_it_was_said(words: str) -> None:
    assert catalogue().translated(words) is None
    assert catalogue().translated(f"failed node n1: {words}") == f"失败 节点 n1：{words}"


@pytest.mark.parametrize("text", ["english\n", "english\nenglish\n    中\n", "    中\n", "a\n    甲\na\n    乙\n"])
def test_a_line_without_its_partner_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"partner|Chinese"):
        read_pairs(text)


COMMANDS = [
    (("frobnicate",), 2, "没有命令 'frobnicate'"),
    (("run",), 2, "缺少 SOURCE"),
    (("run", "课 件.canvas"), 2, "画布需要指定 Agent"),
    (("run", "没有.canvas", "--agent", "oral-explanation"), 2, "没有.canvas：没有这个文件"),
    (
        ("run", "课 件.canvas", "--agent", "oral-explanaton", "--model", "offline"),
        2,
        "您是不是想用 'oral-explanation'？",
    ),
    (("run", "课 件.canvas", "--agent", "oral-explanation", "--model", "gpt"), 2, "没有模型 'gpt'。"),
    (("run", "课 件.canvas", "--agent", "oral-explanation", "--model", "offline", "--max-concurrent", "99"), 2, "99"),
    (("run", "课 件.canvas", "--agent", "picky.md", "--nodes", "zz"), 2, "节点 'zz'：画布上没有这个节点"),
    (("run", "bad.jsonl", "--model", "offline"), 2, "bad.jsonl:1，键 'prioritty'：不是任务的键"),
    (("config", "check", "bad.yaml"), 2, "bad.yaml:2: parallel_processing.min_concurrent：应为 不小于 1 的整数"),
    (("agents", "check", "missing.md"), 2, "missing.md：Agent 'missing.md' 无法读取：没有这个文件或目录"),
    (("results", "exec-0000000000000000"), 2, "没有执行 'exec-0000000000000000'"),
    (("status",), 0, "没有执行记录"),
    (("run", "课 件.canvas", "--agent", "picky.md", "--output", "out.json"), 1, "失败 节点 n4：refused"),
    (("run", "课 件.canvas", "--agent", "scoring-agent", "--model", "offline"), 2, "没有可运行的任务；跳过了 5 个节点"),
    (
        (
            "run",
            "--help",
        ),
        0,
        "示例：\n  # 不用语言模型",
    ),
]


@pytest.mark.parametrize(("arguments", "code", "words"), COMMANDS, ids=lambda value: str(value)[:60])
def test_a_command_says_the_same_in_both_languages(
    shell: Shell, arguments: tuple[str, ...], code: int, words: str
) -> None:
    shell.canvas(
        *(f"整除的定义 {number}：能被 {number + 2} 整除的整数。" * 2 for number in range(4)), "refuse this, please"
    )
    (shell.folder / "bad.jsonl").write_text('{"agent_name": "x", "prioritty": 1, "input_data": {}}\n', encoding="utf-8")
    (shell.folder / "bad.yaml").write_text("parallel_processing:\n  min_concurrent: none\n", encoding="utf-8")
    shell.environ |= {"PARALLEL_AGENTS_LANG": "", "LC_ALL": "C.UTF-8"}
    english = shell.run(*arguments)
    shell.environ["LC_ALL"] = "zh_CN.UTF-8"
    shell.environ["PARALLEL_AGENTS_JOURNAL"] += "-2"
    chinese = shell.run(*arguments)
    assert (english.returncode, chinese.returncode) == (code, code), chinese.stderr
    assert words in chinese.stdout + chinese.stderr
    assert (
        not HAN.search((english.stderr + english.stdout).replace("课 件", "").replace("没有.canvas", "")) or code == 0
    )
    complaints = [line for line in chinese.stderr.splitlines() if line.startswith("parallel-agents")]
    assert len(complaints) == (code == 2)


def test_json_is_the_same_in_every_language(shell: Shell) -> None:
    documents: list[dict[str, object]] = []
    for language in ("en", "zh"):
        shell.environ |= {"PARALLEL_AGENTS_LANG": language, "PARALLEL_AGENTS_JOURNAL": str(shell.folder / language)}
        done = shell.run("run", "课 件.canvas", "--agent", "picky.md", "--json", "--output", f"{language}.json")
        body = body_of(done.stdout)
        documents.append({"status": body["overall_status"], "keys": sorted(body), "queue": body["task_queue"]})
        assert json.loads(shell.run("status", "--json").stdout)
    assert documents[0] == documents[1]
    assert documents[0]["status"] == "completed"
