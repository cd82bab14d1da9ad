"""Takes away the oldest runs of a plan: their folders, and what the journal holds of them.

A run stays that goes on, and one of which somebody's work was not brought back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from weft.errors import UsageError
from weft.journal.forget import forget
from weft.journal.reader import RunRecord
from weft.model.sentences.refusals import refusal_sentence
from weft.runtime.history import history
from weft.runtime.layout import STATE_FOLDER, RunFolder, journal_of
from weft.workspaces.clean import Cleaner
from weft.workspaces.record import Room


class Pruned(msgspec.Struct, frozen=True):
    """The ids of the runs that were taken away, and why others stay that are as old."""

    removed: tuple[str, ...]
    kept: dict[str, str]


def prune_runs(root: Path, keep: int, *, dry_run: bool = False) -> Pruned:
    """Take away all runs of the plan in ``root`` but the newest ``keep``.

    Args:
        root: the directory that holds `.weft`.
        keep: how many runs stay, 0 or more.
        dry_run: only tell which runs would be taken away.

    Raises:
        JournalError: the journal can't be read or written.
        UsageError: a folder can't be removed. The next time goes on from there.
    """
    assert keep >= 0, f"{keep} runs to keep"
    with history(root) as journal:
        old = journal.runs()[keep:] if journal is not None else []
    kept: dict[str, str] = {}
    doomed: list[RunRecord] = []
    for run in reversed(old):
        why = None if run.is_over else f"it is {run.standing.value}"
        why = why or _refusal(root, run)
        if why is None:
            doomed.append(run)
        else:
            kept[run.id] = why
    if doomed and not dry_run:
        for run in tuple(doomed):
            if (why := _remove(root, run)) is not None:
                kept[run.id] = why
                doomed.remove(run)
        forget(journal_of(root), doomed)  # last: a run of which the folder is left can be pruned again
    return Pruned(tuple(run.id for run in doomed), kept)


def _refusal(root: Path, run: RunRecord) -> str | None:
    """Return why the folder of a run has to stay, None if it has not."""
    path = RunFolder.of(root, run.id).path
    if path.parent.is_symlink() or path.is_symlink():
        return f"{path} is a symbolic link, which leads elsewhere"
    cleaner = Cleaner(root / STATE_FOLDER)
    refusals = (cleaner.refusal(room) for room in _rooms(path))
    return next((refusal_sentence(refusal) for refusal in refusals if refusal is not None), None)


def _rooms(run: Path) -> Iterator[Room]:
    """Yield the workspaces in the folder of a run."""
    if run.is_dir():
        for folder in sorted(run.iterdir()):
            room = Room(folder)
            if folder.is_dir() and any(os.path.lexists(path) for path in (room.tree, room.gone)):
                yield room


def _remove(root: Path, run: RunRecord) -> str | None:
    """Remove the folder of a run; return why it stays, if somebody has come to it meanwhile."""
    folder = RunFolder.of(root, run.id).path
    cleaner = Cleaner(root / STATE_FOLDER)
    try:
        for room in _rooms(folder):
            if (refusal := cleaner.remove(room)) is not None:
                return refusal_sentence(refusal)
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise UsageError(f"can't remove the folder of run {run.id}: {error}") from error
    return None
