"""Tells what a user wrote from what a tool put there to be written over."""

from __future__ import annotations

import re

_HEADING = re.compile(r"^ {0,3}#{1,6}(?:[ \t].*)?$", re.MULTILINE)
_MARKS = re.compile(r"[-*_>\s]+")
_OPEN, _CLOSE = r"[\[［【<（(「]?\s*", r"[\s.…。：:]*[\]］】>）)」]?"
_PROMPT = re.compile(
    rf"{_OPEN}(?:请\s*)?(?:在此处?|在这里)?\s*(?:填写|写下|写出|输入)[^。！？!?\n]{{0,20}}(?:理解|想法|答案|回答){_CLOSE}"
    rf"|{_OPEN}(?:please\s+)?(?:write|enter|type|fill in|add)\b[^.!?\n]{{0,20}}"
    rf"\byour (?:own )?(?:understanding|answer|thoughts)(?: (?:here|of this(?: question)?|to this question))?{_CLOSE}",
    re.IGNORECASE,
)
_HINT = re.compile(r"\W{0,3}💡\s*(?:提示|hint)\s*[：:]", re.IGNORECASE)
_NO_WORD = re.compile(r"[\W_]+")

MINIMUM_WORD_CHARACTERS = 4


def is_placeholder(text: str) -> bool:
    """Tell whether a text says nothing of its own.

    That is: nothing but white space, headings and rules, or a tool's invitation to write (`[请填写你的理解]`,
    `在此填写你的个人理解...`) with or without a hint under it.
    """
    body = _HEADING.sub("", text)
    lines = (line.strip() for line in body.split("\n"))
    return all(_says_nothing(line) for line in lines)


def _says_nothing(line: str) -> bool:
    if not _MARKS.sub("", line):
        return True
    return _HINT.match(line) is not None or _PROMPT.fullmatch(line.strip("*_> ")) is not None


def has_substance(text: str) -> bool:
    """Tell whether a text that is no placeholder holds at least 4 letters, digits or ideographs below its headings."""
    body = _NO_WORD.sub("", _HEADING.sub("", text))
    return len(body) >= MINIMUM_WORD_CHARACTERS and not is_placeholder(text)
