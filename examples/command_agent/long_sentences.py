"""A command agent: reads one JSON object from stdin and writes Markdown. Any language would do."""

from __future__ import annotations

import json
import re
import sys

SENTENCE = re.compile(r"[^。！？!?\n]+[。！？!?]?")
SHOWN = 3
DATA_ERROR = 65


def main() -> None:
    """Write the longest sentences, the longest first."""
    text = str(json.load(sys.stdin)["input"]["material_content"])
    sentences = [found.strip() for found in SENTENCE.findall(text) if found.strip("#-* \t")]
    if not sentences:
        # This exit code says that this input can never succeed; what stands on stderr is the reason that is shown.
        sys.stderr.write("there is no sentence in it\n")
        sys.exit(DATA_ERROR)
    longest = sorted(sentences, key=len, reverse=True)[:SHOWN]
    sys.stdout.write("## 慢读\n\n" + "\n".join(f"1. {sentence}" for sentence in longest) + "\n")


if __name__ == "__main__":
    main()
