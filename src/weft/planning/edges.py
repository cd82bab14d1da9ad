"""All edges of a plan: what `needs` says, what hazards ask for, and what is not declared.

Hazards keep program order, in which needs come first: so a `needs` that contradicts the order written
wins. Against hazards an atomic group stands as one unit: what conflicts with any member comes before
all of them, or after all. Which order that is stands in `units`.

What is made in a workspace is written when it is brought back, see `merges`: what must come before that and
not before the start has a list of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from weft.errors import UsageError
from weft.model.access import Accesses, Undeclared
from weft.model.plan import Plan
from weft.model.reason import BringsBack, Needs, NeedsGroup, NotDeclared, Transaction
from weft.model.task import Task
from weft.model.work import Bring
from weft.planning.conflicts import Conflicts, Hazard
from weft.planning.graph import Edge, program_order
from weft.planning.merges import NOTHING, MergeOrder, Moment, beyond, brought_by, has_own_place, moments_of
from weft.planning.names import Names
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.units import Unit, one_by_one, units_of


class _Clash(msgspec.Struct, frozen=True, gc=False):
    """Of two that can't run side by side: which comes first; without a ``hazard`` one is not declared."""

    before: int
    after: int
    hazard: Hazard | None = None


class Edges(msgspec.Struct, frozen=True):
    """For each task the edges that lead to it; several may lead from the same task.

    Attributes:
        starts: to its start.
        merges: to the moment at which what it has made in its workspace is brought back.
        unseen: who reads what another has written before that is brought back.
    """

    starts: list[list[Edge]]
    merges: list[list[Edge]]
    unseen: tuple[Hazard, ...] = ()


def edges_of(plan: Plan, names: Names, ground: Ground = NOWHERE) -> Edges:
    """Return all edges.

    Args:
        plan: its workspaces are known (see `merges`). Its names need not be, and its patterns need not be
            right: what can't be read makes no edge.
        names: of the plan's tasks.
        ground: where the plan lies.
    """
    edges = [list(_needed(plan.tasks, names, position)) for position in range(len(plan.tasks))]
    merges: list[list[Edge]] = [[] for _ in edges]
    before = [[edge.before for edge in leading] if leading else () for leading in edges]
    order = program_order(before)
    if order is None or not _has_order_to_keep(plan):  # without an order, `check` tells of the cycle
        return Edges(edges, merges)
    units = units_of(plan.tasks, plan.groups, before, order)
    moments = list(moments_of(plan, one_by_one(units, before, order)))
    tolerant = _tolerant(edges) if plan.groups else frozenset()
    for edge, holds_merge in _between_tasks(plan, moments, ground):
        if holds_merge:
            merges[edge.after].append(edge)
        elif edge.required and (edge.before, edge.after) in tolerant:
            edges[edge.after].append(msgspec.structs.replace(edge, required=False))
        else:
            edges[edge.after].append(edge)
    if len(units) < len(order):
        for edge in list(_between_units(plan, units, edges, ground)):
            edges[edge.after].append(edge)
    for edge in _between_merges(plan.tasks, moments):
        (merges if plan.tasks[edge.after].is_merged else edges)[edge.after].append(edge)
    merges = [beyond(*pair) for pair in zip(edges, merges, strict=True)]
    return Edges(edges, merges, tuple(_unseen(plan, moments, ground)))


def _tolerant(edges: Iterable[Iterable[Edge]]) -> frozenset[tuple[int, int]]:
    """Return the pairs of which the second needs the first's group, and so goes by the group's verdict."""
    needed = (edge for leading in edges for edge in leading if isinstance(edge.because, NeedsGroup))
    return frozenset((edge.before, edge.after) for edge in needed)


def _needed(tasks: Sequence[Task], names: Names, position: int) -> Iterator[Edge]:
    """Yield the edges that `needs` asks for; of a group each member must end, and the group must be met."""
    needs = tasks[position].needs
    groups = names.groups_among(needs)
    for source in names.positions([name for name in needs if name not in groups] if groups else needs):
        yield Edge(source, position, True, Needs(tasks[source].id))
    # One merge does not hang on another: the group inside may be lost, and the one around it met.
    required = not tasks[position].brings_back
    for group in groups:
        for member in names.positions([group]):
            yield Edge(member, position, False, NeedsGroup(group, tasks[member].id))
        for merge in names.merges(group):
            if merge != position:
                yield Edge(merge, position, required, Needs(tasks[merge].id))
    if tasks[position].brings_back and not needs:
        for other in range(len(tasks)):
            if other != position:
                yield Edge(other, position, False, BringsBack(tasks[other].id))


def _has_order_to_keep(plan: Plan) -> bool:
    return plan.undeclared is Undeclared.SEQUENTIAL or any(
        task.accesses is not None or task.is_private for task in plan.tasks
    )


