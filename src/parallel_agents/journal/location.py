"""Where the journal is when nobody says where."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def default_path(environ: Mapping[str, str], home: Path | None = None, platform: str = sys.platform) -> Path:
    """Find the journal in the user's state directory. `platform` is a value of `sys.platform`."""
    return _state_directory(environ, home or Path.home(), platform) / "parallel-agents" / "journal.sqlite3"


def _state_directory(environ: Mapping[str, str], home: Path, platform: str) -> Path:
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    named = Path(environ.get("XDG_STATE_HOME", ""))
    if named.is_absolute():  # the XDG rules say that a relative one is to be ignored
        return named
    if platform == "darwin":
        return home / "Library" / "Application Support"
    return home / ".local" / "state"
