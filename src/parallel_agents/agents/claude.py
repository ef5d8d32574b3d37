"""The preset `claude`: the words of Claude Code's command line, and how its result is read.

Its JSON says `subtype: success` also where the last call failed (`is_error`); failures stand on stdout beside an exit
code that is not 0; `usage` leaves out what its own helpers used, `modelUsage` does not; its cost is an estimate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from parallel_agents.agents.spec import Claude
from parallel_agents.core.errors import AttemptError, ItemError, TransientError

PROGRAM = "claude"
MOST_BYTES = 10_000_000
"""Of its stdin; beyond that it reads nothing."""

# What stays so when it is tried again: the request, the key, the bill, the permission, the model, its size.
_FOR_GOOD = frozenset({400, 401, 402, 403, 404, 413})
_FOR_GOOD_IN_WORDS = frozenset(
    {
        "authentication_failed",
        "oauth_org_not_allowed",
        "billing_error",
        "model_not_found",
        "invalid_request",
        "max_output_tokens",
    }
)
_MOST_SAID = 500
_OWN_LIMITS = {"error_max_turns": "max_turns", "error_max_budget_usd": "max_budget_usd"}
_COUNTS = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_input_tokens": "cacheReadInputTokens",
    "cache_creation_input_tokens": "cacheCreationInputTokens",
}


def words_of(preset: Claude, *, model: str, system: str) -> tuple[str, ...]:
    """The words of the command; the question goes to its stdin."""
    words = (
        *(PROGRAM, "-p", "--output-format", "json", "--no-session-persistence"),
        *("--max-turns", str(preset.max_turns), "--max-budget-usd", f"{preset.max_budget_usd:g}"),
        *("--tools", " ".join(preset.tools), "--append-system-prompt", system),
    )
    return words if model == "inherit" else (*words, "--model", model)


def result_in(text: str) -> Mapping[str, Any] | None:
    """The result that it printed; None where there is none. With its user's `verbose` on it is the last of a list."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for each in reversed(cast("list[object]", value) if isinstance(value, list) else [value]):
        if isinstance(each, dict) and cast("dict[str, Any]", each).get("type") == "result":
            return cast("dict[str, Any]", each)
    return None


def answer_of(result: Mapping[str, Any], exit_code: int) -> str:
    """The text that was asked for.

    Raises:
        ItemError: it failed in a way that trying again does not mend.
        TransientError: it failed otherwise.
    """
    if exit_code or result.get("is_error") or result.get("subtype") != "success":
        raise _failure(result, exit_code)
    structured = result.get("structured_output")
    if structured is not None:
        return json.dumps(structured, ensure_ascii=False)
    return str(result.get("result") or "")


def reported_in(result: Mapping[str, Any]) -> dict[str, Any]:
    """What it says that the run used: its own words, which nobody here measured. What it does not say is None."""
    used = result.get("modelUsage")
    models = cast("dict[str, Any]", used) if isinstance(used, dict) else {}
    return {
        "by": PROGRAM,
        "models": sorted(models),
        **{ours: _sum(models, theirs) for ours, theirs in _COUNTS.items()},
        "estimated_cost_usd": _number(result.get("total_cost_usd")),
        "turns": _number(result.get("num_turns")),
        "duration_ms": _number(result.get("duration_ms")),
    }


def _failure(result: Mapping[str, Any], exit_code: int) -> AttemptError:
    subtype, status = str(result.get("subtype")), result.get("api_error_status")
    said = "; ".join(map(str, cast("list[object]", result.get("errors") or []))) or str(result.get("result"))
    cost = _number(result.get("total_cost_usd"))
    spent = [] if cost is None else [f"It estimates that this run cost {cost:g} USD"]
    if subtype in _OWN_LIMITS:
        return ItemError(". ".join([f"claude stopped at the {_OWN_LIMITS[subtype]} of the agent's file", *spent]))
    failed = f"claude failed ({subtype}, API error {status}, exit code {exit_code}): {said[:_MOST_SAID]}"
    is_for_good = status in _FOR_GOOD or status in _FOR_GOOD_IN_WORDS
    return (ItemError if is_for_good else TransientError)(". ".join([failed, *spent]))


def _sum(models: Mapping[str, Any], key: str) -> int | float | None:
    told = [_number(cast("dict[str, Any]", each).get(key)) for each in models.values() if isinstance(each, dict)]
    known = [count for count in told if count is not None]
    return sum(known) if known and len(known) == len(models) else None


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
