"""The words of a study report, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from parallel_agents.cli.language import Language

UNKNOWN = "—"

_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Study report", "学习报告"),
    "tasks": ("{completed} of {total} tasks completed", "已完成 {completed}/{total} 个任务"),
    "others": (
        "{failed} failed, {skipped} skipped, {cancelled} cancelled, {pending} pending, {running} running",
        "失败 {failed}，跳过 {skipped}，取消 {cancelled}，等待 {pending}，运行中 {running}",
    ),
    "no_model": (
        "{model} is not a language model: it quotes and asks from the material itself, and never scores",
        "{model} 不是语言模型：它只从材料中摘录和提问，从不评分",
    ),
    "next": ("Study next", "接下来学什么"),
    "nothing_next": (
        "Nothing is open: every question has an understanding, and none that was scored is below {mastered}.",
        "没有待办：每个问题都有理解，评过分的都不低于 {mastered} 分。",
    ),
    "cannot_tell_next": ("What is open cannot be told: {problem}", "无法判断还有什么没学：{problem}"),
    "scored_low": ("scored {total} of 100", "得分 {total}/100"),
    "weakest": ("weakest in {name}: {points} of 25", "最弱的维度是{name}：{points}/25"),
    "unanswered": ("not answered yet: write your understanding below it", "还没有回答：请在它下面写下您的理解"),
    "never_scored": ("written, and never scored", "已写下理解，但从未评分"),
    "scores": ("Scores", "评分"),
    "score_line": (
        "{scored} scored, {mean} of 100 on average; {unscored} unscored",
        "已评分 {scored} 个，平均 {mean}/100；未评分 {unscored} 个",
    ),
    "no_scores": ("This execution gave no score.", "这次执行没有给出评分。"),
    "only_unscored": (
        "Unscored: {unscored}. The model could not judge, so there is no score.",
        "{unscored} 个结果未评分：模型无法判断，因此没有任何分数。",
    ),
    "dimension": ("dimension, the weakest first", "维度（最弱的在前）"),
    "of_25": ("average of 25", "平均分（满分 25）"),
    "lowest": ("Lowest scores", "得分最低的"),
    "colon": (": ", "："),
    "semicolon": ("; ", "；"),
    "canvas": ("Canvas", "画布"),
    "colour": ("colour", "颜色"),
    "before": ("before", "之前"),
    "after": ("after", "之后"),
    "now": ("now", "现在"),
    "nodes": ("nodes", "节点"),
    "edges": ("edges", "连线"),
    "unreadable": ("The canvas cannot be read now: {problem}", "现在无法读取画布：{problem}"),
    "questions": ("Questions", "问题"),
    "asked": ("questions asked: {asked}", "提出的问题：{asked}"),
    "open": (
        "{open} of the {questions} questions on the canvas are not answered yet:",
        "画布上的 {questions} 个问题中，还有 {open} 个没有回答：",
    ),
    "all_answered": (
        "Every one of the {questions} questions on the canvas is answered.",
        "画布上的 {questions} 个问题都已回答。",
    ),
    "explanations": ("Explanations", "解释"),
    "explained": ("Explanations written: {number}.", "写了 {number} 篇解释。"),
    "failures": ("Failures", "失败的任务"),
    "failed": ("Failed tasks: {number}. This tries all of them again:", "{number} 个任务失败。全部重试："),
    "no_error": ("the journal has no error of it", "日志中没有它的错误"),
    "retry_one": ("only this one:", "只重试这一个："),
    "more": ("… and {left} more", "…… 还有 {left} 个"),
    "open_canvas": ("open in Obsidian", "在 Obsidian 中打开"),
    "node": ("node", "节点"),
    "accuracy": ("accuracy", "准确性"),
    "imagery": ("imagery", "形象性"),
    "completeness": ("completeness", "完整性"),
    "originality": ("originality", "原创性"),
}


def word(language: Language, key: str, **values: object) -> str:
    """A phrase in a language with its values; None among them is told as unknown."""
    english, chinese = _WORDS[key]
    told = {name: UNKNOWN if value is None else value for name, value in values.items()}
    return (chinese if language == "zh" else english).format(**told)


def figure(value: float | None) -> str:
    """A number as it is shown; a dash where nobody knows it."""
    return UNKNOWN if value is None else f"{value:g}"
