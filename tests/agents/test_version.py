from __future__ import annotations

import hashlib
from importlib.resources import files

from parallel_agents.agents.version import PROMPTS

MODULES = (
    "answers", "contract", "gathered", "gatheredformat", "language", "pages", "prompt", "questionlists", "runtime",
    "scores", "tables",
)  # fmt: skip
"""What this package adds to a prompt, and how it reads an answer."""

KNOWN = (2, "78c9ac33a1d0d2a151ad8f8c9ca2bb26f36189d29f370181a9c56dcdd17bdcd3")


def test_whoever_changes_prompts_or_contracts_decides_whether_earlier_results_still_serve() -> None:
    """Raise PROMPTS where the same agent would now ask or accept something else; note the new digest in any case."""
    digest = hashlib.sha256()
    for name in MODULES:
        digest.update((files("parallel_agents.agents") / f"{name}.py").read_bytes())

    assert (PROMPTS, digest.hexdigest()) == KNOWN
