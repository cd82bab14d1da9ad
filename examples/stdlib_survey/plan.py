"""Print a plan that surveys the standard library: `python plan.py | weft run -f - -C DIR`.

list ──> package[asyncio], package[email], …; module[abc], module[ast], … ──> findings
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from sources import find_sources, is_package, size_bytes

HERE = Path(__file__).resolve().parent

# Without `site`, which a survey needs for nothing, Python starts in three quarters of the time.
QUICK_PYTHON = [sys.executable, "-S"]

# Measured; only how the durations compare to each other matters, and it decides what starts first.
START_S = 0.03
SECONDS_PER_BYTE = 0.2e-6


def plan() -> dict[str, Any]:
    """Return the plan, in the words of a plan file."""
    sources = {name: files for name, files in find_sources().items() if files}
    packages = [name for name, files in sources.items() if is_package(files)]
    modules = [name for name in sources if name not in packages]

    def survey(names: list[str]) -> dict[str, Any]:
        n_bytes = sum(size_bytes(sources[name]) for name in names)
        return {
            "each": {"module": names},
            "run": [*QUICK_PYTHON, str(HERE / "survey.py"), "{module}"],
            "needs": ["list"],
            "result": "json",
            # One duration stands for all members. The packages are longer, so that they start first.
            "duration": round(START_S + SECONDS_PER_BYTE * n_bytes / len(names), 3),
        }

    return {
        "tasks": {
            "list": {"run": [*QUICK_PYTHON, str(HERE / "sources.py")], "result": "json"},
            "package": survey(packages),
            "module": survey(modules),
            "findings": {
                "run": [sys.executable, str(HERE / "findings.py")],
                "needs": ["list", "package", "module"],
            },
        },
        "aggregates": {
            "patterns": {
                "from": ["package", "module"],
                "strategy": "frequency",
                "field": "patterns",
                "threshold": "40%",
            },
        },
    }


if __name__ == "__main__":
    json.dump(plan(), sys.stdout, indent=2)
    print()
