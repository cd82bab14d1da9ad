"""Survey one module of the standard library: `python survey.py NAME` prints what it uses as JSON.

Runs as a task, once for each module, so that its start must be quick: standard library only. The files
of the module come from the result of the task `list`.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from patterns import PATTERNS, patterns_in
from sources import STDLIB


def survey(name: str, files: list[str]) -> dict[str, Any]:
    """Return which patterns the ``files`` of module ``name`` use, in the order of the table.

    A file that Python can't parse is told under ``unreadable``; a few are broken on purpose.
    """
    found: set[str] = set()
    unreadable = []
    for file in files:
        try:
            found |= patterns_in(ast.parse((STDLIB / file).read_bytes()))
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last: too many brackets
            unreadable.append(file)
    return {
        "module": name,
        "n_files": len(files),
        "patterns": [pattern.name for pattern in PATTERNS if pattern.name in found],
        "unreadable": unreadable,
    }


def listed_files(name: str) -> list[str]:
    """Return the files of module ``name``, as the task `list` found them.

    `weft.results()` would do the same; to import it takes longer than most of the surveys.
    """
    folder = Path(os.environ["WEFT_RESULTS"])
    index = json.loads((folder / "index.json").read_bytes())
    file_of = {entry["task"]: entry["file"] for entry in index}
    listed: dict[str, list[str]] = json.loads((folder / file_of["list"]).read_bytes())
    return listed[name]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # old escapes in old sources are not our matter
    json.dump(survey(sys.argv[1], listed_files(sys.argv[1])), sys.stdout)
