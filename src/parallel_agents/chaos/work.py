"""What one task of a chaos run asks and gives: all of it follows from its number, so every result can be checked."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from parallel_agents.simulator.answers import Asked, answer_to, prompt_hash

MODEL = "simulated"


def task_id(number: int) -> str:
    """The id of task `number`."""
    return f"chaos-{number}"


def first_prompt(seed: int, number: int) -> str:
    """What a task asks first. The heading comes back in the answer, so one task's answer fits no other."""
    return f"Write a page.\n\n## task {number} of seed {seed}\n"


def second_prompt(first_answer: str) -> str:
    """What it asks next: a wrong first answer shows as a call that nobody expected."""
    digest = hashlib.sha256(first_answer.encode()).hexdigest()
    return f"Write the page that comes after this one.\n\n## after {digest}\n"


def output_of(number: int, first_answer: str, second_answer: str) -> dict[str, Any]:
    """What a task gives."""
    return {"number": number, "first": first_answer, "second": second_answer}


def hash_of(output: object) -> str:
    """Hash an output: SHA-256 of its JSON with sorted keys."""
    text = json.dumps(output, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def expected_prompts(seed: int, number: int) -> tuple[str, str]:
    """The two prompts of a task as the provider counts them, by their hash."""
    first = first_prompt(seed, number)
    return _hashed(first), _hashed(second_prompt(_answered(first)))


def expected_hash(seed: int, number: int) -> str:
    """Hash of the output that task `number` must give."""
    first = _answered(first_prompt(seed, number))
    return hash_of(output_of(number, first, _answered(second_prompt(first))))


def _hashed(prompt: str) -> str:
    return prompt_hash((("user", prompt),))


def _answered(prompt: str) -> str:
    # Headings give a page of the simulated provider, whatever the seed; there is no schema to draw from.
    return answer_to(Asked(model=MODEL, turns=(("user", prompt),)), _hashed(prompt)).text
