"""All edges of a plan: what `needs` says, what hazards ask for, and what is not declared.

Hazards keep program order, in which needs come first: so a `needs` that contradicts the order written
wins. Against hazards an atomic group stands as one unit: what conflicts with any member comes before
all of them, or after all. Which order that is stands in `units`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from weft.errors import UsageError
from weft.model.access import Accesses, Undeclared
from weft.model.plan import Plan
from weft.model.reason import Needs, NeedsGroup, NotDeclared, Transaction
from weft.model.task import Task
from weft.planning.conflicts import Conflicts, Hazard
from weft.planning.graph import Edge, program_order
from weft.planning.names import Names
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.units import Unit, one_by_one, units_of

NOTHING = Accesses()


class _Clash(msgspec.Struct, frozen=True, gc=False):
    """Of two that can't run side by side: which comes first; without a ``hazard`` one is not declared."""

    before: int
    after: int
    hazard: Hazard | None = None


def edges_of(plan: Plan, names: Names, ground: Ground = NOWHERE) -> list[list[Edge]]:
    """Return for each task the edges that lead to it; several may lead from the same task.

    Args:
        plan: its names need not be known, and its patterns need not be right: what can't be read
            makes no edge.
        names: of the plan's tasks.
        ground: where the plan lies.
    """
    before = [names.positions(task.needs) for task in plan.tasks]
    edges = [list(_needed(plan.tasks, names, position)) for position in range(len(plan.tasks))]
    order = program_order(before)
    if order is not None and _has_order_to_keep(plan):  # without an order, `check` tells of the cycle
        units = units_of(plan.tasks, plan.groups, before, order)
        tolerant = {
            (edge.before, edge.after)
            for leading in (edges if plan.groups else ())
            for edge in leading
            if isinstance(edge.because, NeedsGroup)
        }
        for hazard in _between_tasks(plan, one_by_one(units, before, order), ground):
            # A reader that needs the group of the writer goes by the group's verdict.
            required = hazard.required and (hazard.before, hazard.after) not in tolerant
            edge = (
                hazard if required is hazard.required else msgspec.structs.replace(hazard, required=required)
            )
            edges[edge.after].append(edge)
        if len(units) < len(order):
            for edge in list(_between_units(plan, units, edges, ground)):
                edges[edge.after].append(edge)
    return edges


def _needed(tasks: Sequence[Task], names: Names, position: int) -> Iterator[Edge]:
    """Yield the edges that `needs` asks for; of a group each member must end, and the group must be met."""
    needs = tasks[position].needs
    single = names.positions([name for name in needs if not names.is_group(name)])
    for source in single:
        yield Edge(source, position, True, Needs(tasks[source].id))
    for group in needs:
        if names.is_group(group):
            for member in names.positions([group]):
                yield Edge(member, position, False, NeedsGroup(group, tasks[member].id))


def _has_order_to_keep(plan: Plan) -> bool:
    return plan.undeclared is Undeclared.SEQUENTIAL or any(task.accesses is not None for task in plan.tasks)


def _between_tasks(plan: Plan, order: Sequence[int], ground: Ground) -> Iterator[Edge]:
    tasks = plan.tasks
    for clash in _clashes([tasks[position].accesses for position in order], plan.undeclared, ground):
        before, after, hazard = order[clash.before], order[clash.after], clash.hazard
        if hazard is None:
            yield Edge(before, after, False, NotDeclared(_undeclared(tasks, after, before)))
        else:
            yield Edge(before, after, hazard.required, hazard.reason(tasks[before].id, tasks[after].id))


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
            for after in second.members:
                if (before, after) not in known:
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