def _between_tasks(plan: Plan, moments: Sequence[Moment], ground: Ground) -> Iterator[tuple[Edge, bool]]:
    """Yield the edges, and of each whether it leads to the merge of its task."""
    tasks = plan.tasks
    for clash in _clashes([moment.accesses for moment in moments], plan.undeclared, ground):
        first, second, hazard = moments[clash.before], moments[clash.after], clash.hazard
        before, after = first.position, second.position
        if before == after:
            continue  # it starts before it is merged, without being told
        if hazard is None:
            edge = Edge(before, after, False, NotDeclared(_undeclared(tasks, after, before)))
        else:
            edge = Edge(before, after, hazard.required, hazard.reason(tasks[before].id, tasks[after].id))
        yield edge, second.is_merge


def _between_merges(tasks: Sequence[Task], moments: Iterable[Moment]) -> Iterator[Edge]:
    order = MergeOrder()
    for moment in moments:
        after = moment.position
        if moment.is_merge or tasks[after].brings_back:
            for before in order.add(after, moment.accesses):
                yield Edge(before, after, False, NotDeclared(_undeclared(tasks, after, before)))


def _unseen(plan: Plan, moments: Sequence[Moment], ground: Ground) -> Iterator[Hazard]:
    """Yield who reads what another has written in a place of its own, before that is brought back."""
    merged_at = {
        member: number
        for number, moment in enumerate(moments)
        if isinstance(work := plan.tasks[moment.position].work, Bring)
        for member in brought_by(work.group, plan.tasks)
        if has_own_place(plan.tasks[member], plan.groups)
    }
    if not merged_at:
        return
    conflicts = Conflicts(ground.root, ground.resolve)
    for number, moment in enumerate(moments):
        late = moment.position in merged_at
        accesses = plan.tasks[moment.position].accesses if late else moment.accesses
        for hazard in _add(conflicts, number, accesses or NOTHING):
            writer = moments[hazard.before].position
            if hazard.required and writer in merged_at and number < merged_at[writer]:
                yield msgspec.structs.replace(hazard, before=writer, after=moment.position)


def _undeclared(tasks: Sequence[Task], *positions: int) -> str:
    return next(tasks[position].id for position in positions if tasks[position].accesses is None)


def _between_units(
    plan: Plan, units: Sequence[Unit], edges: Sequence[Sequence[Edge]], ground: Ground
) -> Iterator[Edge]:
    """Yield what is still missing to keep groups apart from what conflicts with a member."""
    together = [_together(plan, unit) for unit in units]
    known = {(edge.before, edge.after) for leading in edges for edge in leading}
    for clash in _clashes(together, plan.undeclared, ground):
        first, second = units[clash.before], units[clash.after]
        group = first.group or second.group
        if group is None:
            continue
        for before in first.members:
            # What the group has made is there when it was brought back, and not before.
            hazard = clash.hazard if plan.tasks[before].brings_back else None
            for after in second.members:
                if hazard is not None and hazard.required:
                    because = hazard.reason(plan.tasks[before].id, plan.tasks[after].id)
                    yield Edge(before, after, True, because)
                elif (before, after) not in known:
                    yield Edge(before, after, False, Transaction(group))


def _together(plan: Plan, unit: Unit) -> Accesses | None:
    """Return what the members of a unit touch; None where that can't be told and matters."""
    declared = [plan.tasks[member].accesses for member in unit.members]
    if len(declared) == 1 or (None in declared and plan.undeclared is Undeclared.SEQUENTIAL):
        return declared[0] if len(declared) == 1 else None
    reads = [text for accesses in declared if accesses is not None for text in accesses.reads]
    writes = [text for accesses in declared if accesses is not None for text in accesses.writes]
    return Accesses(tuple(dict.fromkeys(reads)), tuple(dict.fromkeys(writes)))


def _clashes(declared: Iterable[Accesses | None], undeclared: Undeclared, ground: Ground) -> Iterator[_Clash]:
    """Yield what keeps the order of things, each of which touches what it has ``declared``."""
    conflicts = Conflicts(ground.root, ground.resolve)
    barrier = -1  # the last that is kept apart from all others
    for number, accesses in enumerate(declared):
        if accesses is not None:
            for hazard in _add(conflicts, number, accesses):
                yield _Clash(hazard.before, number, hazard)
        if undeclared is Undeclared.SEQUENTIAL:
            yield from _apart(accesses, number, barrier)
            barrier = number if accesses is None else barrier


def _apart(accesses: Accesses | None, number: int, barrier: int) -> Iterator[_Clash]:
    if accesses is None:
        yield from (_Clash(before, number) for before in range(max(barrier, 0), number))
    elif barrier >= 0:
        yield _Clash(barrier, number)


def _add(conflicts: Conflicts, number: int, accesses: Accesses) -> list[Hazard]:
    try:
        return conflicts.add(number, accesses)
    except UsageError:  # a pattern that can't be read is a problem of the plan, which `check` tells
        return []
