"""`report`: what an execution tells a learner, as Markdown, HTML or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgspec

from parallel_agents.canvas.palettefile import palette_named
from parallel_agents.canvas.studying import Study
from parallel_agents.cli import codes
from parallel_agents.cli.language import spoken
from parallel_agents.cli.reading import reading
from parallel_agents.cli.streams import note, tell_data, tell_json
from parallel_agents.cli.studyhtml import html_of
from parallel_agents.cli.studymarkdown import markdown_of
from parallel_agents.cli.translation import localized
from parallel_agents.core.errors import InputError
from parallel_agents.landing import CanvasLandings
from parallel_agents.result_files import check_place, write_new
from parallel_agents.study import study_of

_HTML = (".html", ".htm")


class ReportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `report`."""

    config: Path | None
    journal: Path | None
    output: Path | None
    palette: str | None
    html: bool
    json: bool


async def report_study(execution_id: str, options: ReportOptions) -> int:
    """Write the study report of an execution, or print it."""
    _check(options)
    palette = palette_named(options.palette)
    async with reading(options.config, options.journal) as executor:
        await executor.executions.record(execution_id)  # before a journal is made that nobody needs
        checks = await CanvasLandings(executor.journal).checks(execution_id)
        study = await study_of(executor.executions, execution_id, palette, checks=checks)
    if options.json:
        tell_json(msgspec.to_builtins(study))
    elif options.output is None:
        tell_data(_page(study, options).rstrip("\n"))
    else:
        await _write(study, options, options.output)
    return codes.OK


def _check(options: ReportOptions) -> None:
    suffix = "" if options.output is None else options.output.suffix.lower()
    if options.json and (options.html or options.output is not None):
        raise InputError("--json is printed as it is: give neither --html nor --output with it")
    if options.html and suffix and suffix not in _HTML:
        raise InputError(f"--html writes HTML, and {str(options.output)!r} does not end in .html")
    if options.output is not None:
        check_place(options.output)


async def _write(study: Study, options: ReportOptions, output: Path) -> None:
    page = _page(study, options).encode()

    async def fill(_: Path, file: BinaryIO) -> None:
        file.write(page)

    written = await write_new(output, fill, hint="Choose another place with --output.")
    if written != output:
        note(f"{output} is there already and is left alone")
    tell_data(localized(f"report: {written}"))


def _page(study: Study, options: ReportOptions) -> str:
    output, language = options.output, spoken()
    if options.html or (output is not None and output.suffix.lower() in _HTML):
        return html_of(study, language)
    return markdown_of(study, language, in_vault=_is_in_vault(study, output))


def _is_in_vault(study: Study, output: Path | None) -> bool:
    """Whether links of the vault work where the report goes. What is printed is taken to go there."""
    roots = {canvas.vault_root for canvas in study.canvases if canvas.vault_root is not None}
    if output is None or len(roots) != 1:
        return len(roots) == 1
    return output.resolve().is_relative_to(Path(roots.pop()))
