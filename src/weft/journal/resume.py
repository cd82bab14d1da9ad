"""What a run that takes up an earlier one has to do again, and why.

A task that has succeeded stays, with its result, unless it is another one now or what it was given may be.
What a task writes is in the files that all share. So where one of two that touch the same runs again, the one
after it does too; and where a later one has already written over what a task has to read again, those
that made it run again first. What tasks have made apart, and nobody has brought back, is still where they
made it; but the members of an atomic group, who share a place, all run again if that one was not. What is out
of reach: a file that no task of the plan makes, once one has written over it, and what a task that has gone
from the plan has left where nobody reads it.

Knows plans and what was recorded; reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import msgspec

from weft.journal.encoding import NotKept
from weft.journal.fingerprint import Fingerprint, changed
from weft.model.access import Accesses
from weft.model.group import Group
from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.reason import (
    AgainReason,
    EdgeReason,
    FailedBefore,
    FollowsOther,
    NeedsGroup,
    NeverFinished,
    NewTask,
    NotComparable,
    NotDeclared,
    ReadAfterWrite,
    ResultNotKept,
    TaskChanged,
    WrittenOver,
)
from weft.model.task import Task
from weft.model.work import Bring
from weft.planning.conflicts import Conflicts, HazardKind
from weft.planning.graph import Edge, program_order
from weft.planning.merges import merging_task, shares_place
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.prepare import PreparedTask

_NO_GROUPS: Mapping[str, Group] = {}


class Earlier(msgspec.Struct, frozen=True):
    """An earlier run: outcomes by task, which tasks have ever been started, and what they were.

    ``merging`` are the results of the tasks whose work was being brought back when the run was cut off, and
    ``brought_back`` the tasks that had brought back the work of an atomic group, and could not tell any more.
    What the ``written`` ones have written in runs before it may be where all see it.
    """

    outcomes: Mapping[str, Outcome]
    started: frozenset[str] = frozenset()
    fingerprints: Mapping[str, Fingerprint] = {}
    merging: Mapping[str, Succeeded] = {}
    brought_back: frozenset[str] = frozenset()
    written: frozenset[str] = frozenset()


class Resumption(msgspec.Struct, frozen=True):
    """What becomes of each task, in plan order: it is ``done``, runs ``again``, or is ``gone``.

    Of those that run again, what the ``written`` ones have written may be where all see it.
    """

    done: Mapping[str, Succeeded]
    again: Mapping[str, AgainReason]
    gone: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()


def resume(
    earlier: Earlier,
    tasks: Sequence[PreparedTask],
    fingerprints: Mapping[str, Fingerprint],
    ground: Ground = NOWHERE,
    *,
    groups: Mapping[str, Group] = _NO_GROUPS,
    compares: bool = True,
) -> Resumption:
    """Decide which of ``tasks`` an earlier run has done.

    Args:
        earlier: that run.
        tasks: of the plan as it is now, with all their edges.
        fingerprints: of these tasks, by id.
        ground: where the plan lies, and where its paths really lead.
        groups: of the plan.
        compares: let a task that has succeeded run again where it is another one now.
    """
    again: dict[str, AgainReason] = {}
    for prepared in tasks:
        reason = _of_itself(prepared.task.id, earlier, fingerprints, compares=compares)
        if reason is not None:
            again[prepared.task.id] = reason
    for merge in [prepared for prepared in tasks if prepared.task.brings_back]:
        is_done = isinstance(earlier.outcomes.get(merge.task.id), Succeeded)
        if not is_done and merge.task.id not in earlier.brought_back:
            again |= _never_brought_back(merge, tasks, groups) | again
    if again:
        moved = {
            id for id, new in fingerprints.items() if _has_other_sources(earlier.fingerprints.get(id), new)
        }
        _spread(again, earlier, tasks, moved | _written_over(tasks, earlier, ground, groups))
    ids = [prepared.task.id for prepared in tasks]
    known = set(ids)
    done = {
        id: outcome
        for id in ids
        if id not in again and isinstance(outcome := earlier.outcomes[id], Succeeded)
    }
    gone = tuple([id for id in earlier.fingerprints if id not in known])
    written = frozenset(
        prepared.task.id
        for prepared in tasks
        if prepared.task.id in again and _may_have_written(prepared.task, earlier, groups)
    )
    return Resumption(done, {id: again[id] for id in ids if id in again}, gone, written)


def _of_itself(
    id: str, earlier: Earlier, fingerprints: Mapping[str, Fingerprint], *, compares: bool
) -> AgainReason | None:
    """Return why a task runs again whatever the others do."""
    outcome, old, new = earlier.outcomes.get(id), earlier.fingerprints.get(id), fingerprints[id]
    if old is None:
        return NewTask()
    if isinstance(outcome, Failed):
        return FailedBefore(outcome.because)
    if not isinstance(outcome, Succeeded):
        return NeverFinished()
    if isinstance(outcome.value, NotKept):
        return ResultNotKept(outcome.value.kind)
    if not compares:
        return None
    if parts := changed(old, new):
        return TaskChanged(parts)
    return NotComparable(new.unknown) if new.unknown else None


def _never_brought_back(
    merge: PreparedTask, tasks: Sequence[PreparedTask], groups: Mapping[str, Group]
) -> dict[str, AgainReason]:
    """Return why those run again who share a place, of which ``merge`` has brought back nothing."""
    because = {edge.before: FollowsOther(merge.task.id, edge.because) for edge in merge.edges}
    return {
        tasks[position].task.id: reason
        for position, reason in because.items()
        if (task := tasks[position].task).is_private
        and shares_place(task, groups)
        and isinstance(merge.task.work, Bring)
        and task.group == merge.task.work.group
    }


def _spread(
    again: dict[str, AgainReason], earlier: Earlier, tasks: Sequence[PreparedTask], deprived: Set[str]
) -> None:
    """Add the tasks that run again because others do.

    Those that are ``deprived`` may not find any more what they read, and it has to be made for them.
    """
    after: list[list[Edge]] = [[] for _ in tasks]
    for prepared in tasks:
        for edge in (*prepared.edges, *prepared.merges_after):
            after[edge.before].append(edge)
    to_look_at = [prepared for prepared in tasks if prepared.task.id in again]
    for prepared in to_look_at:  # grows while it is walked
        id = prepared.task.id
        affected: dict[int, AgainReason] = {
            edge.after: FollowsOther(id, edge.because)
            for edge in after[prepared.position]
            if tasks[edge.after].task.brings_back or _passes_on(edge.because, earlier.outcomes.get(id))
        }
        if id in deprived:
            affected |= _sources(prepared)
        for position, reason in affected.items():
            if tasks[position].task.id not in again:
                again[tasks[position].task.id] = reason
                to_look_at.append(tasks[position])


def _passes_on(because: EdgeReason, earlier: Outcome | None) -> bool:
    """Tell whether the task after runs again with the one before, whose ``earlier`` outcome was this."""
    if isinstance(because, NotDeclared):
        return False  # nothing says that they have anything to do with each other
    if isinstance(because, NeedsGroup):
        return isinstance(earlier, Succeeded)  # else it did without that member
    return True


def _has_other_sources(old: Fingerprint | None, new: Fingerprint) -> bool:
    """Tell whether a task reads what others have written than did in the earlier run."""
    return old is not None and old.sources != new.sources


def _sources(reader: PreparedTask) -> dict[int, AgainReason]:
    """Return the tasks that have written what ``reader`` reads."""
    return {
        edge.before: WrittenOver(reader.task.id, edge.because.path)
        for edge in reader.edges
        if isinstance(edge.because, ReadAfterWrite)
    }


def _written_over(
    tasks: Sequence[PreparedTask], earlier: Earlier, ground: Ground, groups: Mapping[str, Group]
) -> set[str]:
    """Return the tasks that read what one after them may have written already.

    Seen from the end of the plan, such a task reads what another "before" it has written. The edges do
    not tell: of two that touch several things they name one.
    """
    order = program_order([[edge.before for edge in prepared.edges] for prepared in tasks])
    assert order is not None, "a prepared plan has no cycle"
    conflicts = Conflicts(ground.root, ground.resolve)
    found: set[str] = set()
    for number, position in enumerate(reversed(order)):
        task = tasks[position].task
        if task.accesses is None:
            continue
        may_have = _may_have_written(task, earlier, groups)
        seen = Accesses(task.accesses.reads, task.accesses.writes if may_have else ())
        if any(hazard.kind is HazardKind.READ_AFTER_WRITE for hazard in conflicts.add(number, seen)):
            found.add(task.id)
    return found


def _may_have_written(task: Task, earlier: Earlier, groups: Mapping[str, Group]) -> bool:
    """Tell whether something that ``task`` writes may be where all see it."""
    if task.id in earlier.written:
        return True
    # What that run has taken over from one before it has succeeded, and was not started.
    succeeded = isinstance(earlier.outcomes.get(task.id), Succeeded)
    was = earlier.fingerprints.get(task.id)
    if was is None or not was.apart:
        return succeeded or task.id in earlier.started
    if task.is_private and shares_place(task, groups):
        merge = merging_task(task.group).id
        return merge in earlier.brought_back or isinstance(earlier.outcomes.get(merge), Succeeded)
    # What is made apart is brought back at once or not at all; but kept outputs are put back one by one.
    return succeeded or (task.id in earlier.started and task.cache is not None)
