"""The version of what this package adds to every agent: prompts, output contracts, how answers are read."""

from __future__ import annotations

PROMPTS = 2
"""To be raised whenever the same agent file would ask something else, or its answer would be read in another way.

Results of another version are not used again. A test holds it against the modules that it stands for.
"""
