"""Loaded last by the fork server: everything loaded before it is shared with every worker and never copied.

It also makes the fork server the end of the line for whatever agents start: orphans become its children, and when the
engine is gone it ends all that is below it. A worker cannot always do so itself: an extension may hold its interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import sys
import warnings
from multiprocessing import forkserver
from pathlib import Path

from parallel_agents.processes.family import adopt_orphans, end_all_below

_ENGINE = os.getppid()


def _end_what_is_left() -> None:
    end_all_below(os.getpid())
    if os.getppid() != _ENGINE:
        # A killed engine cannot remove the address that this server listened on; a living one does.
        address = getattr(vars(forkserver).get("_forkserver"), "_forkserver_address", None)
        if isinstance(address, str) and address.startswith("/"):
            with contextlib.suppress(OSError):
                Path(address).unlink()
                Path(address).parent.rmdir()


# So that a worker finds its own program loaded.
importlib.import_module("parallel_agents.workers.child")
if "multiprocessing.forkserver" in sys.orig_argv[-1]:  # a program that merely imports this keeps its own ways
    # A group of its own, or Ctrl-C would reach workers while they start.
    os.setpgid(0, 0)
    adopt_orphans()
    atexit.register(_end_what_is_left)
    # It waits for children that it did not start, and would say so on the user's terminal.
    warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")
gc.collect()
gc.freeze()
