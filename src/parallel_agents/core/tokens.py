"""How many tokens a text has, before a provider has counted them."""

from __future__ import annotations

import re

_WIDE = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
TOKENS_A_MESSAGE = 8
"""What a provider adds for the frame of one message, at most."""


def likely_tokens(text: str) -> int:
    """Estimate: 1 token for a Chinese, Japanese or Korean character, 1 for every 4 others, rounded up."""
    wide = len(_WIDE.findall(text))
    return wide + (len(text) - wide + 3) // 4


def most_tokens(text: str) -> int:
    """A bound that no byte-pair tokenizer passes: one token for each byte of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))
