"""The contract of explanations: which sections a page must have, and how long it is to be.

Models write a heading they were given with a number, an emoji or a few words beside it, and now and then one level up
or down. What is meant is plain then, so it is taken; another wording is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from parallel_agents.agents.answers import length_of, sections_in

# A model counts characters badly: what is clearly shorter or longer than asked fails, what is near is kept, because
# the user has paid for it.
_SHORTEST, _LONGEST = 0.75, 1.5
_LEVELS = (2, 3, 1, 4)
_NUMBERED = re.compile(r"\W*\d{1,2}\s*[.、)]")
_PARTS = re.compile(r"[:(\[【「《—–|/·,、-]")
_DIGITS = str.maketrans("一二三四五六七八九", "123456789")


def page_problems(markdown: str, sections: Sequence[str]) -> list[str]:
    """What is wrong with the sections of a page, one sentence each."""
    found = max((_found(markdown, sections, level) for level in _LEVELS), key=lambda found: len({*dict(found)}))
    headings = [section for section, _ in found]
    problems = [f"the section '## {section}' is missing" for section in sections if section not in headings]
    problems += [f"the section '## {section}' is empty" for section, body in found if not length_of(body)]
    if not problems and headings != list(sections):
        problems.append(f"the sections are not in the order {', '.join(sections)}, once each")
    return problems


def length_problems(markdown: str, asked: tuple[int, int | None]) -> list[str]:
    """What is wrong with the length of a page: at most one sentence."""
    count = length_of(markdown)
    least, most = asked
    if int(least * _SHORTEST) <= count and (most is None or count <= int(most * _LONGEST)):
        return []
    if most is None:
        return [f"it has {count} characters, at least {least} are asked for"]
    return [f"it has {count} characters, {least} to {most} are asked for"]


def _found(markdown: str, sections: Sequence[str], level: int) -> list[tuple[str, str]]:
    wanted = {_bare(_told(section)): section for section in sections}
    found: list[tuple[str, str]] = []
    for heading, body in sections_in(markdown, level):
        section = next((wanted[name] for name in _names(heading) if name in wanted), None)
        if section is not None:
            found.append((section, body))
    return found


def _names(heading: str) -> Iterator[str]:
    """What a heading may be called: the whole, then what stands before each mark in it; and that without a number."""
    told = _told(heading)
    numbered = _NUMBERED.match(told)
    for text in (told, told[numbered.end() :]) if numbered is not None else (told,):
        yield _bare(text)
        for mark in _PARTS.finditer(text):
            yield _bare(text[: mark.start()])


def _told(heading: str) -> str:
    return unicodedata.normalize("NFKC", heading).casefold().translate(_DIGITS)


def _bare(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum())
