"""Finds the function that an import string names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from parallel_agents.core.errors import ItemError

Agent = Callable[[Any], Awaitable[Mapping[str, Any]]]

_added: list[str] = []
# Attempts in threads load at the same time; the second would find the module of the first half made.
_loading = threading.RLock()


def load_agent(target: str) -> Agent:
    """Load `module:function` or `path/to/file.py:function`; safe from any thread.

    Raises:
        ItemError: there is no such module or function, or it is not an `async def`. Trying again would not help.
    """
    with _loading:
        return _loaded(target)


def folder_of(target: str) -> str | None:
    """The folder whose modules an agent finds by their bare name; None for one that is imported by its module's."""
    place = target.rpartition(":")[0]
    return str(Path(place).parent) if place.endswith(".py") else None


def _loaded(target: str) -> Agent:
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise ItemError(f"the agent {target!r} is not of the form 'module:function' or 'path/to/file.py:function'")
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        raise ItemError(f"the agent's module {place!r} cannot be imported: {type(error).__name__}: {error}") from error
    function = getattr(module, name, None)
    if not inspect.iscoroutinefunction(function):
        kind = "has no such name" if function is None else "is not an `async def`"
        raise ItemError(f"the agent {target!r} {kind}")
    return function


def _from_file(path: Path) -> ModuleType:
    path = path.resolve()
    _enter(str(path.parent))
    name = f"parallel_agents_agent_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _enter(folder: str) -> None:
    # Modules beside an agent's file are found by their bare name. Two agents may each have a `prompts.py`: those of the
    # folder we come from are forgotten, or this agent would silently run with the other one's.
    if folder in sys.path and folder not in _added:
        return
    for other in [other for other in _added if other != folder]:
        for name in _modules_of(other):
            del sys.modules[name]
        sys.path.remove(other)
        _added.remove(other)
    if folder not in _added:
        sys.path.append(folder)
        _added.append(folder)
        importlib.invalidate_caches()


def _modules_of(folder: str) -> list[str]:
    # An environment may lie below the folder; what belongs to a longer entry of the path is not the agent's.
    inner = [entry + "/" for entry in sys.path if entry.startswith(folder + "/")]
    files = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
    return [
        name
        for name, file in files.items()
        if file.startswith(folder + "/") and not any(file.startswith(entry) for entry in inner)
    ]
