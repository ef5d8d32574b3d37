"""Writes the results of a large execution into nowhere, and prints how far its memory grew while it did (MB)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
from tests.results.scene import EXECUTION, accepted, filled

from parallel_agents.core.formats import View
from parallel_agents.executions import Executions


async def main(folder: str, number: int) -> None:
    def output(key: int) -> dict[str, object]:
        text = f"第 {key} 个命题的逆否命题是什么？" * 10
        return {"sub_questions": [{"text": f"{text} {n}", "difficulty": "基础", "guidance": ""} for n in range(3)]}

    journal = await filled(Path(folder) / f"{number}.sqlite3", number, lambda key: accepted(key, output(key)))
    executions = Executions(journal, now=lambda: 200.0, sampled=lambda _: None)
    await executions.write(EXECUTION, View(aggregate="merge_outputs"), lambda _: None)
    process, written = psutil.Process(), 0
    before = most = process.memory_info().rss

    def put(piece: bytes) -> None:
        nonlocal most, written
        written += len(piece)
        most = max(most, process.memory_info().rss)

    for view in (View(), View(format="jsonl"), View(format="csv"), View(aggregate="preserve_individual")):
        await executions.write(EXECUTION, view, put)
    for part in (executions.summary, executions.status, executions.error_report):
        await part(EXECUTION)
        put(b"")
    await journal.aclose()
    print((most - before) / 1e6, written / 1e6)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
