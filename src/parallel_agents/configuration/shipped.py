"""The text of the shipped configuration file: every key at its default, with what it means above it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import cast

import msgspec

from parallel_agents.configuration.layer import KeyPath, dotted
from parallel_agents.configuration.meanings import NAMED_ENTRIES, deferred, meaning_of, meanings
from parallel_agents.core.settings import AgentSettings, ModelSettings, Settings

WIDTH = 118
HEAD = """\
# parallel-agents: every key with its default. Leave a key out and its default holds.
# parallel-agents 的配置：列出全部键及默认值；省略某个键即使用默认值。
# An environment variable overrides a key: PARALLEL_AGENTS__PARALLEL_PROCESSING__DEFAULT_MAX_CONCURRENT=5
# 环境变量可覆盖任意键：节名与键名用两个下划线连接，前缀为 PARALLEL_AGENTS__。
"""
NOTES = {
    "parallel_processing.agent_configs.deep-decomposition.context_size_mb": (
        "above context_size_limit_mb on purpose: an agent's own value holds",
        "有意高于通用上限，以此值为准",
    ),
}
_ENTRIES = {"agent_configs": AgentSettings, "models": ModelSettings}


def shipped_text() -> str:
    """Write the whole file."""
    lines: list[str] = []
    for key, value in cast("dict[str, object]", msgspec.to_builtins(Settings())).items():
        lines.append("")
        lines += _entry((key,), value)
    return HEAD + "\n".join(lines) + "\n"


def plain(value: object) -> str:
    """Write a value as it stands in the file; a whole number has no decimals, whatever its type."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def comment_of(path: KeyPath) -> list[str]:
    """Write what a key or section means as comment lines, without indentation."""
    meaning = meaning_of(path)
    english, chinese = meaning.en, meaning.zh
    if deferred(path) is not None:
        english, chinese = f"{english} (only the default in this version)", f"{chinese}（本版本仅支持默认值）"
    lines = _comment(english, chinese)
    if path[-1] in _ENTRIES:
        for name in _ENTRIES[str(path[-1])].__struct_fields__:
            inner = meanings().keys[f"{dotted(path)}.NAME.{name}"]
            lines += _comment(f"{name}: {inner.en}", inner.zh)
    return lines


def _entry(path: KeyPath, value: object) -> Iterator[str]:
    indent = "  " * (len(path) - 1)
    yield from (indent + line for line in _comments(path))
    if isinstance(value, dict) and value:
        yield f"{indent}{path[-1]}:"
        section = cast("dict[str, object]", value)
        for number, (key, inner) in enumerate(section.items()):
            if number and isinstance(inner, dict):
                yield ""
            yield from _entry((*path, key), cast("object", inner))
    else:
        yield f"{indent}{path[-1]}: {plain(cast('object', value))}"


def _comments(path: KeyPath) -> list[str]:
    if any(part in NAMED_ENTRIES for part in path[:-1]):
        note = NOTES.get(dotted(path))
        return [] if note is None else _comment(*note)
    return comment_of(path)


def _comment(english: str, chinese: str) -> list[str]:
    together = f"# {english} · {chinese}"
    # Chinese letters are as wide as two.
    if sum(2 if ord(letter) > 0x2E7F else 1 for letter in together) <= WIDTH:
        return [together]
    return [f"# {line}" for line in (*wrap(english, WIDTH - 2), *wrap(chinese, WIDTH // 2))]
