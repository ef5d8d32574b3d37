"""Starts a program as a command agent's: it dies with its parent, and its network is closed unless that is asked for.

Run as a program of its own, `python -IS fence.py DESCRIPTOR PARENT open|closed PROGRAM [ARGUMENT …]`: what is done here
between fork and exec would not be safe in a worker, which has threads. One line goes to the descriptor: `network HOW`
before the program starts, and `network: WHY` or `program: WHY` where it cannot start.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

CANNOT_START = 127

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_SET_DEATH_SIGNAL, _SET_SECCOMP, _NO_NEW_PRIVILEGES, _FILTER = 1, 22, 38, 2
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _EAFNOSUPPORT = 1, 97
_X32 = 0x40000000
# Machine → audit architecture, `socket`, and calls that would open sockets or namespaces around the filter:
# io_uring_setup, unshare, setns, ptrace.
_MACHINES = {
    "x86_64": (0xC000003E, 41, (425, 272, 308, 101)),
    "aarch64": (0xC00000B7, 198, (425, 97, 268, 117)),
}


def main(arguments: Sequence[str]) -> None:
    """Become the program; returns only by ending this process."""
    descriptor, parent, network, program = int(arguments[0]), int(arguments[1]), arguments[2], list(arguments[3:])
    os.set_inheritable(descriptor, False)
    try:
        _forget_the_worker()
        how = "open" if network == "open" else close_network()
    except OSError as error:
        _end(descriptor, b"network: ", str(error))
    if sys.platform == "linux":
        # After the namespaces, which take it back.
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it could be heard
            os._exit(CANNOT_START)
    os.write(descriptor, b"network " + how.encode() + b"\n")
    try:
        os.execvp(program[0], program)
    except OSError as error:
        _end(descriptor, b"program: ", error.strerror or str(error))


def close_network() -> str:
    """Close the network to this process for good, what it starts included; says how, once that was tried.

    Raises:
        OSError: it cannot be closed here.
    """
    how = _by_namespace() or _by_filter()
    if how is None:
        raise OSError("neither a network namespace nor a filter of system calls can be had here")
    if _reaches_this_machine():
        raise OSError(f"it was found open, closed by a {how}")
    return how


def _by_namespace() -> str | None:
    # Tried in a child first: what fails half way leaves a process without the user that it was.
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            _enter_namespace()
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    if status:
        return None
    _enter_namespace()
    return "namespace"


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "unshare"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    # Whoever may do it stays the user that it is; everybody else needs a namespace of users for it.
    if library.unshare(_NEW_NETWORK) == 0:
        return
    if library.unshare(_NEW_USER | _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def _by_filter() -> str | None:
    known = _MACHINES.get(os.uname().machine) if sys.platform == "linux" else None
    if known is None:
        return None
    program = _filter_program(*known)
    lines = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(lines))
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    set_filter = library.prctl(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(header, len(header)), 0, 0)
    return "filter" if set_filter == 0 else None


def _filter_program(architecture: int, socket_call: int, refused: Sequence[int]) -> bytes:
    """Seccomp: no socket but one of this machine's own (AF_UNIX), and no way around that."""
    lines = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_JUMP_FROM, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for call in refused:
        lines += [(_JUMP_EQUAL, 0, 1, call), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    lines += [
        (_JUMP_EQUAL, 0, 3, socket_call),
        (_LOAD, 0, 0, 16),
        (_JUMP_EQUAL, 1, 0, int(socket.AF_UNIX)),
        (_RETURN, 0, 0, _ERRNO | _EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _reaches_this_machine() -> bool:
    # Nothing is sent: a datagram socket that has no way there says so when it is connected.
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
            tried.connect(("127.0.0.1", 9))
    except OSError:
        return False
    return True


def _forget_the_worker() -> None:
    """What a worker set for itself would go on in whatever it starts."""
    for heard in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(heard, signal.SIG_DFL)
    # The worker's budget of private memory counts from its own size; the engine's watch counts the whole tree.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _end(descriptor: int, part: bytes, why: str) -> NoReturn:
    os.write(descriptor, part + why.encode("utf-8", "replace"))
    os._exit(CANNOT_START)


if __name__ == "__main__":
    main(sys.argv[1:])
