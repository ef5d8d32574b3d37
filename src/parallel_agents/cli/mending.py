"""`journal check` and `journal rebuild`: what is wrong with a journal, what was saved of it, and what was not."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec

from parallel_agents.cli import codes
from parallel_agents.cli.streams import note, one_line, tell, tell_json
from parallel_agents.configuration import load
from parallel_agents.journal import Checked, Kept, Rebuilt, check, default_path, rebuild


def check_journal(path: Path | None, *, as_json: bool) -> int:
    """Look a journal over and say what was found."""
    checked = check(_configured() if path is None else path)
    if as_json:
        tell_json(msgspec.to_builtins(checked))
    else:
        tell("\n".join(_checked_lines(checked)))
    if not checked.problems:
        return codes.OK
    note(f"`parallel-agents journal rebuild {shlex.quote(checked.path)}` saves what can be read")
    return codes.WITH_ERRORS


def rebuild_journal(path: Path, output: Path | None, *, as_json: bool) -> int:
    """Rebuild a journal and say what was saved and what was not."""
    target = path.with_name(f"{path.stem}.rebuilt{path.suffix}") if output is None else output
    rebuilt = rebuild(path, target)
    if as_json:
        tell_json({"is_whole": rebuilt.is_whole, **msgspec.to_builtins(rebuilt)})
    else:
        tell("\n".join(rebuilt_lines(rebuilt)))
        note(f"{path} was left as it is")
    return codes.OK if rebuilt.is_whole else codes.WITH_ERRORS


def rebuilt_lines(rebuilt: Rebuilt) -> list[str]:
    """What became of a journal, in lines."""
    lines = [f"new journal: {rebuilt.path}", *_losses(rebuilt)]
    lines += [_kept_line(kept, rebuilt.path) for kept in rebuilt.executions]
    if rebuilt.leftovers is not None:
        lines.append(f"what was read and has no place in a journal: {rebuilt.leftovers}")
    return [*lines, "nothing is known to be lost"] if rebuilt.is_whole else lines


def _losses(rebuilt: Rebuilt) -> Iterator[str]:
    if rebuilt.unusable_pages:
        yield f"{rebuilt.unusable_pages} of {rebuilt.pages} pages could not be read"
    if rebuilt.broken_rows:
        yield f"{rebuilt.broken_rows} rows on other pages were broken"
    if rebuilt.lost_log_pages:
        yield f"{rebuilt.lost_log_pages} pages of the log lie behind a broken one: the last writes are lost"
    if rebuilt.lost_history:
        yield f"{rebuilt.lost_history} lines of the history are lost"
    if rebuilt.lost_attempts:
        yield f"the figures of {rebuilt.lost_attempts} attempts are lost; their results are not"
    if rebuilt.inputs_without_task:
        yield f"{rebuilt.inputs_without_task} inputs were read of tasks that nothing else tells of"


def _kept_line(kept: Kept, path: str) -> str:
    if not kept.is_there:
        return f"{kept.execution_id}: lost, with {kept.known} tasks"
    there = f"{kept.execution_id}: {kept.tasks} tasks are there, {kept.completed} of them completed"
    if kept.tasks < kept.known:
        return f"{there}, {kept.known - kept.tasks} are lost"
    if not kept.tasks:
        return f"{kept.execution_id}: no task of it could be read"
    return there


def _checked_lines(checked: Checked) -> Iterator[str]:
    if not checked.problems:
        yield f"{checked.path}: sound, {checked.executions} executions, {checked.tasks} tasks"
        return
    yield f"{checked.path}: damaged"
    yield from map(one_line, checked.problems)


def _configured() -> Path:
    settings = load(None, os.environ)
    return Path(settings.journal.path or default_path(os.environ))
