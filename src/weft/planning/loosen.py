"""A prepared plan with less order in it: what it would be if some edges were not.

Hazards that follow from others have no edge. When the edge goes from which they followed, they get one: what
remains is all the order that the other tasks ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec

from weft.model.access import Accesses, Undeclared
from weft.model.plan import Plan
from weft.model.reason import Needs, NotDeclared, ReadAfterWrite, Transaction
from weft.planning.conflicts import Hazard, between
from weft.planning.graph import Edge, topological_order
from weft.planning.names import Names
from weft.planning.patterns import Resolve
from weft.planning.prepare import PreparedPlan, PreparedTask, prepare
from weft.planning.priority import UNKNOWN_S, remaining_paths

NOTHING = Accesses()


def without_edges(
    prepared: PreparedPlan, before: int, after: int, resolve: Resolve | None = None
) -> PreparedPlan:
    """Return the plan as if nothing ordered the task at ``after`` directly after the one at ``before``.

    ``resolve`` is what the plan was prepared with.
    """
    is_needed = any(isinstance(edge.because, Needs) for edge in _edges(prepared, before, after))
    if is_needed and _needs_shape_hazards(prepared):
        prepared = prepare(_without_need(prepared.plan, before, after), resolve)
    dropped = _edges(prepared, before, after)
    edges = [list(task.edges) for task in prepared.tasks]
    edges[after] = [edge for edge in edges[after] if edge not in dropped]
    if any(not isinstance(edge.because, Needs) for edge in dropped):
        for edge in _no_longer_implied(prepared, before, after, resolve):
            edges[edge.after].append(edge)
    return _with_edges(prepared, edges)


def with_own_workspaces(
    prepared: PreparedPlan, private: Collection[int], resolve: Resolve | None = None
) -> PreparedPlan:
    """Return the plan as if each of the tasks at ``private`` wrote to a place of its own.

    Others may then write what such a task reads or writes before it, after it and meanwhile. It still reads
    what others have written, and others what it has written. ``resolve`` is what the plan was prepared with.
    """
    tasks = list(prepared.plan.tasks)
    for position in private:
        tasks[position] = msgspec.structs.replace(tasks[position], accesses=NOTHING)
    untouched = prepare(msgspec.structs.replace(prepared.plan, tasks=tuple(tasks)), resolve)
    edges = [list(task.edges) for task in untouched.tasks]
    for edge in _along_which_is_read(prepared, frozenset(private)):
        edges[edge.after].append(edge)
    return _with_edges(prepared, edges)


def _needs_shape_hazards(prepared: PreparedPlan) -> bool:
    """Tell whether hazards would follow another order with other needs, and not that of the plan."""
    edges = [edge for task in prepared.tasks for edge in task.edges]
    has_hazards = any(not isinstance(edge.because, Needs) for edge in edges)
    has_own_order = any(edge.before > edge.after for edge in edges)
    return has_hazards and (has_own_order or any(group.atomic for group in prepared.plan.groups.values()))


def _edges(prepared: PreparedPlan, before: int, after: int) -> list[Edge]:
    return [edge for edge in prepared.tasks[after].edges if edge.before == before]


def _without_need(plan: Plan, before: int, after: int) -> Plan:
    tasks = list(plan.tasks)
    task = tasks[after]
    needed = [position for position in Names(tasks).positions(task.needs) if position != before]
    tasks[after] = msgspec.structs.replace(task, needs=tuple(tasks[position].id for position in needed))
    return msgspec.structs.replace(plan, tasks=tuple(tasks))


def _with_edges(prepared: PreparedPlan, edges: Sequence[Sequence[Edge]]) -> PreparedPlan:
    tasks = prepared.plan.tasks
    before = [[edge.before for edge in leading] for leading in edges]
    order = topological_order(len(tasks), before)
    assert len(order) == len(tasks), "less order has made a cycle"
    durations_s = [UNKNOWN_S if task.duration_s is None else task.duration_s for task in tasks]
    paths_s = remaining_paths(durations_s, before, order)
    prepared_tasks = [
        PreparedTask(position, task, tuple(dict.fromkeys(edges[position])), paths_s[position])
        for position, task in enumerate(tasks)
    ]
    return PreparedPlan(prepared.plan, tuple(prepared_tasks))


def _no_longer_implied(
    prepared: PreparedPlan, before: int, after: int, resolve: Resolve | None
) -> Iterator[Edge]:
    """Yield edges for what followed from ``before`` standing before ``after``, and from nothing else.

    Where a chain of hazards went over that edge, the first before it that conflicts with ``after``
    stands for those before itself, and likewise behind it.
    """
    followers: dict[int, list[int]] = {}
    sources: dict[int, list[int]] = {}
    for task in prepared.tasks:
        for edge in task.edges:
            if not isinstance(edge.because, Needs) and (edge.before, edge.after) != (before, after):
                followers.setdefault(edge.before, []).append(edge.after)
                sources.setdefault(edge.after, []).append(edge.before)
    yield from _conflicts_along(sources, before, lambda source: _conflict(prepared, source, after, resolve))
    yield from _conflicts_along(
        followers, after, lambda follower: _conflict(prepared, before, follower, resolve)
    )


def _conflicts_along(
    neighbours: Mapping[int, Sequence[int]], start: int, conflict: Callable[[int], Edge | None]
) -> Iterator[Edge]:
    waiting = list(neighbours.get(start, ()))
    seen = set(waiting)
    for position in waiting:  # grows while it is walked
        found = conflict(position)
        if found is not None:
            yield found
        else:
            further = [other for other in neighbours.get(position, ()) if other not in seen]
            seen.update(further)
            waiting += further


def _conflict(prepared: PreparedPlan, before: int, after: int, resolve: Resolve | None) -> Edge | None:
    """Return the edge that two tasks ask for, whatever stands between them."""
    earlier, later = prepared.tasks[before].task, prepared.tasks[after].task
    if prepared.plan.undeclared is Undeclared.SEQUENTIAL:
        for task in (earlier, later):
            if task.accesses is None:
                return Edge(before, after, False, NotDeclared(task.id))
    for kind, path in between(earlier.accesses or NOTHING, later.accesses or NOTHING, resolve=resolve):
        hazard = Hazard(before, after, kind, path)
        return Edge(before, after, hazard.required, hazard.reason(earlier.id, later.id))
    return None


def _along_which_is_read(prepared: PreparedPlan, private: frozenset[int]) -> Iterator[Edge]:
    """Yield the edges on which ``private`` tasks read or are read, and what these ask of atomic groups."""
    reads = [
        edge
        for task in prepared.tasks
        for edge in task.edges
        if isinstance(edge.because, ReadAfterWrite) and not private.isdisjoint((edge.before, edge.after))
    ]
    yield from reads
    apart = {(_unit(prepared, edge.before), _unit(prepared, edge.after)) for edge in reads}
    for task in prepared.tasks:
        for edge in task.edges:
            units = (_unit(prepared, edge.before), _unit(prepared, edge.after))
            if isinstance(edge.because, Transaction) and units in apart:
                yield edge


def _unit(prepared: PreparedPlan, position: int) -> str | int:
    """Return what stands as one against hazards: an atomic group, or a task."""
    group = prepared.tasks[position].task.group
    is_atomic = group is not None and group in prepared.plan.groups and prepared.plan.groups[group].atomic
    return group if is_atomic and group is not None else position
