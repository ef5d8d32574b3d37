"""The commands that put results on canvases and take them off: `review`, `apply` and `undo`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

Only = Annotated[
    list[str] | None,
    Parameter(negative="", help="Id of a task or of a node that it was about; may be given several times."),
]
Recolour = Annotated[
    bool, Parameter(negative="", help="Give questions the colour of their score; otherwise no colour changes.")
]
PaletteName = Annotated[
    Path | None,
    Parameter(help="What the colours mean: jsoncanvas, project-v1, project-v2, or a YAML file of your own."),
]
Config = Annotated[Path | None, Parameter(name="--config", help="Configuration file.")]
Journal = Annotated[Path | None, Parameter(name="--journal", help="Journal file (or PARALLEL_AGENTS_JOURNAL).")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON and nothing else.")]


def register(app: App) -> None:
    """Add the commands."""
    for command in (review, apply, undo):
        app.command(command)


def review(
    execution_id: str,
    /,
    *,
    only: Only = None,
    recolour: Recolour = False,
    palette: PaletteName = None,
    config: Config = None,
    journal: Journal = None,
    json: Json = False,
) -> int:
    """Show what apply would put on the canvases of an execution. Nothing is written.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.applying import LandingOptions, show_review

    options = LandingOptions(config=config, journal=journal, json=json, only=only, recolour=recolour, palette=palette)
    return asyncio.run(show_review(execution_id, options))


def apply(
    execution_id: str,
    /,
    *,
    only: Only = None,
    recolour: Recolour = False,
    palette: PaletteName = None,
    config: Config = None,
    journal: Journal = None,
    json: Json = False,
) -> int:
    """Put the results of an execution on their canvases, as nodes, edges and notes; what is there is left alone.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.applying import LandingOptions, apply_execution

    options = LandingOptions(config=config, journal=journal, json=json, only=only, recolour=recolour, palette=palette)
    return asyncio.run(apply_execution(execution_id, options))


def undo(execution_id: str, /, *, config: Config = None, journal: Journal = None, json: Json = False) -> int:
    """Take off the canvases what apply put there, except what was changed since. Notes leave the vault for a folder.

    Parameters
    ----------
    execution_id:
        Id of the execution.
    """
    from parallel_agents.cli.applying import LandingOptions, undo_execution

    return asyncio.run(undo_execution(execution_id, LandingOptions(config=config, journal=journal, json=json)))
