"""The environment that new processes of `multiprocessing` get: otherwise the program's own, with every key in it.

A fork server is exec'ed with it, and its memory, which `/proc/PID/environ` shows, is that of every worker.
"""

# The standard library's process internals come without types.
# pyright: reportAttributeAccessIssue=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import util
from typing import Any

_swapping = threading.Lock()


@contextmanager
def handing_on(environ: Mapping[str, str] | None) -> Generator[None]:
    """Give this environment to what the calling thread starts by way of `multiprocessing`; None is the program's own.

    The standard library has no parameter for it. To take variables off the program's own for that moment would take
    them from its other threads, which may be looking for a key just then.
    """
    if environ is None:
        yield
        return
    given, caller = dict(environ), threading.get_ident()
    with _swapping:
        own: Any = util.spawnv_passfds

        def spawn(path: str, args: Sequence[str | bytes], passfds: Iterable[int]) -> int:
            if threading.get_ident() != caller:
                return own(path, args, passfds)
            return _start(path, args, passfds, given)

        util.spawnv_passfds = spawn
        try:
            yield
        finally:
            util.spawnv_passfds = own


def _start(path: str, args: Sequence[str | bytes], passfds: Iterable[int], environ: Mapping[str, str]) -> int:
    process = subprocess.Popen(
        [os.fsdecode(one) for one in args], executable=os.fsdecode(path), env=environ, pass_fds=tuple(passfds)
    )
    # Whoever asked waits for it by its number; this object must not.
    process.returncode = 0
    return process.pid
