"""How a simulated provider counts tokens."""

from __future__ import annotations

import re

from parallel_agents.simulator.options import TokenRule

_WIDE = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
FRAME_TOKENS = 4
"""What the rule of bytes adds for each message."""

RULES: dict[TokenRule, str] = {
    "characters": "1 token for a Chinese, Japanese or Korean character, 1 for every 4 other characters",
    "bytes": f"1 token for every byte of UTF-8, of the schema too, and {FRAME_TOKENS} for each message",
}


def tokens_in(text: str) -> int:
    """Count tokens by rule: 1 for a Chinese, Japanese or Korean character, 1 for every 4 others, rounded up."""
    wide = len(_WIDE.findall(text))
    return wide + (len(text) - wide + 3) // 4


def counted(text: str, rule: TokenRule) -> int:
    """Count the tokens of a text by a rule."""
    return tokens_in(text) if rule == "characters" else len(text.encode("utf-8", "surrogatepass"))
