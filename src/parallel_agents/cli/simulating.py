"""The command that serves a simulated provider."""

from __future__ import annotations

import sys

from parallel_agents.simulator import Options, serve


async def simulate(*, host: str, port: int, latency_s: float) -> int:
    """Serve until interrupted; prints where it listens once it does."""
    await serve(Options(host=host, port=port, latency_s=latency_s), _announce)
    return 0


def _announce(url: str) -> None:
    sys.stdout.write(
        f"simulated provider (not a language model) on {url}\n"
        f"OPENAI_BASE_URL={url}/v1\nANTHROPIC_BASE_URL={url}\nstatistics: {url}/stats\n"
    )
    sys.stdout.flush()
