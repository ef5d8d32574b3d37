"""A Python agent: counts characters and words, without any model.

    parallel_agents.ParallelAgentExecutor().register_agent("word-count", "examples/python_agent/word_count.py:run")
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from parallel_agents import Context


async def run(context: Context) -> Mapping[str, Any]:
    """Count what stands in `text`."""
    text = str(context.input["text"])
    context.progress(0.5, "read")
    return {
        "chinese_characters": len(re.findall(r"[\u4e00-\u9fff]", text)),
        "words": len(re.findall(r"[A-Za-z]+", text)),
        "lines": text.count("\n") + 1,
    }
