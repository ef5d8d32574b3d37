"""Notes that land beside a canvas: names that every system and every link can take, and what stands in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import cast

from parallel_agents.canvas.boards import Verifying, board_text
from parallel_agents.canvas.palette import Palette
from parallel_agents.canvas.proposals import Accepted, NewFile, Place

STEM_LIMIT_BYTES = 200
"""How long a name may be without its ending: file systems stop at 255, and sync programs add their own marks."""

UNNAMED = "未命名"
_TITLE_LIMIT_BYTES = 60
_NUMBER_BYTES = 8  # "-" and as many digits as there will ever be
# What Windows refuses, and what would end or change a link in Obsidian.
_REFUSED = re.compile(r'[<>:"/\\|?*#^\[\]\x00-\x1f\x7f-\x9f]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)
_JOINERS = "\u200c\u200d"


class Filing:
    """Gives new notes of one canvas their names, each once, and their texts."""

    def __init__(self, place: Place, taken: Iterable[str] = ()) -> None:
        self._place = place
        self._folder = _folder(place.canvas)
        self._taken = {_key(path) for path in (*taken, *place.taken)}
        self._given: dict[str, int] = {}

    def note(self, result: Accepted, markdown: str) -> NewFile:
        """Make the note of one result; the whole text stands in it, below where it comes from."""
        concept = _concept(result) or PurePosixPath(self._place.canvas).stem
        at = datetime.fromtimestamp(result.completed_at, UTC).astimezone(self._place.timezone)
        path = self._path(stem(concept, result.form.title, at), ".md")
        return NewFile(path, self._text(result, concept, at, markdown))

    def board(self, result: Accepted, asked: Sequence[Verifying], palette: Palette) -> NewFile:
        """Make the canvas that asks the questions of one result, named after the canvas that they come from."""
        at = datetime.fromtimestamp(result.completed_at, UTC).astimezone(self._place.timezone)
        name = stem(PurePosixPath(self._place.canvas).stem, result.form.title, at, "%Y%m%d")
        return NewFile(self._path(name, ".canvas"), board_text(result, asked, palette, self._place.canvas, at))

    def _path(self, name: str, ending: str) -> str:
        first = _key(name + ending)
        while True:
            number = self._given[first] = self._given.get(first, 0) + 1
            path = str(self._folder / (f"{name}-{number}{ending}" if number > 1 else f"{name}{ending}"))
            if _key(path) not in self._taken:
                self._taken.add(_key(path))
                return path

    def _text(self, result: Accepted, concept: str, at: datetime, markdown: str) -> str:
        told = {
            "生成时间": f"{at:%Y-%m-%d %H:%M:%S}",
            "生成Agent": result.agent_name,
            "来源Canvas": self._place.canvas,
            "来源节点": ", ".join(result.node_ids or (result.node_id,)),
            "概念": concept,
        }
        match result.output.get("generator"):
            case {"notice": str(notice)}:
                told["说明"] = notice
            case _:
                pass
        head = "\n".join(f"- {name}: {_one_line(value)}" for name, value in told.items())
        title = f"{_one_line(concept)} - {result.form.title}"
        return f"# {title}\n\n## 生成信息\n\n{head}\n\n---\n\n{markdown.strip()}\n"


def stem(concept: str, title: str, at: datetime, stamp: str = "%Y%m%d%H%M%S") -> str:
    """The name of a file without its ending: `{concept}-{title}-{at as the stamp says}`, at most 192 bytes of UTF-8."""
    end = f"-{_cut(plain(title), _TITLE_LIMIT_BYTES) or UNNAMED}-{at:{stamp}}"
    room = STEM_LIMIT_BYTES - _NUMBER_BYTES - len(end.encode())
    name = (_cut(plain(concept), room) or UNNAMED) + end
    # Windows takes the device for a name that only begins with it and a dot.
    return f"_{name}" if _RESERVED.fullmatch(name.partition(".")[0].strip()) else name


def plain(text: str) -> str:
    """A text without anything that the name of a file, or a link to it, cannot hold; "" where nothing is left."""
    visible = "".join(sign for sign in unicodedata.normalize("NFC", text) if _is_kept(sign))
    return _trimmed(" ".join(_REFUSED.sub(" ", visible).split()))


def _is_kept(sign: str) -> bool:
    return sign in _JOINERS or unicodedata.category(sign) not in {"Cf", "Cs", "Cn", "Co"}


def _cut(text: str, limit_bytes: int) -> str:
    if len(text.encode()) <= limit_bytes:
        return text
    kept = text.encode()[:limit_bytes].decode(errors="ignore")
    while kept and _belongs_to_what_is_before(text[len(kept)]):
        kept = kept[:-1]
    return _trimmed(kept)


def _belongs_to_what_is_before(sign: str) -> bool:
    return sign in _JOINERS or unicodedata.combining(sign) > 0 or unicodedata.category(sign) in {"Mn", "Me"}


def _trimmed(text: str) -> str:
    """Without dots and blanks at the ends: Windows drops them behind, and a dot before hides a file."""
    return text.strip(" ." + _JOINERS)


def _folder(canvas: str) -> PurePosixPath:
    path = PurePosixPath(canvas)
    if path.is_absolute() or ".." in path.parts or "\\" in canvas:
        raise ValueError(f"{canvas!r} is not a path from the vault's root on")
    return path.parent


def _key(path: str) -> str:
    """The same for paths that some file system takes for one: case and composition do not count everywhere."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _concept(result: Accepted) -> str:
    compared = result.input_data.get("concepts")
    if isinstance(compared, list) and compared:
        return "vs".join(_one_line(str(one)) for one in cast("list[object]", compared))
    told = (result.input_data.get(field) for field in ("concept", "topic"))
    return next((_one_line(one) for one in told if isinstance(one, str) and one.strip()), "")
