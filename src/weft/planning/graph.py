"""The graph of tasks: edges, an order that respects them, and the cycle when there is none.

Knows positions in program order, not what the tasks do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from heapq import heappop, heappush

import msgspec

from weft.model.reason import EdgeReason, Needs, NeedsGroup

_NEEDS = frozenset({Needs, NeedsGroup})


class Edge(msgspec.Struct, frozen=True, gc=False):
    """The task at ``after`` starts when the one at ``before`` has ended.

    ``required`` tells that it can't do without the other's success; else the edge only orders.
    """

    before: int
    after: int
    required: bool
    because: EdgeReason


def told_apart(edges: Sequence[Edge]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what comes before by a need, and what by a hazard or the order of undeclared tasks."""
    needs: list[int] = []
    hazards: list[int] = []
    for edge in edges:
        (needs if type(edge.because) in _NEEDS else hazards).append(edge.before)
    return tuple(needs), tuple(hazards)


def topological_order(n_tasks: int, before: Sequence[Sequence[int]]) -> list[int]:
    """Return positions so that each stands after all of ``before[position]``.

    Positions that stand on a cycle, or after one, are left out. Kahn's algorithm; among the
    tasks that could come next, the order is that in which they became free.

    >>> topological_order(3, [[1], [], [0]])
    [1, 0, 2]
    """
    n_unmet = [len(sources) for sources in before]
    after = _followers(before)
    order = [position for position, unmet in enumerate(n_unmet) if not unmet]
    for position in order:  # grows while it is walked
        for follower in after[position]:
            n_unmet[follower] -= 1
            if not n_unmet[follower]:
                order.append(follower)
    return order


def program_order(before: Sequence[Sequence[int]]) -> list[int] | None:
    """Return positions so that each stands after all of ``before[position]``, else as early as it can.

    Of the tasks that could come next the first in the plan comes: the plan's own order, wherever
    that is possible. None, if there is a cycle.

    >>> program_order([[], [2], []])
    [0, 2, 1]
    """
    if all(source < position for position, sources in enumerate(before) for source in sources):
        return list(range(len(before)))
    n_unmet = [len(sources) for sources in before]
    after = _followers(before)
    free = [position for position, unmet in enumerate(n_unmet) if not unmet]  # sorted, and so a heap
    order = []
    while free:
        position = heappop(free)
        order.append(position)
        for follower in after[position]:
            n_unmet[follower] -= 1
            if not n_unmet[follower]:
                heappush(free, follower)
    return order if len(order) == len(before) else None


def _followers(before: Sequence[Sequence[int]]) -> list[list[int]]:
    after: list[list[int]] = [[] for _ in before]
    for position, sources in enumerate(before):
        for source in sources:
            after[source].append(position)
    return after


def cycles(before: Sequence[Sequence[int]], order: Sequence[int]) -> Iterator[list[int]]:
    """Yield cycles that have no member in common, until without them all is in order.

    ``order`` is the `topological_order`. Each cycle is as `cycle_among` returns it.

    >>> list(cycles([[1], [0], [2], [0]], []))
    [[0, 1], [2]]
    """
    while len(order) < len(before):
        cycle = cycle_among(set(range(len(before))).difference(order), before)
        yield cycle
        done = {*order, *cycle}
        before = [
            [] if position in done else [source for source in sources if source not in done]
            for position, sources in enumerate(before)
        ]
        order = topological_order(len(before), before)


def cycle_among(positions: Collection[int], before: Sequence[Sequence[int]]) -> list[int]:
    """Return one cycle, each member standing directly before the next, the last before the first.

    ``positions`` are tasks that `topological_order` left out: each has one of them before it.
    The cycle starts with its earliest member in program order.

    >>> cycle_among([0, 1, 2], [[1], [2], [0]])
    [0, 2, 1]
    """
    left = set(positions)
    seen: dict[int, int] = {}
    trail: list[int] = []
    here = min(positions)
    while here not in seen:
        seen[here] = len(trail)
        trail.append(here)
        here = min(source for source in before[here] if source in left)
    cycle = trail[seen[here] :][::-1]
    start = cycle.index(min(cycle))
    return cycle[start:] + cycle[:start]
