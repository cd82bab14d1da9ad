"""Workspaces in a plan: who works in a place of its own, and which tasks bring back what was made there.

A task in a place of its own reads when it starts, and writes when its work is brought back. That is at its
own end, or later in a task of its own kind, which stands after the members of the group, or after all. So
what it writes can't disturb those before it while it works: of its hazards only those remain that lie
between reading and writing at those two moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from weft.model.access import Accesses
from weft.model.group import Group
from weft.model.plan import Plan
from weft.model.task import ONE_BY_ONE, Task
from weft.model.work import Bring
from weft.model.workspace import Merge, MergeAt, Workspace
from weft.planning.conflicts import HazardKind
from weft.planning.graph import Edge
from weft.planning.names import groups_around

NOTHING = Accesses()


class Moment(msgspec.Struct, frozen=True, gc=False):
    """When the task at ``position`` touches ``accesses``: when it starts, or when it ``is_merge``."""

    position: int
    accesses: Accesses | None
    is_merge: bool = False


class MergeOrder:
    """Keeps merges in program order where nobody knows whether they touch the same.

    >>> order = MergeOrder()
    >>> [order.add(0, NOTHING), order.add(1, None), order.add(2, NOTHING)]
    [[], [0], [1]]
    """

    def __init__(self) -> None:
        self._unknown: int | None = None  # the last merge of which that is so
        self._since: list[int] = []  # that one, and those after it

    def add(self, position: int, writes: Accesses | None) -> list[int]:
        """Take in the next merge, that of the task at ``position``; return those that it comes after."""
        if writes is None:
            before, self._since, self._unknown = self._since, [], position
        else:
            before = [] if self._unknown is None else [self._unknown]
        self._since.append(position)
        return before


def with_workspaces(plan: Plan) -> Plan:
    """Return ``plan`` in which each task has the workspace that holds for it, and later merges are tasks.

    >>> from weft.model.workspace import WorkspaceKind
    >>> from weft.testing import plan, task
    >>> group = Group(workspace=Workspace(WorkspaceKind.COPY), merge=Merge(at=MergeAt.GROUP))
    >>> told = with_workspaces(plan(task("a", group="g"), task("b"), groups={"g": group}))
    >>> [task.id for task in told.tasks]
    ['a', 'merge of g', 'b']
    """
    if not _speaks_of_workspaces(plan):
        return plan
    placed = [in_place(task, plan.groups, plan.workspace, plan.merge) for task in plan.tasks]
    tasks = [_with_writes(task, placed, plan.groups) for task in _with_merges(placed)]
    return msgspec.structs.replace(plan, tasks=tuple(tasks))


def in_place(
    task: Task, groups: Mapping[str, Group], workspace: Workspace | None = None, merge: Merge | None = None
) -> Task:
    """Return ``task`` with the workspace of its group, or else this one, if it has none of its own."""
    outer = [groups[name] for name in groups_around(task.group, groups)]
    found = [task.workspace, *(group.workspace for group in outer), workspace]
    place = next((one for one in found if one is not None), None)
    if place is None or task.brings_back:
        return task
    if not place.is_private:
        return msgspec.structs.replace(task, workspace=place)
    hows = [task.merge, *(group.merge for group in outer), merge]
    how = next((one for one in hows if one is not None), ONE_BY_ONE)
    if shares_place(task, groups):
        how = msgspec.structs.replace(how, at=MergeAt.GROUP)
    elif how.at is MergeAt.GROUP and not outer:
        how = msgspec.structs.replace(how, at=MergeAt.RUN)
    return msgspec.structs.replace(task, workspace=place, merge=how)


def shares_place(task: Task, groups: Mapping[str, Group]) -> bool:
    """Tell whether ``task`` works where the other members of its atomic group do."""
    return task.group is not None and task.group in groups and groups[task.group].atomic


def has_own_place(task: Task, groups: Mapping[str, Group]) -> bool:
    """Tell whether what ``task`` writes is seen by nobody until it is brought back."""
    return task.is_private and not shares_place(task, groups)


def is_lifted(kind: HazardKind, earlier: Task, later: Task, groups: Mapping[str, Group]) -> bool:
    """Tell whether a hazard does not keep ``later`` from starting, since one of the two works apart.

    What ``later`` writes is brought back after ``earlier`` has ended. What ``earlier`` has written and
    what is brought back with its group, or with the run, is written by the task that does so.
    """
    if kind is not HazardKind.READ_AFTER_WRITE and has_own_place(later, groups):
        return True
    reads_only = kind is HazardKind.WRITE_AFTER_READ
    return not reads_only and earlier.is_merged_later and has_own_place(earlier, groups)


def merging_task(group: str | None) -> Task:
    """Return the task that brings back what members of ``group``, or of the run, have made."""
    name = "the run" if group is None else group
    return Task(f"merge of {name}", Bring(group), () if group is None else (group,), duration_s=0.0)


def merging_id(task: Task) -> str | None:
    """Return the id of the task that brings back what ``task`` has made, if another one does."""
    if not task.is_merged_later or task.merge is None:
        return None
    return merging_task(task.group if task.merge.at is MergeAt.GROUP else None).id


def brought_by(group: str | None, tasks: Sequence[Task]) -> list[int]:
    """Return the positions of the tasks whose work is brought back with ``group``, or with the run."""
    at = MergeAt.RUN if group is None else MergeAt.GROUP
    return [
        position
        for position, task in enumerate(tasks)
        if task.is_merged_later
        and task.merge is not None
        and task.merge.at is at
        and (group is None or task.group == group)
    ]


def moments_of(plan: Plan, order: Iterable[int]) -> Iterator[Moment]:
    """Yield when each task touches what it declares, in program order.

    Args:
        plan: with workspaces; see `with_workspaces`.
        order: positions in program order.
    """
    for position in order:
        yield from moments_of_task(position, plan.tasks[position], plan.groups)


def moments_of_task(position: int, task: Task, groups: Mapping[str, Group]) -> Iterator[Moment]:
    """Yield when ``task`` touches what it declares; see `moments_of`."""
    accesses = task.accesses
    if not has_own_place(task, groups):
        yield Moment(position, accesses)
        return
    yield Moment(position, accesses and Accesses(reads=accesses.reads))
    if task.is_merged:
        yield Moment(position, accesses and Accesses(writes=accesses.writes), is_merge=True)


def beyond(starts: Iterable[Edge], merges: Sequence[Edge]) -> list[Edge]:
    """Return the edges to a merge that say more than those to its task's start, one from each task."""
    known = {edge.before for edge in starts} if merges else set()
    return list({edge.before: edge for edge in reversed(merges) if edge.before not in known}.values())[::-1]


