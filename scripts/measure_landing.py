"""Measure how long it takes to find places for results on a large canvas.

python scripts/measure_landing.py [--nodes N] [--results N]

Prints, for canvases of different shapes, the processor time of one landing of so many results, and how far from their
sources the new nodes stand. Nothing is written.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from parallel_agents.canvas.graph import Canvas, Node
from parallel_agents.canvas.landing import Accepted, Form, Place, Proposal, propose
from parallel_agents.canvas.palette import PALETTES

QUESTIONS = Form(kind="questions", title="拆解", label="基础拆解问题")
EXPLANATION = Form(kind="explanation", title="口语化解释", emoji="💬", label="口语化解释")
OUTPUTS: dict[str, Mapping[str, Any]] = {
    "questions": {
        "sub_questions": [{"text": f"{one}. 为什么？", "type": "定义型", "guidance": ""} for one in range(7)]
    },
    "explanation": {"markdown": "## 核心讲解\n\n图。"},
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=20_000)
    parser.add_argument("--results", type=int, default=200)
    options = parser.parse_args()
    print(f"{options.results} results on {options.nodes} nodes; 7 questions each, or an explanation each")  # noqa: T201 - its output
    for shape, canvas in _canvases(options.nodes).items():
        for form in (QUESTIONS, EXPLANATION):
            results = [_result(canvas, form, position) for position in range(options.results)]
            began = time.process_time()
            proposals = propose(canvas, results, palette=PALETTES["jsoncanvas"], place=_PLACE)
            took = time.process_time() - began
            distance = statistics.median(_distances(canvas, proposals))
            print(f"{shape:<28} {form.kind:<12} {took:5.2f} s   median distance {distance:6.0f} px")  # noqa: T201 - its output


_PLACE = Place(vault_root=Path("/"), canvas="large.canvas", timezone=UTC)


def _canvases(number: int) -> dict[str, Canvas]:
    across = round(number**0.5)
    spread = random.Random(1)
    grids = {"packed, 40 px apart": (340, 140), "in rows, 1,500 × 3,000 px": (1500, 3000)}
    nodes = {
        name: [_node(one, one % across * width, one // across * height) for one in range(number)]
        for name, (width, height) in grids.items()
    }
    nodes["one column"] = [_node(one, 0, one * 140) for one in range(number)]
    nodes["scattered"] = [
        _node(one, spread.randrange(across * 500), spread.randrange(across * 500)) for one in range(number)
    ]
    group = Node(node_id="group", type="group", x=-50, y=-50, width=across * 340 + 60, height=across * 140 + 60)
    nodes["packed, all in one group"] = [group, *nodes["packed, 40 px apart"]]
    return {name: Canvas(Path("large.canvas"), found, []) for name, found in nodes.items()}


def _node(number: int, x: int, y: int) -> Node:
    return Node(node_id=f"n{number}", type="text", text="图", x=x, y=y, width=300, height=100)


def _result(canvas: Canvas, form: Form, position: int) -> Accepted:
    texts = [node for node in canvas.nodes if node.type == "text"]
    return Accepted(
        execution_id="exec-0000000000000000",
        task_id=f"task-{position:016x}",
        position=position,
        agent_name=form.kind,
        node_id=texts[position * 97 % len(texts)].node_id,
        form=form,
        input_data={"topic": "图论"},
        output=OUTPUTS[form.kind],
        completed_at=1_761_668_246.0,
    )


def _distances(canvas: Canvas, proposals: Sequence[Proposal]) -> list[float]:
    """From each source's right side to the first node of its result, along both axes together."""
    found = [(canvas.node(one.node_id), one.nodes[0]) for one in proposals]
    return [abs(item["x"] - source.x - source.width) + abs(item["y"] - source.y) for source, item in found]


if __name__ == "__main__":
    main()
