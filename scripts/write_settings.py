"""Write the shipped configuration file and the pages of the reference that list its keys.

python scripts/write_settings.py            write them
python scripts/write_settings.py --check    change nothing; exit 1 when one is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from parallel_agents.configuration.reference import reference
from parallel_agents.configuration.shipped import shipped_text

ROOT = Path(__file__).resolve().parent.parent


def main(check: bool) -> int:
    """Write or check; returns the exit code."""
    stale = [path for path, text in texts().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `python scripts/write_settings.py`\n")
        else:
            path.write_text(texts()[path], encoding="utf-8")
    return 1 if check and stale else 0


def texts() -> dict[Path, str]:
    """What each file has to say."""
    return {
        ROOT / "config" / "parallel_agents.yaml": shipped_text(),
        ROOT / "docs" / "reference" / "settings.md": reference("en"),
        ROOT / "docs" / "reference" / "settings.zh.md": reference("zh"),
    }


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
