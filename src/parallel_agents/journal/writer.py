"""The one thread of a process that writes: many writes to a commit, and nothing acknowledged before its commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar

import apsw

from parallel_agents.core.errors import JournalError, ParallelAgentsError
from parallel_agents.journal.database import Database, journal_error
from parallel_agents.journal.presence import Presence

T = TypeVar("T")
Work: TypeAlias = Callable[[Database], T]

GROUP_LIMIT = 512

_BUSY = (apsw.BusyError, apsw.LockedError)
# After one of these nobody knows what is on the disk, so nothing more is written. Every other error is the fault of
# the one write that met it.
_BREAKING = (
    apsw.CantOpenError,
    apsw.ConnectionClosedError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.InternalError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
    MemoryError,
)

_log = logging.getLogger(__name__)


class _Write(NamedTuple):
    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class _Outcome(NamedTuple):
    result: Any
    error: Exception | None = None


class Writer:
    """Takes writes from any event loop and commits them in the order they came.

    A commit is acknowledged only while the files are still where `presence` has seen them; None where there are none.
    """

    def __init__(self, database: Database, presence: Presence | None = None) -> None:
        self._database = database
        self._presence = presence
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._is_closed = False
        self._failure: JournalError | None = None
        # A daemon, so that a program that forgets to close can end; what it was not told is durable may be lost.
        self._thread = threading.Thread(target=self._run, name="parallel-agents-journal-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, work: Work[T]) -> asyncio.Future[T]:
        """Queue a write; the future, of the running loop, is done when the write is durable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._gate:  # so that nothing comes to lie behind the mark that ends the queue
            is_open = not self._is_closed and self._failure is None
            if is_open:
                self._queue.put(_Write(work, loop, future))
        if not is_open:
            _finish(future, _Outcome(None, self._refusal()))
        return future

    def stop(self) -> None:
        """Commit what is queued and end the thread. Safe to call twice."""
        with self._gate:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _refusal(self) -> JournalError:
        failure = self._failure or JournalError(self._database.path, "it is closed")
        return JournalError(failure.path, failure.problem, hint=failure.hint)

    def _run(self) -> None:
        while self._serve():
            pass  # nothing of a group is held on to while waiting for the next

    def _serve(self) -> bool:
        group, is_open = self._next_group()
        _deliver(group, self._write(group))
        return is_open

    def _next_group(self) -> tuple[list[_Write], bool]:
        group: list[_Write] = []
        write = self._queue.get()
        while write is not None:
            group.append(write)
            if len(group) == GROUP_LIMIT:
                return group, True
            try:
                write = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _write(self, group: list[_Write]) -> list[_Outcome]:
        if group and self._failure is None:
            try:
                return self._commit(group)
            except JournalError as error:
                self._failure = error
            except Exception as error:
                self._failure = self._described(error)
        return [_Outcome(None, self._refusal()) for _ in group]

    def _described(self, error: Exception) -> JournalError:
        if isinstance(error, apsw.Error):
            return journal_error(self._database.path, error)
        return JournalError(self._database.path, f"writing failed ({type(error).__name__}: {error})")

    def _commit(self, group: list[_Write]) -> list[_Outcome]:
        while True:
            try:
                with self._database.lock:
                    return self._present(self._commit_once(group))
            except _BUSY:
                _log.warning("journal %s: another process has kept it locked; waiting on", self._database.path)

    def _present(self, outcomes: list[_Outcome]) -> list[_Outcome]:
        if self._presence is not None:
            self._presence.check()
        return outcomes

    def _commit_once(self, group: list[_Write]) -> list[_Outcome]:
        try:
            return self._in_transaction(lambda: [_Outcome(write.work(self._database)) for write in group])
        except (*_BUSY, *_BREAKING):
            raise
        except Exception:
            # One of them is at fault: apart, each under a savepoint of its own, which costs too much to do always.
            return self._in_transaction(lambda: [self._alone(write) for write in group])

    def _in_transaction(self, step: Callable[[], list[_Outcome]]) -> list[_Outcome]:
        database = self._database
        database.execute("begin_write")
        try:
            outcomes = step()
            database.execute("commit")
        except Exception:
            with contextlib.suppress(apsw.Error):  # on a failing disk: the first error says more
                database.roll_back()
            raise
        return outcomes

    def _alone(self, write: _Write) -> _Outcome:
        database = self._database
        database.execute("savepoint")
        try:
            outcome = _Outcome(write.work(database))
        except (*_BUSY, *_BREAKING):
            raise
        except ParallelAgentsError as error:
            outcome = _Outcome(None, error)
        except Exception as error:
            refused = JournalError(database.path, f"a write was refused ({error})")
            refused.__cause__ = error
            outcome = _Outcome(None, refused)
        if outcome.error is not None:
            database.execute("rollback_to_savepoint")
        database.execute("release_savepoint")
        return outcome


def _deliver(group: list[_Write], outcomes: list[_Outcome]) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Outcome]]] = defaultdict(list)
    for write, outcome in zip(group, outcomes, strict=True):
        by_loop[write.loop].append((write.future, outcome))
    for loop, done in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for these any more
            loop.call_soon_threadsafe(_finish_all, done)


def _finish_all(done: list[tuple[asyncio.Future[Any], _Outcome]]) -> None:
    for future, outcome in done:
        _finish(future, outcome)


def _finish(future: asyncio.Future[Any], outcome: _Outcome) -> None:
    if future.done():  # the one who asked has given up waiting; the write stands all the same
        return
    if outcome.error is None:
        future.set_result(outcome.result)
    else:
        future.set_exception(outcome.error)
        future.exception()  # marks it as seen: a write need not be awaited
