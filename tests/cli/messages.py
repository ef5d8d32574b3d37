"""Finds, in the source, every text that may reach a reader of the command line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "parallel_agents"

SILENT = {
    "agents/prompt.py": "said to models",
    "agents/gatheredformat.py": "said to models",
    "canvas/drawing.py": "parts of SVG",
    "canvas/paint.py": "parts of SVG",
    "chaos/work.py": "said to the simulated provider",
    "cli/app.py": "help has a catalogue of its own; messages of the commands are found in the calls below",
    "cli/language.py": "says nothing",
    "cli/looking.py": "help has a catalogue of its own",
    "cli/simulatoroptions.py": "help has a catalogue of its own",
    "cli/studyhtml.py": "parts of HTML; the words stand in cli/studywords.py",
    "cli/studymarkdown.py": "parts of Markdown; the words stand in cli/studywords.py",
    "cli/studywords.py": "a report, in both languages itself",
    "configuration/reference.py": "a page of the documentation, in both languages itself",
    "configuration/shipped.py": "a file's comments, in both languages itself",
    "core/concepts.py": "words of languages",
    "core/formats.py": "parts of JSON",
    "core/ids.py": "a mistake in this program",
    "core/states.py": "a table for the documentation",
    "journal/location.py": "parts of paths",
    "journal/pages.py": "caught where rows are read, which counts them",
    "journal/queries.py": "a mistake in this program",
    "models/excerpts.py": "written into results, which are the same in every language",
    "models/extraction.py": "words of languages",
    "models/questions.py": "written into results, which are the same in every language",
    "simulator/counts.py": "statistics for programs",
    "simulator/schemas.py": "patterns",
    "simulator/tokens.py": "statistics for programs",
    "workers/freeze.py": "another program's words",
}
"""Modules whose texts no reader of the command line is meant to read, and why."""

CALLS_THAT_SAY = re.compile(r"\w*Error")
_UNSAID = {
    "cast",
    "compile",
    "debug",
    "info",
    "warning",
    "error",
    "exception",
    "Parameter",
    "App",
    "TypeVar",
    "getattr",
}
_PROSE = re.compile(r"[a-z]{2,}\S* \S|\S [a-z]{2,}")


def messages() -> Iterator[tuple[str, str]]:
    """Module and text of every message; `{}` stands for a value."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        scopes = _calls(tree) if module in SILENT else [tree]
        for scope in scopes if module not in SILENT or module == "cli/app.py" else ():
            yield from ((module, text) for text in dict.fromkeys(_texts(scope)))


def _calls(tree: ast.Module) -> list[ast.AST]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if CALLS_THAT_SAY.fullmatch(_name(call.func))]


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and _name(node.func) in _UNSAID:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Constant | ast.JoinedStr):
        text = _template(node)
        if _PROSE.search(text):
            yield text
    for child in _children(node):
        yield from _texts(child)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns"}:
            continue
        for child in value if isinstance(value, list) else [value]:  # pyright: ignore[reportUnknownVariableType]
            is_part = isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)
            if isinstance(child, ast.AST) and not is_part:
                yield child


def _template(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
