"""The page of the reference that lists every key, in English or Chinese."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from parallel_agents.configuration.environment import PLAIN, PREFIX
from parallel_agents.configuration.meanings import Language, Meaning, meanings
from parallel_agents.configuration.shape import described, kind_at
from parallel_agents.configuration.shipped import plain
from parallel_agents.core.settings import AgentSettings, ModelSettings, Settings

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "# Settings",
        "intro": (
            "Every key of the configuration file. `config/parallel_agents.yaml` is that file with all defaults; a key "
            "that is left out has its default. A variable of the environment goes over the file; its value is YAML, "
            "and a dash in a name is written as an underscore. NAME stands for a name of your choice. "
            "`parallel-agents config check` says what is wrong, `config show --origin` where each value comes from."
        ),
        "when": (
            "**A change takes effect**: how `configure_parallel_settings` treats the key. *at once*: for what runs "
            "too; attempts that run are left alone, and so are executions that are resumed later, which go by what "
            "they were submitted under. *new tasks*: for tasks submitted from then on. *restart*: refused while "
            "anything was started. A change is checked as a whole: one wrong key, and nothing changes."
        ),
        "columns": "| key | value | default | meaning, variable | a change takes effect |",
        "now": "at once",
        "new": "new tasks",
        "restart": "restart",
        "stop": ".",
        "deferred": "**In this version only the default** (until “{}”).",
    },
    "zh": {
        "title": "# 配置项",
        "intro": (
            "配置文件的全部键。`config/parallel_agents.yaml` 列出所有默认值；省略某个键即使用默认值。"
            "环境变量优先于文件，其值按 YAML 读取，名称中的连字符写作下划线。NAME 表示自定名称。"
            "`parallel-agents config check` 检查错误，`config show --origin` 显示每个值的来源。"
        ),
        "when": (
            "**修改何时生效**：`configure_parallel_settings` 对该键的处理。*立即*：对正在运行的也生效；"
            "已开始的执行尝试不受影响，之后恢复的执行沿用提交时的设置。*新任务*：对此后提交的任务生效。*重启*：已启动时拒绝修改。"
            "修改作为整体检查：有一个键不对，就什么都不改。"
        ),
        "columns": "| 键 | 取值 | 默认值 | 含义、环境变量 | 修改何时生效 |",
        "now": "立即",
        "new": "新任务",
        "restart": "重启",
        "stop": "。",
        "deferred": "**本版本仅支持默认值**（直到“{}”）。",
    },
}


def reference(language: Language) -> str:
    """Write the page as Markdown."""
    words = WORDS[language]
    parts = [words["title"], words["intro"], words["when"]]
    section = ""
    for key, meaning in meanings().keys.items():
        parent = _section_of(key)
        if meaning.when is None or parent != section:
            section = key if meaning.when is None else parent
            parts.append(_heading(key, meaning if meaning.when is None else None, language))
        if meaning.when is not None:
            parts[-1] += "\n" + _row(key, meaning, language)
    return "\n\n".join(parts) + "\n"


def variable_of(key: str) -> str:
    """Name the environment variable that sets a key; NAME stays as it is."""
    return PREFIX + "__".join(part.upper() for part in key.split("."))


def default_of(key: str) -> object:
    """The plain default of a key; of one that stands under a NAME, that of an entry which names nothing."""
    outer, _, field = key.partition(".NAME.")
    if field:
        return getattr(AgentSettings() if outer.endswith("agent_configs") else ModelSettings(), field)
    value: Any = msgspec.to_builtins(Settings())
    for part in key.split("."):
        value = value[part]
    return value


def _heading(key: str, meaning: Meaning | None, language: Language) -> str:
    words = WORDS[language]
    lines = [f"## `{key}`", ""]
    if meaning is not None:
        lines += [f"{meaning.en if language == 'en' else meaning.zh}{words['stop']}", ""]
    if any(key in (name, _section_of(name)) for name, inner in meanings().keys.items() if inner.when is not None):
        lines += [words["columns"], "|---|---|---|---|---|"]
    return "\n".join(lines).rstrip("\n")


def _section_of(key: str) -> str:
    return key.rpartition(".")[0].removesuffix(".NAME")


def _row(key: str, meaning: Meaning, language: Language) -> str:
    words = WORDS[language]
    text = meaning.en if language == "en" else meaning.zh
    part = meanings().deferred.get(key)
    if part is not None:
        text += words["stop"] + " " * (language == "en") + words["deferred"].format(part)
    kind = inspect.type_info(kind_at(tuple(key.split("."))))
    variables = [variable_of(key), *(name for name, path in PLAIN.items() if path == tuple(key.split(".")))]
    cells = (
        f"`{key.removeprefix(_section_of(key) + '.')}`",
        described(kind) if language == "en" else chinese(kind),
        f"`{plain(default_of(key))}`",
        f"{text}<br>" + "<br>".join(f"`{name}`" for name in variables),
        words[str(meaning.when)],
    )
    return "| " + " | ".join(cells) + " |"


def chinese(kind: inspect.Type) -> str:
    """Say in Chinese what fits a type."""
    match kind:
        case inspect.IntType():
            return f"整数{_bounds(kind)}"
        case inspect.FloatType():
            return f"数字{_bounds(kind)}"
        case inspect.LiteralType(values):
            return "、".join(f"`{value}`" for value in values)
        case inspect.VarTupleType():
            return f"列表，至少 {kind.min_length} 项" if kind.min_length else "列表"
        case inspect.UnionType(types):
            return " 或 ".join(chinese(choice) for choice in types)
        case inspect.BoolType():
            return "`true` 或 `false`"
        case inspect.NoneType():
            return "null"
        case _:
            return "文本"


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    found = [f"{sign} {bound:g}" for name, sign in signs.items() if (bound := getattr(kind, name)) is not None]
    return f"（{'，'.join(found)}）" if found else ""
