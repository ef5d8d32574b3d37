"""How long answers about several nodes are, told before they are asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from parallel_agents.agents.gathered import numbers_for
from parallel_agents.agents.spec import Table, Verification
from parallel_agents.core.forecast import Range
from parallel_agents.core.tokens import likely_tokens

# In characters of the material's language: short, usual, long.
_CELL = (4, 25, 80)
_AROUND = (0, 60, 400)
_QUESTION = (27, 80, 240)  # with its hint and the reason for it


def gathered_output(output: Table | Verification, values: Mapping[str, Any], tokens_a_character: float) -> Range:
    """Tokens of one answer, estimated from the number of concepts, or of nodes and their types."""
    match output:
        case Table():
            cells = (len(output.rows) + 1) * (len(_listed(values, "concepts")) + 1)
            short, usual, long = (cells * each + more for each, more in zip(_CELL, _AROUND, strict=True))
            return Range(*(length * tokens_a_character for length in (short, usual, long)))
        case Verification():
            counts = [numbers_for(output, _kind(node)) for node in _listed(values, "nodes")]
            least, most = sum(one for one, _ in counts), sum(one for _, one in counts)
            frame = {"source_node_id": "0" * 16, "question_text": "", "question_type": output.types[0]}
            frame |= {"difficulty": output.difficulties[0], "guidance": "", "rationale": ""}
            each = likely_tokens(json.dumps(frame, ensure_ascii=False))
            short, usual, long = (length * tokens_a_character + each for length in _QUESTION)
            return Range(least * short, (least + most) / 2 * usual, most * long)


def _listed(values: Mapping[str, Any], field: str) -> list[object]:
    value = values.get(field)
    return cast("list[object]", value) if isinstance(value, list) else []


def _kind(node: object) -> str:
    return str(cast("dict[str, object]", node).get("type")) if isinstance(node, dict) else ""
