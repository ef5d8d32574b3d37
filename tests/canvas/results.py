"""Accepted results to land on canvases, as the shipped agents give them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from parallel_agents.canvas.document import load_canvas
from parallel_agents.canvas.graph import Canvas
from parallel_agents.canvas.landing import Accepted, Form, Place, Proposal, propose
from parallel_agents.canvas.palette import PALETTES

QUESTIONS = Form(kind="questions", title="拆解", label="基础拆解问题")
DEEP = Form(kind="questions", title="深度拆解", label="深度拆解", is_deep=True)
ORAL = Form(kind="explanation", title="口语化解释", emoji="💬", label="口语化解释")
SCORE = Form(kind="score", title="评分")
AT = 1_761_668_246.0  # 2025-10-28 16:17:26 UTC
PLACE = Place(vault_root=Path("/vault"), canvas="离散数学/图.canvas", timezone=UTC)


def asked(number: int, *, text: str = "什么是连通图？", guidance: str = "💡 提示：看看边") -> dict[str, Any]:
    question = {"text": text, "type": "定义型", "difficulty": "基础", "guidance": guidance}
    return {"sub_questions": [question | {"text": f"{place}. {text}"} for place in range(1, number + 1)]}


def accepted(
    node_id: str, form: Form, output: Mapping[str, Any], *, position: int = 0, **input_data: str | None
) -> Accepted:
    return Accepted(
        execution_id="exec-0123456789abcdef",
        task_id=f"task-{position:016x}",
        position=position,
        agent_name=f"{form.kind}-agent",
        node_id=node_id,
        form=form,
        input_data={"topic": "图论", **input_data},
        output=output,
        completed_at=AT,
    )


def proposed(canvas: Canvas, results: Sequence[Accepted], **options: Any) -> list[Proposal]:
    given: dict[str, Any] = {"palette": PALETTES["jsoncanvas"], "place": PLACE, **options}
    return propose(canvas, results, **given)


def with_added(canvas: Canvas, proposals: Iterable[Proposal]) -> Canvas:
    """The canvas file with what was proposed at the ends of its lists, read again."""
    data = json.loads(canvas.path.read_text(encoding="utf-8"))
    for proposal in proposals:
        for name, items in (("nodes", proposal.nodes), ("edges", proposal.edges)):
            data.setdefault(name, []).extend(items)
    canvas.path.write_text(json.dumps(data), encoding="utf-8")
    return load_canvas(canvas.path)
