"""Results out of the journal: into a file that did not exist, or to standard output, in memory that stays flat."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import BinaryIO

from parallel_agents.cli.streams import note, speaks_utf8, tell_data
from parallel_agents.core.aggregate import METHODS
from parallel_agents.core.errors import InputError
from parallel_agents.core.formats import FORMATS, View
from parallel_agents.executor import ParallelAgentExecutor
from parallel_agents.result_files import write_new

# Beyond ASCII there is nothing in JSON but what stands in its strings, where an escape means the same.
_WIDE = re.compile(r"[^\x00-\x7f]+")


def view_of(format_name: str | None, method: str | None, output: Path | None) -> View:
    """What `--format` and `--aggregate` ask for; without `--format`, the ending of `--output` says it.

    Raises:
        InputError: there is no such format or method.
    """
    if method is not None and method not in METHODS:
        raise InputError(f"--aggregate: {method!r} is not one of {', '.join(METHODS)}")
    chosen = None if method is None else METHODS[method]
    for format_of in FORMATS:
        if format_of == (format_name or (output.suffix.lower().removeprefix(".") if output else "")):
            return View(format=format_of, aggregate=chosen)
    if format_name is not None:
        raise InputError(f"--format: {format_name!r} is not one of {', '.join(FORMATS)}")
    return View(aggregate=chosen)


async def write_results(
    executor: ParallelAgentExecutor, execution_id: str, place: Path, view: View, *, quiet: bool = False
) -> Path:
    """Write the results file; returns its path.

    The file names itself among the files of the execution; the journal learns of it once it is there, and never of one
    that could not be written. A table begins with a byte order mark, without which spreadsheets misread Chinese.
    """
    vault_root = (await executor.executions.record(execution_id)).vault_root

    async def fill(path: Path, file: BinaryIO) -> None:
        if view.format == "csv":
            file.write(codecs.BOM_UTF8)
        await executor.executions.write(execution_id, view, file.write, [shown_path(path, vault_root)])

    hint = f"`parallel-agents results {execution_id} --output ELSEWHERE` writes them to another place."
    path = await write_new(place, fill, hint=hint)
    if path != place and not quiet:
        note(f"{place} is there already and is left alone")
    await executor.note_files(execution_id, [shown_path(path, vault_root)])
    return path


async def print_results(executor: ParallelAgentExecutor, execution_id: str, view: View) -> None:
    """Write results to standard output. Raises as `streams.tell`."""
    escapes = view.format != "csv" and not speaks_utf8()

    def put(piece: bytes) -> None:
        text = piece.decode()
        tell_data(_WIDE.sub(_escaped, text) if escapes else text, end="")

    await executor.executions.write(execution_id, view, put)


def _escaped(wide: re.Match[str]) -> str:
    return json.dumps(wide.group())[1:-1]


def shown_path(path: Path, vault_root: str | None) -> str:
    """A path relative to the vault's root where it lies below it, else absolute; with forward slashes."""
    root = None if vault_root is None else Path(vault_root).resolve()
    absolute = path.resolve()
    return (absolute.relative_to(root) if root and absolute.is_relative_to(root) else absolute).as_posix()
