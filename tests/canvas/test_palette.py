"""Palettes: what is read as a colour, what is written for it, and palettes of a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel_agents.canvas.palette import PALETTES
from parallel_agents.canvas.palettefile import palette_named, read_palette
from parallel_agents.canvas.roles import Role
from parallel_agents.core.errors import InputError, SourceError


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "我的配色.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_no_palette_gives_two_colours_one_code_but_where_they_are_one() -> None:
    for palette in PALETTES.values():
        codes = [code for colour, codes in palette.codes.items() if colour != "blue" for code in codes]
        assert len(codes) == len(set(codes)), palette.name


@pytest.mark.parametrize(
    ("name", "question", "deep", "understanding", "explanation", "green"),
    [
        ("jsoncanvas", "1", "6", "3", "5", "4"),
        ("project-v1", "1", "3", "6", "5", "2"),
        ("project-v2", "4", "3", "6", "5", "2"),
    ],
)
def test_a_palette_says_which_code_is_written_for_a_part(
    name: str, question: str, deep: str, understanding: str, explanation: str, green: str
) -> None:
    palette = palette_named(name)
    assert palette.code_of_role(Role.QUESTION) == question
    assert palette.code_of_role(Role.QUESTION, is_deep=True) == deep
    assert palette.code_of_role(Role.UNDERSTANDING) == understanding
    assert palette.code_of_role(Role.EXPLANATION) == explanation
    assert palette.code_of_role(Role.MATERIAL) is None
    assert palette.code_for("绿色") == green
    assert palette.code_for("mauve") is None


def test_the_standard_is_meant_where_none_is_named() -> None:
    assert palette_named(None) is PALETTES["jsoncanvas"]


@pytest.mark.parametrize("name", ["project-1", "Project-V1"])
def test_an_unknown_palette_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not one of jsoncanvas, project-v1, project-v2, and no file"):
        palette_named(name)


def test_a_palette_of_ones_own_is_a_file_whose_first_codes_are_written(tmp_path: Path) -> None:
    text = 'red: ["4", 1, "#FF0000"]\n黄色: 6\nPurple: "#a020f0"\ncyan: 5\nblue: 5\ndeep_questions: 红\n'
    path = written(tmp_path, text)
    palette = palette_named(str(path))
    assert palette.name == "我的配色"
    assert palette.codes_of("红") == {"4", "1", "#ff0000"}
    assert palette.codes_of("yellow") == {"6"}
    assert palette.code_of_role(Role.QUESTION) == palette.code_of_role(Role.QUESTION, is_deep=True) == "4"
    assert palette.code_for("purple") == "#a020f0"
    assert palette.code_for("green") is None
    assert read_palette(path) == palette


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", ":1: is no palette: it has no colours"),
    "a list": ("- red\n", ":1: is no palette"),
    "no YAML": ("red: [1\n", ":2: is not valid YAML"),
    "a bare hash": ("green: 2\nred: #ff0000\n", ":2: red has a code that is none"),
    "a list in a list": ("red: [1, [2]]\n", ":1: red has a code that is none"),
    "no code": ("red: []\n", ":1: red has no code"),
    "a colour twice": ("red: 1\n红色: 2\n", ":2: red stands twice"),
    "a name that is a list": ("? [red]\n: 1\n", ":1: a colour needs a name"),
    "one code for two": ('red: [1, "#AbC"]\ngreen: "#aBc"\n', ":2: the code '#aBc' is given to red and to green"),
    "an unknown colour for deep questions": ("red: 1\ndeep_questions: purple\n", ":2: deep_questions is 'purple'"),
    "Latin-1": ("red: 1\n# é".encode("latin-1"), ":2: is not UTF-8"),
    "a file of something else": (b"# " + b"x" * (64 << 10), "is too large for a palette"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_palette_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    text, words = REFUSED[name]
    path = written(tmp_path, text)
    with pytest.raises(SourceError) as caught:
        palette_named(str(path))
    assert str(caught.value).startswith(f"{path}{words}" if words.startswith(":") else f"{path}: {words}")


def test_a_palette_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        palette_named(str(tmp_path / "gone"))
    with pytest.raises(SourceError, match=r"gone\.yaml: cannot be read"):
        palette_named("gone.yaml")
