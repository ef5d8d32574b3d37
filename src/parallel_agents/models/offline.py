"""The provider without a language model: it excerpts and asks, deterministically, and judges nothing."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from parallel_agents.core.errors import ItemError, UnscoredError
from parallel_agents.models.excerpts import page_of_excerpts
from parallel_agents.models.questions import QuestionSchema, questions_about
from parallel_agents.ports.models import ModelRequest, ModelResponse, OutputSchema

NAME = "offline"
_WAY_OUT = "Choose a language model: --model openai:NAME or --model anthropic:NAME."


class OfflineProvider:
    """Answers the contracts `sub_questions`, `explanation` and `text` out of `material_content` alone."""

    lane = NAME

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """Answer one call. Token counts are None: there were none.

        Raises:
            UnscoredError: a score was asked for.
            ItemError: there is nothing to excerpt, or the contract needs a language model.
        """
        return ModelResponse(text=_answer(request), model=NAME, is_language_model=False, finish_reason="stop")

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""


def _answer(request: ModelRequest) -> str:
    match request.contract:
        case "sub_questions":
            return _sub_questions(_material(request), request.output)
        case "explanation" | "text":
            return page_of_excerpts(_material(request), request.sections)
        case "score":
            raise UnscoredError(f"the model {NAME!r} is not a language model and cannot judge. {_WAY_OUT}")
        case other:
            contract = "no contract" if other is None else f"the contract {other!r}"
            raise ItemError(
                f"the model {NAME!r} answers the contracts 'sub_questions', 'explanation' and 'text', not {contract}. "
                f"{_WAY_OUT}"
            )


def _material(request: ModelRequest) -> str:
    material = request.inputs.get("material_content")
    if not isinstance(material, str) or not any(character.isalnum() for character in material):
        raise ItemError(
            f"material_content has no words, so there is nothing that the model {NAME!r} could excerpt. "
            "Fill the node with text."
        )
    return material


def _sub_questions(material: str, output: OutputSchema | None) -> str:
    if output is None:
        raise ItemError(f"the model {NAME!r} needs the JSON schema of the contract 'sub_questions'")
    name, schema = _question_schema(output)
    questions = questions_about(material, schema)
    if len(questions) < schema.least:
        raise ItemError(
            f"material_content gives {len(questions)} different questions, {schema.least} are needed. "
            "Fill the node with more text."
        )
    told = [{key: text for key, text in msgspec.to_builtins(one).items() if key in schema.keys} for one in questions]
    return msgspec.json.encode({name: told}).decode()


def _question_schema(output: OutputSchema) -> tuple[str, QuestionSchema]:
    properties: dict[str, Any] = output.json_schema.get("properties", {})
    for name, field in properties.items():
        if isinstance(field, dict) and "items" in field:
            array = cast("dict[str, Any]", field)
            item: dict[str, Any] = array["items"].get("properties", {})
            return name, QuestionSchema(
                least=array.get("minItems", 1),
                most=array.get("maxItems"),
                types=_choices(item.get("type")),
                difficulties=_choices(item.get("difficulty")),
                keys=tuple(item),
            )
    raise ItemError(f"the schema {output.name!r} has no array of questions in it. {_WAY_OUT}")


def _choices(schema: Any) -> tuple[str, ...]:
    if not isinstance(schema, dict):
        return ("",)
    field = cast("dict[str, Any]", schema)
    if "const" in field:
        return (str(field["const"]),)
    return tuple(str(choice) for choice in field.get("enum", ())) or ("",)
