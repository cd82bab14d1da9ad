"""Merges the texts of several tasks into one file: finds them, and puts the whole in its place.

In which order they come, and what stands between them, is decided in `views.aggregate.texts`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from glob import escape
from pathlib import Path
from typing import BinaryIO

from weft.errors import UsageError
from weft.model.aggregate import Aggregate, MergeFiles
from weft.model.outcome import Outcome
from weft.model.task import Task
from weft.planfile.globs import matches
from weft.runtime.layout import RunFolder
from weft.views.aggregate.attendance import Attendance
from weft.views.aggregate.texts import MergedFiles, Part, heading, missing_end, parts_of

_BLOCK_BYTES = 1 << 20


def merged_files(
    aggregate: Aggregate,
    merge: MergeFiles,
    outcomes: Mapping[str, Outcome],
    tasks: Mapping[str, Task],
    folder: RunFolder | None,
    root: Path,
) -> MergedFiles:
    """Write the texts of all tasks that succeeded into one file, and return what went into it.

    Nothing else than the old file or the whole new one is ever seen in its place.

    Args:
        aggregate: as the plan declares it.
        merge: its strategy.
        outcomes: by task, in plan order.
        tasks: by id.
        folder: of the run, with the logs; None if it has none.
        root: the directory that paths are relative to.

    Raises:
        UsageError: a file can't be read or written.
        TooFewResults: fewer tasks have succeeded than are required.
    """
    attendance = Attendance(aggregate.min_required)
    present = [tasks[str(supporter)] for supporter, _ in attendance.present(outcomes)]
    try:
        if merge.files:
            found = {task.id: _files_of(task, merge.files, root) for task in present}
            attendance.n_abstained = sum(not files for files in found.values())
            texts = [(part, root / (part.file or "")) for part in parts_of(found.items(), merge.to)]
        else:
            texts = [(Part(task.id), log) for task in present if (log := _log_of(task, folder))]
            attendance.n_abstained = len(present) - len(texts)
        size_bytes = _write(root / merge.to, merge.header, texts)
    except OSError as error:
        raise UsageError(f"can't merge texts: {error.strerror} (`{error.filename}`)") from error
    parts = tuple([part for part, _ in texts])
    return MergedFiles(to=merge.to, rows=parts, size_bytes=size_bytes, **attendance.told())


def _files_of(task: Task, patterns: Iterable[str], root: Path) -> list[str]:
    """Return the files of ``task``, pattern by pattern, those of each in the order of their names."""
    values = {"{task}": task.id, "{value}": _value_of(task)}
    found: dict[str, None] = {}
    for pattern in patterns:
        filled = re.sub(r"\{(?:task|value)\}", lambda name: escape(values[name[0]]), pattern)
        found.update(dict.fromkeys(file for file in matches(filled, str(root)) if (root / file).is_file()))
    return list(found)


def _value_of(task: Task) -> str:
    """Return what a fan-out has put between the brackets of this task's id; else the id."""
    if task.family is None:
        return task.id
    return task.id.removeprefix(f"{task.family}[").removesuffix("]")


def _log_of(task: Task, folder: RunFolder | None) -> Path | None:
    """Return what ``task`` has written to its standard output, if it has written anything."""
    log = folder.stdout(task.id) if folder is not None else None
    return log if log is not None and log.exists() and log.stat().st_size else None


def _write(to: Path, header: str, texts: Iterable[tuple[Part, Path]]) -> int:
    """Write ``texts`` to the file ``to``, all or nothing, and return how many bytes that are."""
    to.parent.mkdir(parents=True, exist_ok=True)
    beside = to.with_name(f".{to.name}.{os.getpid()}.weft")
    try:
        with beside.open("wb") as merged:
            for part, text in texts:
                merged.write(heading(header, part).encode(errors="surrogateescape"))
                _append(text, merged)
            size_bytes = merged.tell()
        beside.replace(to)
    finally:
        beside.unlink(missing_ok=True)
    return size_bytes


def _append(text: Path, merged: BinaryIO) -> None:
    last = b""
    with text.open("rb") as source:
        while block := source.read(_BLOCK_BYTES):
            merged.write(block)
            last = block[-1:]
    merged.write(missing_end(last))
