"""The log of one task, as far as it is quoted."""

from __future__ import annotations

import os
import re
from pathlib import Path

from weft.live.wording import one_line
from weft.runtime.layout import RunFolder

# Enough for a few long lines; the rest of the log is not read.
TAIL_BYTES = 1 << 16

# Colours and movements of the cursor (ECMA-48 control sequences), and titles of windows.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def log_of(folder: RunFolder, task: str) -> Path | None:
    """Return the file that tells most of why ``task`` failed; None if it has written nothing."""
    for path in (folder.stderr(task), folder.stdout(task)):
        try:
            if path.stat().st_size:
                return path
        except OSError:
            continue  # the task has written nothing, or never began
    return None


def tail(path: Path, n_lines: int) -> list[str]:
    """Return the last lines of a log, made fit to be shown; nothing if it can't be read."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode(errors="replace")
    except OSError:
        return []
    return [_shown(line) for line in text.rstrip("\n").split("\n")[-n_lines:]]


def shown_path(path: Path) -> str:
    """Return ``path``, relative to the current directory if it is under it."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _shown(line: str) -> str:
    # Of a line that was written over, as progress bars do, the last state is what was seen.
    last = line.rstrip("\r").rpartition("\r")[2]
    indent = len(last) - len(last.lstrip(" \t"))
    plain = _CONTROL.sub("", last.expandtabs())
    return " " * min(indent, 40) + one_line(plain.lstrip()) if indent else one_line(plain)
