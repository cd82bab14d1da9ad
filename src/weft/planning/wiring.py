"""How the tasks of a plan hang together: names, edges, and an order that respects them.

Found out once, for the check of the plan and for its preparation.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from weft.model.plan import Plan
from weft.planning.conflicts import Hazard
from weft.planning.edges import edges_of
from weft.planning.graph import Edge, topological_order
from weft.planning.names import Names
from weft.planning.patterns import NOWHERE, Ground


class Wiring(msgspec.Struct, frozen=True):
    """``edges[i]`` lead to task ``i``, from ``before[i]``; ``order`` leaves out what stands on a cycle.

    ``merges[i]`` lead to the moment at which its work is brought back; who reads too early is ``unseen``.
    """

    names: Names
    edges: Sequence[Sequence[Edge]]
    before: Sequence[Sequence[int]]
    order: Sequence[int]
    merges: Sequence[Sequence[Edge]]
    unseen: Sequence[Hazard] = ()


def wiring_of(plan: Plan, ground: Ground = NOWHERE) -> Wiring:
    """Return how the tasks of ``plan`` hang together; names that stand for nothing are passed over."""
    names = Names(plan.tasks, plan.groups)
    edges = edges_of(plan, names, ground)
    before = [[edge.before for edge in leading] if leading else () for leading in edges.starts]
    order = topological_order(len(before), before)
    return Wiring(names, edges.starts, before, order, edges.merges, edges.unseen)
