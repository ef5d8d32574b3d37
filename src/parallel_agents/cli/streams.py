"""What a command says: results on standard output, all else on standard error.

A reader that has gone away (`| head`, a closed terminal) ends no run and changes no exit code.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, TextIO

from parallel_agents.cli.language import spoken
from parallel_agents.cli.translation import localized
from parallel_agents.core.errors import OutputError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def tell(text: str) -> None:
    """Print lines for a person to standard output, in the language of this process. Raises as `tell_data`."""
    tell_data("\n".join(map(localized, text.split("\n"))) if spoken() != "en" else text)


def tell_data(text: str, end: str = "\n") -> None:
    """Print to standard output as it is.

    Raises:
        OutputError: it takes no more, for another reason than that its reader has gone.
    """
    # None where the process was started with it closed.
    stream: TextIO | None = sys.stdout
    if stream is None:
        return
    try:
        stream.write(text + end)
        stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        problem = (error.strerror or str(error)).lower()
        raise OutputError("standard output", problem, started=True) from None


def tell_json(value: object) -> None:
    """Print JSON that is valid in whatever encoding standard output has. Raises as `tell`."""
    tell_data(json.dumps(value, ensure_ascii=not speaks_utf8(), indent=2))


def speaks_utf8() -> bool:
    """Tell whether standard output takes every character."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"


def note(line: str) -> None:
    """Write a line to standard error, in the language of this process, where it still has a reader."""
    write_line(sys.stderr, line)


def write_line(stream: TextIO | None, line: str) -> None:
    """Write a line and show it at once, in the language of this process; what cannot be written is let go."""
    if stream is None:
        return
    try:
        stream.write(localized(one_line(line)) + "\n")
        stream.flush()
    except OSError:
        # Progress is not worth a batch: the journal and the exit code say how it ended.
        _silence(stream)


def one_line(text: str) -> str:
    """Take out line breaks and control characters: much of what is shown was written by models and files."""
    return _CONTROL.sub(" ", text).strip()


def prepare() -> None:
    """Let no character that the terminal's encoding lacks end a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _silence(stream: TextIO) -> None:
    # What is still buffered, and what the interpreter flushes at its end, goes nowhere instead of failing again.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
