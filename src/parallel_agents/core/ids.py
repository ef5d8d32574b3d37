"""Ids as the specification writes them: a kind, a dash and 16 hexadecimal characters."""

from __future__ import annotations

import hashlib
from typing import Literal

Kind = Literal["exec", "session", "task", "ctx", "cmd"]


def new_id(kind: Kind, random_bytes: bytes) -> str:
    """Make an id of `kind` from 8 random bytes."""
    if len(random_bytes) != 8:
        raise ValueError(f"an id takes 8 random bytes, not {len(random_bytes)}")
    return f"{kind}-{random_bytes.hex()}"


def derived_id(kind: Kind, *parts: str) -> str:
    """Make the id of `kind` that belongs to `parts`: the same parts give the same id."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{kind}-{digest[:16]}"
