"""Tasks that depend on others: every name must be known, and no chain may lead back to where it began."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

from parallel_agents.core.errors import TaskError

_SHOWN = 8
_KEY = "depends_on"
_WAY_OUT = "Take one of these dependencies out."


def check_dependencies(
    task_ids: Sequence[str | None], depends_on: Sequence[Sequence[str]], place: Callable[[int], str]
) -> None:
    """Check a batch: the ids of its tasks, and for each the ids that it depends on. `place` is for messages.

    Raises:
        TaskError: a task depends on one that the batch does not have, or on itself, also through others.
    """
    positions = {task_id: position for position, task_id in enumerate(task_ids) if task_id is not None}
    for position, names in enumerate(depends_on):
        for name in names:
            if name not in positions:
                raise TaskError(
                    position,
                    f"{name!r} is no task of this batch",
                    key=_KEY,
                    hint=_hint(name, positions),
                    place=place(position),
                )
    below = [[positions[name] for name in names] for names in depends_on]
    if (cycle := _cycle(below)) is not None:
        raise TaskError(
            cycle[0], _in_words([task_ids[at] for at in cycle]), key=_KEY, hint=_WAY_OUT, place=place(cycle[0])
        )


def _hint(name: str, known: Mapping[str, int]) -> str:
    if not known:
        return "A task that others depend on needs a task_id."
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def _in_words(names: Sequence[str | None]) -> str:
    if len(names) == 1:
        return f"{names[0]!r} depends on itself"
    shown = [repr(name) for name in (*names, names[0])]
    if len(shown) > _SHOWN:
        shown = [*shown[: _SHOWN - 2], "…", shown[-1]]
    return f"the tasks depend on one another in a circle: {' → '.join(shown)}"


def _cycle(below: Sequence[Sequence[int]]) -> list[int] | None:
    """The places of a circle, in order; None where there is none. No recursion: a chain may be as long as the batch."""
    done = [False] * len(below)
    for start in range(len(below)):
        path: list[int] = []
        on_path: dict[int, int] = {}
        open_at: list[tuple[int, int]] = [] if done[start] else [(start, 0)]
        while open_at:
            node, step = open_at.pop()
            if step == 0:
                on_path[node] = len(path)
                path.append(node)
            if step == len(below[node]):
                done[node] = True
                del on_path[path.pop()]
                continue
            open_at.append((node, step + 1))
            following = below[node][step]
            if following in on_path:
                return path[on_path[following] :]
            if not done[following]:
                open_at.append((following, 0))
    return None
