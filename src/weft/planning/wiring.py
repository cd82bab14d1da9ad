"""How the tasks of a plan hang together: what their names stand for, and an order that respects them.

Found out once, for the check of the plan and for its preparation.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from weft.model.task import Task
from weft.planning.graph import topological_order
from weft.planning.names import Names


class Wiring(msgspec.Struct, frozen=True):
    """``before[i]`` are the positions that task ``i`` needs; ``order`` leaves out what stands on a cycle."""

    names: Names
    before: Sequence[Sequence[int]]
    order: Sequence[int]


def wiring_of(tasks: Sequence[Task]) -> Wiring:
    """Return how ``tasks`` hang together; names that stand for nothing are passed over."""
    names = Names(tasks)
    before = [sorted(names.positions(task.needs)) if task.needs else () for task in tasks]
    return Wiring(names, before, topological_order(len(tasks), before))
