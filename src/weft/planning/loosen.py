"""A prepared plan with less order in it: what it would be if some edges were not.

Hazards that follow from others have no edge. When the edge goes from which they followed, they get one: what
remains is all the order that the other tasks ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from weft.model.access import Accesses, Undeclared
from weft.model.plan import Plan
from weft.model.reason import Needs, NotDeclared
from weft.model.task import ONE_BY_ONE
from weft.model.workspace import Workspace, WorkspaceKind
from weft.planning.conflicts import Hazard, between
from weft.planning.graph import Edge, topological_order
from weft.planning.merges import is_lifted
from weft.planning.names import Names
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.prepare import PreparedPlan, prepare
from weft.planning.priority import UNKNOWN_S, remaining_paths

NOTHING = Accesses()
OWN = Workspace(WorkspaceKind.COPY)

_Pairs = frozenset[tuple[int, int]]


def loosen(
    prepared: PreparedPlan,
    *,
    dropped: Sequence[tuple[int, int]] = (),
    private: Collection[int] = (),
    ground: Ground = NOWHERE,
) -> PreparedPlan:
    """Return the plan with less order in it.

    Args:
        prepared: the plan.
        dropped: pairs of tasks of which nothing orders the second directly after the first.
        private: tasks that each work in a place of their own, none of an atomic group.
        ground: what the plan was prepared with.
    """
    gone, own = frozenset(dropped), frozenset(private)
    if _needs_shape_hazards(prepared) and any(_is_needed(prepared, *pair) for pair in gone):
        prepared = prepare(_without_needs(prepared.plan, gone), ground)
    if own:
        prepared = prepare(_with_own_workspaces(prepared.plan, own), ground)
    if not gone:
        return prepared

    def conflict(before: int, after: int) -> Edge | None:
        if (before, after) in gone:
            return None
        return _conflict(prepared, before, after, ground)

    edges = _Edges(prepared, conflict)
    for before, after in dropped:
        edges.drop(before, after)
    return _with_edges(prepared, edges.leading)


class _Edges:
    """The edges of a plan while some are dropped.

    ``conflict`` returns the edge that two tasks ask for, whatever stands between them.
    """

    def __init__(self, prepared: PreparedPlan, conflict: Callable[[int, int], Edge | None]) -> None:
        self.leading = [list(task.edges) for task in prepared.tasks]
        self._following: list[list[Edge]] = [[] for _ in prepared.tasks]
        self._conflict = conflict
        for task in prepared.tasks:
            for edge in task.edges:
                self._following[edge.before].append(edge)

    def drop(self, before: int, after: int) -> None:
        """Drop what leads from one task to another; what followed from it gets an edge of its own.

        Where a chain of hazards went over that edge, the last task before it that conflicts with
        ``after`` stands for those before itself, and likewise behind it.
        """
        dropped = [edge for edge in self.leading[after] if edge.before == before]
        self.leading[after] = [edge for edge in self.leading[after] if edge.before != before]
        self._following[before] = [edge for edge in self._following[before] if edge.after != after]
        if all(isinstance(edge.because, Needs) for edge in dropped):
            return
        for edge in [
            *_conflicts_along(self._sources, before, lambda source: self._conflict(source, after)),
            *_conflicts_along(self._followers, after, lambda follower: self._conflict(before, follower)),
        ]:
            self.leading[edge.after].append(edge)
            self._following[edge.before].append(edge)

    def _sources(self, position: int) -> list[int]:
        return [edge.before for edge in self.leading[position] if not isinstance(edge.because, Needs)]

    def _followers(self, position: int) -> list[int]:
        return [edge.after for edge in self._following[position] if not isinstance(edge.because, Needs)]


def _conflicts_along(
    neighbours: Callable[[int], list[int]], start: int, conflict: Callable[[int], Edge | None]
) -> Iterator[Edge]:
    waiting = [start]
    seen = {start}
    for position in waiting:  # grows while it is walked
        for neighbour in neighbours(position):
            if neighbour in seen:
                continue
            seen.add(neighbour)
            found = conflict(neighbour)
            if found is not None:
                yield found
            else:
                waiting.append(neighbour)


def _with_own_workspaces(plan: Plan, private: frozenset[int]) -> Plan:
    tasks = list(plan.tasks)
    for position in private:
        tasks[position] = msgspec.structs.replace(tasks[position], workspace=OWN, merge=ONE_BY_ONE)
    return msgspec.structs.replace(plan, tasks=tuple(tasks))


def _is_needed(prepared: PreparedPlan, before: int, after: int) -> bool:
    return any(
        edge.before == before and isinstance(edge.because, Needs) for edge in prepared.tasks[after].edges
    )


def _needs_shape_hazards(prepared: PreparedPlan) -> bool:
    """Tell whether hazards would follow another order with other needs, and not that of the plan."""
    edges = [edge for task in prepared.tasks for edge in task.edges]
    has_hazards = any(not isinstance(edge.because, Needs) for edge in edges)
    has_own_order = any(edge.before > edge.after for edge in edges)
    return has_hazards and (has_own_order or any(group.atomic for group in prepared.plan.groups.values()))


def _without_needs(plan: Plan, dropped: _Pairs) -> Plan:
    names = Names(plan.tasks, plan.groups)
    tasks = list(plan.tasks)
    for position in sorted({after for _, after in dropped}):
        needed = names.positions(plan.tasks[position].needs)
        kept = tuple(plan.tasks[source].id for source in needed if (source, position) not in dropped)
        tasks[position] = msgspec.structs.replace(plan.tasks[position], needs=kept)
    return msgspec.structs.replace(plan, tasks=tuple(tasks))


def _with_edges(prepared: PreparedPlan, edges: Sequence[Sequence[Edge]]) -> PreparedPlan:
    tasks = prepared.plan.tasks
    before = [[edge.before for edge in leading] for leading in edges]
    order = topological_order(len(tasks), before)
    assert len(order) == len(tasks), "less order has made a cycle"
    durations_s = [UNKNOWN_S if task.duration_s is None else task.duration_s for task in tasks]
    paths_s = remaining_paths(durations_s, before, order)
    prepared_tasks = [
        msgspec.structs.replace(task, edges=tuple(dict.fromkeys(edges[position])), path_s=paths_s[position])
        for position, task in enumerate(prepared.tasks)
    ]
    return PreparedPlan(prepared.plan, tuple(prepared_tasks))


def _conflict(prepared: PreparedPlan, before: int, after: int, ground: Ground) -> Edge | None:
    """Return the edge that two tasks ask for, whatever stands between them."""
    earlier, later = prepared.tasks[before].task, prepared.tasks[after].task
    if prepared.plan.undeclared is Undeclared.SEQUENTIAL:
        for task in (earlier, later):
            if task.accesses is None:
                return Edge(before, after, False, NotDeclared(task.id))
    for kind, path in between(
        earlier.accesses or NOTHING, later.accesses or NOTHING, ground.root, ground.resolve
    ):
        if is_lifted(kind, earlier, later, prepared.plan.groups):
            continue
        hazard = Hazard(before, after, kind, path)
        return Edge(before, after, hazard.required, hazard.reason(earlier.id, later.id))
    return None
