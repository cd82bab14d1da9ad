"""The results that a command needs, for a Python script that runs as a task.

Knows the folder that Weft makes for a task. What a result is was decided when its task ended.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from weft.errors import UsageError

VARIABLE = "WEFT_RESULTS"
TASK = "WEFT_TASK_ID"
INDEX = "index.json"


class IndexEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the index: a task, and the name of the file beside it that holds its result."""

    task: str
    file: str


def results() -> dict[str, Any]:
    """Return the results of the tasks that this one needs, by task id and in plan order.

    For scripts that Weft runs as a command. Of a fan-out that the task needs, each member is there
    under its own id, as in ``survey[a.md]``. Commands whose output is no result are left out.

    Raises:
        UsageError: this process is not a task of Weft, or the files with the results can't be read.
    """
    folder = os.environ.get(VARIABLE)
    if not folder and os.environ.get(TASK):
        return {}  # a task that needs no results
    if not folder:
        raise UsageError(
            f"there are no results to read: {VARIABLE} is not set\n"
            "  hint: weft.results() is for a command that runs as a task, under `weft run`"
        )
    index = _read(Path(folder) / INDEX, list[IndexEntry])
    return {entry.task: _read(Path(folder) / entry.file, Any) for entry in index}


def _read(path: Path, shape: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"{path}: is not what Weft wrote there: {error}") from error
