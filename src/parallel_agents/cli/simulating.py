"""The command that serves a simulated provider."""

from __future__ import annotations

from dataclasses import asdict

import msgspec

from parallel_agents.cli.simulatoroptions import SimulatorOptions
from parallel_agents.cli.streams import tell
from parallel_agents.core.errors import InputError
from parallel_agents.simulator import Options, serve


async def simulate(given: SimulatorOptions) -> int:
    """Serve until interrupted; prints where it listens once it does.

    Raises:
        InputError: an option is out of range, or the address cannot be listened on.
    """
    fields = {_field(name): value for name, value in asdict(given).items() if value is not None}
    try:
        options = msgspec.convert(fields, Options)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at ")
        name = place.strip("`").removeprefix("$.").removesuffix("_s").replace("_", "-")
        raise InputError(f"--{name}: {problem[:1].lower()}{problem[1:]}") from None
    await serve(options, _announce)
    return 0


def _field(option: str) -> str:
    return f"{option}_s" if f"{option}_s" in Options.__struct_fields__ else option


def _announce(url: str) -> None:
    tell(
        f"simulated provider (not a language model) on {url}\n"
        f"OPENAI_BASE_URL={url}/v1\nANTHROPIC_BASE_URL={url}\nstatistics: {url}/stats"
    )
