"""Executions with results that can land, as the shipped agents give them, in a journal of the test's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.journal.scene import WORKER, a_task, an_execution, keys_of, settle_one, settled

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.writing import Manner
from parallel_agents.core.execution import AgentRecord
from parallel_agents.journal import SqliteJournal
from parallel_agents.landing import CanvasLandings

EXECUTION = "exec-00000000000000a1"
AGENTS = (
    "basic-decomposition",
    "oral-explanation",
    "scoring-agent",
    "deep-decomposition",
    "comparison-table",
    "verification-question-agent",
)
MARKDOWN = "## 核心讲解\n\n全文都在这里。\n"


def questions(number: int, about: str = "") -> dict[str, Any]:
    types = ("定义型", "实例型", "对比型")
    return {
        "sub_questions": [
            {"text": f"{about}第 {one} 问？", "type": types[one % 3], "difficulty": "基础", "guidance": ""}
            for one in range(number)
        ]
    }


def explanation(text: str = MARKDOWN) -> dict[str, Any]:
    return {"markdown": text}


def score(action: str = "change_to_green") -> dict[str, Any]:
    return {"total_score": 85, "breakdown": {}, "pass": True, "feedback": "", "color_action": action}


def a_material(node_id: str, x: int = 0, y: int = 0, **changes: Any) -> dict[str, Any]:
    text = f"{node_id} 的材料"
    return {"id": node_id, "type": "text", "text": text, "x": x, "y": y, "width": 300, "height": 160, **changes}


def make_vault(folder: Path, *nodes: dict[str, Any], edges: Sequence[dict[str, Any]] = ()) -> Path:
    """A vault with one canvas; returns the canvas."""
    (folder / "笔记 库" / ".obsidian").mkdir(parents=True)
    (folder / "笔记 库" / "离散").mkdir()
    path = folder / "笔记 库" / "离散" / "图 论.canvas"
    text = json.dumps({"nodes": nodes, "edges": edges}, ensure_ascii=False, indent="\t")
    path.write_text(text, encoding="utf-8")
    return path


def agent_records(*names: str) -> tuple[AgentRecord, ...]:
    registry = AgentRegistry()
    found = (registry.resolve(name) for name in names)
    return tuple(AgentRecord(name=agent.name, target=agent.target, spec=agent.spec) for agent in found)


class Given:
    """One task that is to come out in a certain way; `output` None: it is not done."""

    def __init__(
        self,
        agent: str,
        node_id: str | None,
        output: Mapping[str, Any] | None,
        canvas: Path | str | None,
        *,
        node_ids: Sequence[str] = (),
        **inputs: Any,
    ) -> None:
        self.metadata = {"node_ids": list(node_ids)} if node_ids else {}
        self.agent = agent
        self.node_id = node_id
        self.output = output
        self.canvas = canvas
        self.inputs = {"topic": "图论", **inputs}


async def submit(
    journal: SqliteJournal, given: Sequence[Given], *, execution_id: str = EXECUTION, vault_root: Path | None = None
) -> list[int]:
    """Submit tasks and settle those that have an output; returns their keys."""
    record = an_execution(
        execution_id,
        agents=(*agent_records(*AGENTS), AgentRecord(name="silent", target="x:run")),
        vault_root=None if vault_root is None else str(vault_root),
    )
    tasks = [
        a_task(
            position,
            task_id=task_id_of(position, execution_id),
            agent_name=one.agent,
            node_id=one.node_id,
            canvas_path=None if one.canvas is None else str(one.canvas),
            input_data=msgspec.msgpack.encode(one.inputs),
            metadata=msgspec.msgpack.encode(one.metadata),
        )
        for position, one in enumerate(given)
    ]
    await journal.submit(record, tasks)
    keys = keys_of(journal, execution_id)
    for key, one in zip(keys, given, strict=True):
        if one.output is not None:
            await finish(journal, key, one.output)
    return keys


async def finish(journal: SqliteJournal, key: int, output: Mapping[str, Any]) -> None:
    """A task's result comes in; each at a time of its own."""
    await journal.begin(key, 1, WORKER, 1_700_000_000.0)
    packed = msgspec.msgpack.encode(dict(output))
    assert await settle_one(journal, settled(key, 1, output=packed, at=1_700_000_000.0 + key))


def task_id_of(position: int, execution_id: str = EXECUTION) -> str:
    return f"task-{execution_id[-4:]}{position:012x}"


def landings_on(journal: SqliteJournal, folder: Path, manner: Manner | None = None) -> CanvasLandings:
    return CanvasLandings(journal, state=folder / "state", manner=manner, now=lambda: 1_700_000_500.0)


def nodes_of(path: Path) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in json.loads(path.read_bytes())["nodes"]}


def edges_of(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_bytes())["edges"]


def notes_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".md")


def content(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    path.unlink()


def stamp_of(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def everything_below(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder but the journal's own, with what it holds."""
    found = sorted(folder.rglob("*"))
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in found
        if "journal.sqlite3" not in path.name
    }


def real(path: Path) -> str:
    return str(path.resolve())
