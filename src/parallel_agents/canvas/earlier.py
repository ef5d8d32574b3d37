"""What earlier executions did with the nodes of a canvas."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a canvas from a journal.

    `scored_node_ids` are nodes that were given a score, by whatever agent. `last_inputs` has, by node, the digest of
    the input of the newest task of the agent in question that completed; where that one was about several nodes,
    `last_together` has all of them.
    """

    scored_node_ids: frozenset[str] = frozenset()
    last_inputs: Mapping[str, str] = {}
    last_together: Mapping[str, tuple[str, ...]] = {}


def input_digest(input_data: Mapping[str, Any]) -> str:
    """The SHA-256 of an input, in hexadecimal; the order of its keys does not matter."""
    text = json.dumps(input_data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
