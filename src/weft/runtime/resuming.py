"""Finds the run that a new one takes up, and what is left of it to do.

What stays and what runs again is decided in `journal.resume`. What the earlier run was bringing back when it
was cut off is completed or undone first, so that it is known of which tasks that was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from weft.errors import UsageError
from weft.journal.fingerprint import fingerprints
from weft.journal.reader import JournalReader, RunRecord
from weft.journal.resume import Earlier, Resumption, resume
from weft.journal.standing import Standing
from weft.planning.prepare import PreparedPlan, PreparedTask
from weft.runtime.history import LATEST, history, run_named
from weft.runtime.layout import RunFolder
from weft.runtime.links import ground_of
from weft.runtime.places import complete_publishing, room_left
from weft.scheduling.events import TakenUp
from weft.scheduling.facts import TaskAdded
from weft.workspaces.record import Room, State

# Of the tasks of both plans together, so many are in both: then one is what has become of the other.
_ALIKE = 0.5


class Takeover(msgspec.Struct, frozen=True):
    """An earlier ``run``, and what is left of it to do."""

    run: RunRecord
    resumption: Resumption

    def of(self, tasks: Sequence[PreparedTask]) -> TakenUp:
        """Return it as the scheduler takes it, by positions."""
        left = self.resumption
        positions = {prepared.task.id: prepared.position for prepared in tasks}
        return TakenUp(
            self.run.id,
            {positions[task]: outcome for task, outcome in left.done.items()},
            {positions[task]: reason for task, reason in left.again.items()},
            frozenset(positions[task] for task in left.written),
        )


def take_up(
    prepared: PreparedPlan, wanted: str = LATEST, *, compares: bool = True, completes: bool = True
) -> Takeover | None:
    """Return what an earlier run has left of a plan; None if the plan has none, and everything is to be done.

    Args:
        prepared: the plan as it is now.
        wanted: the id of the run, the beginning or the end of that, or "latest" for the newest of this plan.
        compares: let a task that has succeeded run again where it is another one now.
        completes: complete or undo what the earlier run was bringing back.

    Raises:
        UsageError: there is no such run, it still goes on, or it was not one of a plan; or what it has begun
            to bring back can't be completed.
        JournalError: the journal can't be read.
    """
    root = Path(prepared.plan.root)
    with history(root) as journal:
        if journal is None and wanted != LATEST:
            raise UsageError("no run was recorded here")
        if journal is None:
            return None
        run = run_named(journal, wanted) if wanted != LATEST else _latest(journal, prepared)
        if run is None:
            return None
        if run.standing is Standing.RUNNING:
            raise UsageError(f"run {run.id} still goes on\n  hint: stop it first, or wait until it has ended")
        if run.plan is None:
            raise UsageError(f"run {run.id} can't be resumed: its tasks were not known before it began")
        prints = fingerprints(prepared.tasks)
        if completes:
            complete_publishing(root)
        earlier = _with_brought_back(journal.earlier(run), run.id, prepared)
        left = resume(
            earlier,
            prepared.tasks,
            prints,
            ground_of(root.absolute()),
            groups=prepared.plan.groups,
            compares=compares,
        )
    return Takeover(run, left)


def _latest(journal: JournalReader, prepared: PreparedPlan) -> RunRecord | None:
    """Return the newest run of a plan that was this one: more plans may lie in one directory."""
    ours = {task.id for task in prepared.plan.tasks}
    seen: dict[str, bool] = {}
    for run in journal.runs():
        if run.plan is None or _has_nothing(journal, run):
            continue
        if run.plan not in seen:
            theirs = journal.fingerprints(run).keys()
            seen[run.plan] = len(ours & theirs) >= _ALIKE * len(ours | theirs)
        if seen[run.plan]:
            return run
    return None


def _has_nothing(journal: JournalReader, run: RunRecord) -> bool:
    """Tell whether a run was cut off before it had any task: it has not even taken up the one before it."""
    is_empty = not any(isinstance(fact, TaskAdded) for fact in journal.facts(run))
    return is_empty and run.standing is Standing.CRASHED


def _with_brought_back(earlier: Earlier, run: str, prepared: PreparedPlan) -> Earlier:
    """Return ``earlier`` with what was brought back, although it was cut off before it was recorded.

    Nothing is left half done now. So what is not told to be merged is not there at all, and is made again.
    """
    root = Path(prepared.plan.root)
    folder = RunFolder.of(root, run)
    ended = {id: outcome for id, outcome in earlier.merging.items() if _is_merged(Room(folder.task(id)))}
    brought_back = frozenset(
        task.id
        for task in prepared.plan.tasks
        if task.brings_back and task.id not in earlier.outcomes and _is_brought_back(root, run, task.id)
    )
    return msgspec.structs.replace(earlier, outcomes={**earlier.outcomes, **ended}, brought_back=brought_back)


def _is_brought_back(root: Path, run: str, merge: str) -> bool:
    """Tell whether the place that the members of an atomic group share, named after its merge, was merged."""
    try:
        return _is_merged(room_left(root, run, merge))
    except (OSError, ValueError):
        return False


def _is_merged(room: Room) -> bool:
    try:
        return room.state() is State.MERGED
    except (OSError, ValueError):
        return False
