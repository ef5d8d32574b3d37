"""A simulated model provider on real HTTP, for tests and benchmarks; it is not a language model."""

from parallel_agents.simulator.options import Options
from parallel_agents.simulator.serving import serve

__all__ = ["Options", "serve"]
