"""The runs of a plan that were recorded: opened for reading, and found by what users call them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from weft.errors import UsageError
from weft.journal.reader import JournalReader, RunRecord
from weft.planning.nearest import nearest
from weft.runtime.layout import journal_of
from weft.sharing.owner import Owner, is_alive, this_process

LATEST = "latest"


@contextmanager
def history(root: Path) -> Iterator[JournalReader | None]:
    """Open the journal of the plan in ``root`` for the block; None if no run was ever recorded there.

    Raises:
        JournalError: it can't be read.
    """
    journal = JournalReader.open(journal_of(root), is_owner_alive)
    try:
        yield journal
    finally:
        if journal is not None:
            journal.close()


def run_named(journal: JournalReader, name: str) -> RunRecord:
    """Return the run of that id, or of the only id that begins or ends so; "latest" is the newest.

    Raises:
        UsageError: there is none, or several.
    """
    runs = journal.runs()
    if not runs:
        raise UsageError("no run was recorded here")
    if name == LATEST:
        return runs[0]
    found = [run for run in runs if run.id == name]
    found = found or [run for run in runs if name and (run.id.startswith(name) or run.id.endswith(name))]
    if not found:
        near = nearest(name, [run.id for run in runs])
        hint = f"did you mean {near}?" if near else "`weft runs` lists those there are"
        raise UsageError(f"no run `{name}` was recorded here\n  hint: {hint}")
    if len(found) > 1:
        raise UsageError(
            f"`{name}` may be any of {len(found)} runs: {', '.join(run.id for run in found[:3])} …"
        )
    return found[0]


def is_owner_alive(owner: str) -> bool | None:
    """Tell whether the process that a run is recorded for still runs; None if that can't be seen."""
    try:
        process = msgspec.json.decode(owner, type=Owner)
    except msgspec.MsgspecError:
        return None
    # Processes of several machines can't share a journal: another boot of this host is one that is over.
    here = this_process()
    if process.host == here.host and process.boot != here.boot:
        return False
    return is_alive(process)