def _with_writes(task: Task, tasks: Sequence[Task], groups: Mapping[str, Group]) -> Task:
    """Return ``task``, with what it writes if it brings back what others of ``tasks`` have made."""
    if not isinstance(task.work, Bring):
        return task
    members = [tasks[position] for position in brought_by(task.work.group, tasks)]
    return msgspec.structs.replace(task, accesses=_brought(members, groups))


def _brought(members: Sequence[Task], groups: Mapping[str, Group]) -> Accesses | None:
    """Return what is written when the work of ``members`` is brought back; None if that is not declared."""
    declared = [member.accesses for member in members]
    if None in declared:
        return None
    if all(shares_place(member, groups) for member in members):
        return NOTHING  # the members keep the order for it, and it comes right after them
    writes = [text for accesses in declared if accesses is not None for text in accesses.writes]
    return Accesses(writes=tuple(dict.fromkeys(writes)))


def _speaks_of_workspaces(plan: Plan) -> bool:
    return (
        plan.workspace is not None
        or any(task.workspace is not None for task in plan.tasks)
        or any(group.workspace is not None for group in plan.groups.values())
    )


def _with_merges(tasks: Sequence[Task]) -> Iterator[Task]:
    known = {task.work.group for task in tasks if isinstance(task.work, Bring)}
    later = [task for task in tasks if task.is_merged_later and task.merge is not None]
    last = {task.group: task for task in later if task.merge is not None and task.merge.at is MergeAt.GROUP}
    for task in tasks:
        yield task
        if last.get(task.group) is task and task.group not in known:
            yield merging_task(task.group)
    if None not in known and any(task.merge is not None and task.merge.at is MergeAt.RUN for task in later):
        yield merging_task(None)
