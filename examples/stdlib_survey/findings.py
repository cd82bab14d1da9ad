"""Put the surveys together: write `findings.json` and `findings.md` into the current directory.

Runs as the last task. Both files are the same, byte for byte, however the surveys were run.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import weft

THRESHOLD = 0.4


def main() -> None:
    """Read the results of `list` and of all surveys, and write the findings."""
    results = weft.results()
    without_source = [name for name, files in results.pop("list").items() if not files]
    surveys = {survey["module"]: survey for survey in results.values()}  # still in plan order
    table = weft.aggregate.frequency(surveys, field="patterns", threshold=THRESHOLD, max_supporters=None)
    findings = {
        "python": platform.python_version(),
        "patterns": json.loads(table.to_json()),
        "modules": list(surveys.values()),
        "without_source": without_source,
    }
    Path("findings.json").write_text(json.dumps(findings, indent=2) + "\n", encoding="utf-8")
    Path("findings.md").write_text(page(findings, table.to_markdown()), encoding="utf-8")
    print(f"findings.md: {len(table.rows)} patterns are common in {table.n_results} packages and modules")


def page(findings: dict[str, Any], table: str) -> str:
    """Return the findings for people."""
    rows = [
        f"| `{module['module']}` | {module['n_files']} | {len(module['patterns'])} |"
        for module in findings["modules"]
    ]
    unreadable = [f"`{file}`" for module in findings["modules"] for file in module["unreadable"]]
    without_source = [f"`{name}`" for name in findings["without_source"]]
    return "\n".join(
        [
            f"# What the standard library of Python {findings['python']} is made of",
            "",
            table,
            "## What was read",
            "",
            f"Without Python source here: {', '.join(without_source) or 'none'}.",
            "",
            f"Files that Python can't parse: {', '.join(unreadable) or 'none'}.",
            "",
            "| package or module | files | patterns |",
            "|---|---:|---:|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
