"""What Linux offers for putting one file in another's place without losing what somebody wrote in between."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import sys
from pathlib import Path

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_NOT_HERE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}


def exchange(first: Path, second: Path) -> bool:
    """Swap two files of one folder in one step; False where the system or the file system cannot.

    Raises:
        OSError: one of them is not there, or the folder takes no change.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_HERE:
        return False
    raise OSError(code, os.strerror(code), str(first), None, str(second))


def cannot_exchange(_first: Path, _second: Path) -> bool:
    """Stands for `exchange` on a file system that cannot swap: always False."""
    return False


def has_writer(path: Path) -> bool | None:
    """Whether any process has a file open for writing; None where the system does not tell.

    A read lease is granted only while nobody has. It is given back at once.

    Raises:
        OSError: the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Whoever opens the file in the instant of the lease has the system send us a signal: one that does no harm.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    except AttributeError:  # not Linux
        return None
    finally:
        os.close(descriptor)
    return False
