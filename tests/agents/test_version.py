from __future__ import annotations

import hashlib
from importlib.resources import files

from parallel_agents.agents.version import PROMPTS

MODULES = ("answers", "contract", "prompt", "runtime")
"""What this package adds to a prompt, and how it reads an answer."""

KNOWN = (1, "c9569d0d7a9d7c7a7ff3e56c1fbd31663c2dca484101291d0fbb2e918a8752ea")


def test_whoever_changes_prompts_or_contracts_decides_whether_earlier_results_still_serve() -> None:
    """Raise PROMPTS where the same agent would now ask or accept something else; note the new digest in any case."""
    digest = hashlib.sha256()
    for name in MODULES:
        digest.update((files("parallel_agents.agents") / f"{name}.py").read_bytes())

    assert (PROMPTS, digest.hexdigest()) == KNOWN
