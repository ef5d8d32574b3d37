"""A Python agent: counts the characters, words and sentences of a text, without any model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from parallel_agents.ports.context import Context

CHARACTER = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
SENTENCE_END = re.compile(r"[。！？!?]+|\.(?=\s|$)")
COMMONEST = 5


async def run(context: Context) -> Mapping[str, Any]:
    """Count what stands in `material_content`; a copy of the text is left in the work directory meanwhile."""
    text = str(context.input["material_content"])
    copy = context.workdir / "material.md"
    copy.write_text(text, encoding="utf-8")
    context.progress(0.5, f"{copy.stat().st_size} bytes read")
    words = [word.lower() for word in WORD.findall(text)]
    counts = {
        "chinese_characters": len(CHARACTER.findall(text)),
        "words": len(words),
        "sentences": len(SENTENCE_END.findall(text)),
        "commonest_words": [word for word, _ in Counter(words).most_common(COMMONEST)],
    }
    context.progress(1.0, "counted")
    return counts
