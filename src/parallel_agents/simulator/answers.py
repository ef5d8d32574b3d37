"""Makes answers that fit what was asked for, a JSON Schema or the headings of a prompt; the same each time."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

_HEADING = re.compile(r"^##[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_FILL = "这是模拟的回答，用来测试，不是语言模型写的。"
_CHARACTERS = 1000
_DIMENSIONS = ("accuracy", "imagery", "completeness", "originality")


def answer_for(prompt: str, system: str, schema: Mapping[str, Any] | None) -> str:
    """Make the text of an answer."""
    chance = random.Random(hashlib.sha256(f"{system}\x1f{prompt}".encode()).digest())
    if schema is None:
        return markdown(system or prompt)
    value = value_for(schema, schema, chance, "answer")
    if {"total_score", "breakdown"} <= dict(schema.get("properties", {})).keys():
        value = agreeing_score(value)
    return json.dumps(value, ensure_ascii=False)


def markdown(instructions: str) -> str:
    """Markdown with the headings that stand at the end of the instructions, about a thousand characters in all."""
    last_part = instructions.rsplit("\n\n", 1)[-1]
    headings = _HEADING.findall(last_part) or ["模拟"]
    each = _CHARACTERS // len(headings) // len(_FILL) + 1
    return "\n\n".join(f"## {heading}\n\n{_FILL * each}" for heading in headings)


def value_for(schema: Mapping[str, Any], root: Mapping[str, Any], chance: random.Random, name: str) -> Any:
    """A value that fits the part of JSON Schema that structured output uses."""
    if "$ref" in schema:
        return value_for(_resolve(schema["$ref"], root), root, chance, name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return value_for(schema[union][0], root, chance, name)
    return _typed_value(schema, root, chance, name)


def agreeing_score(value: dict[str, Any]) -> dict[str, Any]:
    """A score whose parts agree: the sum, whether it passes, and what becomes of the colour."""
    total = sum(value["breakdown"][dimension] for dimension in _DIMENSIONS)
    action = "change_to_green" if total >= 80 else "change_to_purple" if total >= 60 else "keep_red"
    return {**value, "total_score": total, "pass": total >= 80, "color_action": action}


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _typed_value(schema: Mapping[str, Any], root: Mapping[str, Any], chance: random.Random, name: str) -> Any:
    kinds: list[str] = list(schema["type"]) if isinstance(schema.get("type"), list) else [schema.get("type", "object")]
    match kinds[0]:
        case "object":
            return {key: value_for(part, root, chance, key) for key, part in dict(schema.get("properties", {})).items()}
        case "array":
            return _items(schema, root, chance, name)
        case "integer":
            return chance.randint(int(schema.get("minimum", 0)), int(schema.get("maximum", 100)))
        case "number":
            return round(chance.uniform(float(schema.get("minimum", 0)), float(schema.get("maximum", 1))), 3)
        case "boolean":
            return chance.random() < 0.5
        case "null":
            return None
        case _:
            return _text(schema, chance, name)


def _items(schema: Mapping[str, Any], root: Mapping[str, Any], chance: random.Random, name: str) -> list[Any]:
    least = int(schema.get("minItems", 1))
    count = chance.randint(least, min(int(schema.get("maxItems", least + 2)), least + 2))
    made = [value_for(schema.get("items", {}), root, chance, f"{name} {number}") for number in range(1, count + 1)]
    return [_told_apart(item, schema.get("items", {}), number) for number, item in enumerate(made)]


def _told_apart(item: Any, schema: Mapping[str, Any], number: int) -> Any:
    """Number the texts of items and walk through the choices, so that no two items are alike."""
    parts: Mapping[str, Any] = schema.get("properties", {})
    for key, part in parts.items():
        choices: Sequence[Any] = part.get("enum", ())
        if choices:
            item[key] = choices[number % len(choices)]
        elif key == "text":
            item[key] = f"模拟问题 {number + 1}：{item[key]}"
    return item


def _text(schema: Mapping[str, Any], chance: random.Random, name: str) -> str:
    if "💡 提示：" in str(schema.get("description", "")):
        return "💡 提示：模拟的提示" if chance.random() < 0.7 else ""
    return f"{name} {chance.randrange(16**6):06x} {_FILL}"
