"""What one request can take at most, before a provider has counted it."""

from __future__ import annotations

import msgspec

from parallel_agents.core.budget import Amount, nanos_of
from parallel_agents.core.prices import Pricing
from parallel_agents.core.tokens import TOKENS_A_MESSAGE, most_tokens
from parallel_agents.ports.models import ModelRequest, OutputSchema

DEFAULT_MAX_TOKENS = 4096
"""What an answer may have where neither agent nor configuration says: Anthropic's always, any other under a budget.

Enough for every built-in agent, and within what the oldest models allow.
"""

SCHEMA_FACTOR = 2
SCHEMA_FRAME_TOKENS = 1024
"""A provider writes a schema into the prompt in a form of its own, with a text about it.

Every name and word of the schema stands in it once, spread over more lines or with more words around each: twice its
bytes is some six times what tokenizers make of it. The text about it is of 159 to 530 tokens, as Anthropic tells it
of tools.
"""


def most_input_tokens(request: ModelRequest) -> int:
    """Most tokens that a provider can count for what is sent: one for each byte, and a frame for each message."""
    texts = [request.system, *(message.content for message in request.messages)]
    # One frame more: for the beginning of the answer.
    frames = TOKENS_A_MESSAGE * (len(texts) + 1)
    return sum(map(most_tokens, texts)) + frames + (0 if request.output is None else _schema_tokens(request.output))


def most_of(request: ModelRequest, pricing: Pricing | None) -> Amount:
    """Most that a request with a bound on its answer can cost; without money where the price is not known."""
    given, made = most_input_tokens(request), request.max_tokens
    if made is None:
        raise ValueError("the answer of this request has no bound")
    nanos = None if pricing is None else nanos_of(pricing.most_usd(input_tokens=given, output_tokens=made))
    return Amount(given + made, nanos)


def _schema_tokens(output: OutputSchema) -> int:
    written = len(msgspec.json.encode(output.json_schema)) + most_tokens(output.name)
    return SCHEMA_FACTOR * written + SCHEMA_FRAME_TOKENS
