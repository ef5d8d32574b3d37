"""Made-up values that fit a JSON Schema, the same for the same seed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

HINT_PREFIX = "💡 提示："
FILLER = "这是模拟服务器生成的文字，不是语言模型的回答，只用来测试程序是否正确运行。"
_DEPTH_LIMIT = 12
_SOME_ITEMS = 4
_PART_LIMIT = 25

Schema: TypeAlias = Mapping[str, Any]

# A limit that a wire format does not know stands in the description, as `{minItems: 3, maxItems: 7}`.
_DESCRIBED = re.compile(r"(minItems|maxItems|minimum|maximum|minLength|maxLength): (-?\d+)")
_CHARACTERS = re.compile(r"(\d+)\s*[-–~至到]\s*(\d+)\s*(?:字|characters)")


def value_for(schema: Schema, seed: str) -> Any:
    """Make a value that fits `schema`, out of nothing but the seed.

    Knows types, enum, const, anyOf, $ref and the limits of numbers, lengths and items; of patterns only the prefix of
    hints. Objects of one list differ, and take turns with the values of an enum. A score agrees with its parts: their
    sum, whether it passes, and the action that follows.
    """
    return _Walker(schema, random.Random(seed)).value(schema, "answer", 0)


class _Walker:
    def __init__(self, root: Schema, chance: random.Random) -> None:
        self._root = root
        self._chance = chance
        self._serial = chance.randrange(1000, 9000)

    def value(self, schema: Schema, name: str, depth: int) -> Any:
        schema = _with_described_limits(self._resolved(schema))
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][self._serial % len(schema["enum"])]
        match _type_of(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case kind:
                return self._scalar(schema, kind, name)

    def _scalar(self, schema: Schema, kind: str, name: str) -> str | float | bool | None:
        match kind:
            case "integer":
                return self._chance.randint(*_bounds(schema))
            case "number":
                return float(self._chance.randint(*_bounds(schema)))
            case "boolean":
                return self._chance.random() < 0.5
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties: dict[str, Schema] = schema.get("properties", {})
        required: list[str] = schema.get("required", [])
        made = {
            name: self.value(inner, name, depth + 1)
            for name, inner in properties.items()
            if name in required or depth < _DEPTH_LIMIT
        }
        return _agreeing(made) if isinstance(made.get("breakdown"), dict) and "total_score" in made else made

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least: int = schema.get("minItems", 0)
        most: int = schema.get("maxItems", max(least, _SOME_ITEMS))
        size = least if depth >= _DEPTH_LIMIT else min(most, max(least, _SOME_ITEMS))
        items: Schema = schema.get("items", {"type": "string"})
        size = min(most, _whole_rounds(size, items))
        first = self._serial
        made: list[Any] = []
        for place in range(size):
            self._serial = first + place
            made.append(self.value(items, name, depth + 1))
        self._serial = first + size
        return made

    def _string(self, schema: Schema, name: str) -> str:
        least, most = _lengths(schema)
        text = f"（模拟{self._serial}）{name}"
        if HINT_PREFIX in json.dumps(schema, ensure_ascii=False):
            text = HINT_PREFIX + text
        while len(text) < least:
            text += FILLER
        return text[:most]

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(_DEPTH_LIMIT):
            options: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
            if "$ref" in schema:
                schema = self._referred(schema["$ref"])
            elif options:
                schema = next((option for option in options if option.get("type") != "null"), options[0])
            else:
                break
        return schema

    def _referred(self, reference: str) -> Schema:
        found: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return cast("Schema", found)


def _whole_rounds(size: int, items: Schema) -> int:
    """At least so many that the values of the first enum of an item, which take turns, come equally often."""
    choices = next((len(inner["enum"]) for inner in items.get("properties", {}).values() if inner.get("enum")), 1)
    return -(-size // choices) * choices


def _agreeing(made: dict[str, Any]) -> dict[str, Any]:
    """Make a score out of its parts; the action follows the thresholds 80 and 60."""
    parts: dict[str, int] = {name: min(int(value), _PART_LIMIT) for name, value in made["breakdown"].items()}
    total = sum(parts.values())
    action = "change_to_green" if total >= 80 else "change_to_purple" if total >= 60 else "keep_red"
    agreed: dict[str, Any] = {"breakdown": parts, "total_score": total, "pass": total >= 80, "color_action": action}
    return {name: agreed.get(name, value) for name, value in made.items()}


def _with_described_limits(schema: Schema) -> Schema:
    described = {name: int(limit) for name, limit in _DESCRIBED.findall(str(schema.get("description", "")))}
    return {**described, **schema} if described else schema


def _type_of(schema: Schema) -> str:
    stated: Any = schema.get("type")
    if isinstance(stated, list):
        kinds = cast("list[str]", stated)
        return next((kind for kind in kinds if kind != "null"), "null")
    if stated is None:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(stated)


def _bounds(schema: Schema) -> tuple[int, int]:
    least = int(schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1))
    most = int(schema.get("maximum", schema.get("exclusiveMaximum", max(101, least + 101)) - 1))
    return least, max(least, most)


def _lengths(schema: Schema) -> tuple[int, int | None]:
    least: int = schema.get("minLength", 0)
    most: int | None = schema.get("maxLength")
    asked = _CHARACTERS.search(str(schema.get("description", "")))
    if asked is not None:
        least, most = int(asked[1]) + 5, int(asked[2])
    return least, most
