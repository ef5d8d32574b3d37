"""Reads what a model answered: tolerant of what stands around, never of what is in it."""

from __future__ import annotations

import json
import re
from typing import Any, cast

_THOUGHTS = re.compile(r"\A\s*<(think|thinking|thought|reasoning)>", re.IGNORECASE)
# Where a server has taken the opening mark for its own, only the closing one is left.
_THOUGHTS_END = re.compile(r"</(?:think|thinking)>[ \t]*\n", re.IGNORECASE)
_FENCED = re.compile(r"\A\s*```([\w-]*)[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
# A fence that says it holds Markdown, between texts without headings or code.
_WRAPPED = re.compile(
    r"\A[^#`]*^```(?:md|markdown)[ \t]*\n(.*)\n```[ \t]*$[^#`]*\Z", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
_HEADING = re.compile(r"^(#{1,6})[ \t](.*)$")
# Chinese, Japanese and Korean characters one by one, of other scripts the words.
_EAST_ASIAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_COUNTED = re.compile(rf"[{_EAST_ASIAN}]|[^\W_{_EAST_ASIAN}]+(?:['’-][^\W_{_EAST_ASIAN}]+)*")
# Each failed start reads at most to the end of the answer, so their number bounds the time.
_STARTS = 200


class Problems(Exception):  # noqa: N818 - not an error of the program: what is wrong with an answer
    """Everything that is wrong with an answer, one sentence each."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def json_object(text: str, key: str) -> dict[str, Any]:
    """Find the JSON object that has `key`: the whole text, inside a fence, or between other text.

    Raises:
        Problems: there is none, or there are two that differ; a key stands twice; a number is none of JSON's.
    """
    answer = _unquoted(_said(text))
    found = [value for value in _objects(answer) if key in value]
    if not found:
        raise Problems(f"there is no JSON object with the key {key!r}" if answer.strip() else "the answer is empty")
    if any(other != found[0] for other in found[1:]):
        raise Problems(f"there are several JSON objects with the key {key!r}, and they differ")
    _refuse_half_characters(found[0])
    return found[0]


def _said(text: str) -> str:
    """An answer without the thoughts before it, a byte order mark and the returns of another system."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    opened = _THOUGHTS.match(plain)
    if opened is None:
        ended = _THOUGHTS_END.search(plain)
        return plain if ended is None or "<think" in plain[: ended.start()].lower() else plain[ended.end() :]
    _, closing, answer = plain.partition(f"</{opened[1]}>")
    if not closing:  # what stands in thoughts may look like an answer, and is a draft of one
        raise Problems(f"it holds nothing but thoughts: <{opened[1]}> is not closed")
    return answer


def _unquoted(answer: str) -> str:
    """What a JSON text holds, where the whole answer is one: some models write their JSON as a text once more."""
    fenced = _FENCED.match(answer)
    whole = (answer if fenced is None else fenced[2]).strip()
    if not (whole.startswith('"') and whole.endswith('"')):
        return answer
    try:
        return str(json.loads(whole))
    except (ValueError, RecursionError):
        return answer


def _objects(text: str) -> list[dict[str, Any]]:
    # Not strict: models write line ends into their texts as they are.
    decoder = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant, strict=False)
    found: list[dict[str, Any]] = []
    position = text.find("{")
    for _ in range(_STARTS):
        if position == -1:
            break
        end = position + 1
        try:
            value, end = cast("tuple[dict[str, Any], int]", decoder.raw_decode(text, position))
            found.append(value)
        except (ValueError, RecursionError):
            pass  # prose with a brace in it, or JSON that was cut
        position = text.find("{", end)
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        names = [name for name, _ in pairs]
        raise Problems(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return told


def _refuse_constant(name: str) -> float:
    raise Problems(f"{name} is not a JSON number")


def _refuse_half_characters(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Problems("a text holds half of a character (a lone surrogate), so it cannot be stored") from None


def markdown_of(text: str) -> str:
    """Return an answer in Markdown without a fence around the whole of it.

    Raises:
        Problems: it is empty or cannot be stored.
    """
    return _whole(_without_fence(_said(text)))


def wrapped_page_of(text: str) -> str:
    """Return a page in Markdown as `markdown_of`; also out of a fence for Markdown with a remark before or after it.

    Raises:
        Problems: it is empty or cannot be stored.
    """
    answer = _said(text)
    wrapped = _WRAPPED.match(answer)
    return _whole(_without_fence(answer) if wrapped is None else wrapped[1])


def _without_fence(answer: str) -> str:
    fenced = _FENCED.match(answer)
    # A fence that does not say it holds Markdown, with others inside, is the first of several blocks of the text.
    is_whole = fenced is not None and (fenced[1].lower() in {"md", "markdown"} or not _FENCE.search(fenced[2]))
    return fenced[2] if fenced is not None and is_whole else answer


def _whole(markdown: str) -> str:
    stripped = markdown.strip()
    if not stripped:
        raise Problems("the answer is empty")
    _refuse_half_characters(stripped)
    return stripped


def sections_in(markdown: str, level: int = 2) -> list[tuple[str, str]]:
    """Split Markdown into its sections of a level, (heading, body) each; headings in code do not count.

    A section ends at the next heading of its level or of a higher one.
    """
    sections: list[tuple[str, list[str]]] = []
    fence, is_inside = "", False
    for line in markdown.split("\n"):
        mark, heading = _FENCE.match(line), _HEADING.match(line)
        if mark is not None and not fence:
            fence = mark.group(1)
        elif mark is not None and mark.group(1).startswith(fence):
            fence = ""
        elif heading is not None and not fence and len(heading[1]) <= level:
            is_inside = len(heading[1]) == level
            if is_inside:
                sections.append((heading[2].strip().rstrip("#").strip(), []))
            continue
        if is_inside:
            sections[-1][1].append(line)
    return [(heading, "\n".join(lines).strip()) for heading, lines in sections]


def length_of(text: str) -> int:
    """Length as a Chinese reader counts: one per East Asian character, one per other word or number."""
    return len(_COUNTED.findall(text))
