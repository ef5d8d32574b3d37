"""A simulated model provider on real HTTP, for tests and benchmarks; it is not a language model.

It speaks OpenAI's chat completions and Anthropic's messages, answers with made-up text that fits the schema asked for,
and counts what it saw. Importing this package needs nothing; serving needs the `llm` extra.
"""

from parallel_agents.simulator.faults import Fault as Fault
from parallel_agents.simulator.options import Options as Options
from parallel_agents.simulator.serving import running as running
from parallel_agents.simulator.serving import serve as serve
