"""Stands in for Claude Code's command line: prints results in the shape that it prints, by a word of its input.

It calls no model. What it was started with comes back as its answer.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

USED = {"inputTokens": 100, "outputTokens": 20, "cacheReadInputTokens": 7, "cacheCreationInputTokens": 3}
USAGE = {"claude-one": {**USED, "costUSD": 0.01}, "claude-two": {**USED, "costUSD": 0.002}}
OK: dict[str, Any] = {"subtype": "success", "is_error": False, "num_turns": 1, "duration_ms": 1200}
CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "works": (0, OK),
    "last call failed": (1, {**OK, "is_error": True, "api_error_status": 529, "result": "API Error: overloaded"}),
    "rate limited": (1, {**OK, "is_error": True, "api_error_status": 429, "result": "API Error: 429"}),
    "no key": (1, {**OK, "is_error": True, "api_error_status": 401, "result": "Invalid API key"}),
    "no credit": (1, {**OK, "is_error": True, "api_error_status": "billing_error", "result": "no credit"}),
    "too many turns": (1, {"subtype": "error_max_turns", "is_error": True, "num_turns": 6}),
    "too dear": (1, {"subtype": "error_max_budget_usd", "is_error": True, "errors": ["budget"]}),
    "broke": (1, {"subtype": "error_during_execution", "is_error": True, "errors": ["it broke"]}),
}


def main() -> None:
    given = sys.stdin.read()
    if "crash" in given:
        sys.exit("Error: not signed in")
    if "silent" in given:
        return
    code, told = next(case for word, case in CASES.items() if f"case: {word}" in given)
    own = os.environ["CLAUDE_CONFIG_DIR"]
    seen = {
        "words": sys.argv[1:],
        "given": given,
        "own": own,
        "is_empty": not list(Path(own).iterdir()),
        "env": sorted(os.environ),
    }
    answer = {"result": f"Seen: {json.dumps(seen)}", "modelUsage": USAGE, "usage": {"input_tokens": 1}}
    print(json.dumps({"type": "result", "total_cost_usd": 0.012, **answer, **told}))
    sys.exit(code)


if __name__ == "__main__":
    main()
