"""From a plan to a prepared plan: everything that the scheduler must know before it starts.

Gathers what the other files of this room find out. Decides nothing of its own.
"""

from __future__ import annotations

import msgspec

from weft.errors import PlanError
from weft.model.plan import Plan
from weft.model.task import Task
from weft.planning.check import problems
from weft.planning.graph import Edge
from weft.planning.merges import with_workspaces
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.priority import UNKNOWN_S, remaining_paths
from weft.planning.wiring import wiring_of


class PreparedTask(msgspec.Struct, frozen=True):
    """A task at its place in program order, with the edges that lead to it.

    ``path_s`` is the longest chain of expected durations from its start, in seconds. ``groups`` are
    the groups that it needs. ``merges_after`` lead to the moment at which what it has made in its workspace
    is brought back.
    """

    position: int
    task: Task
    edges: tuple[Edge, ...] = ()
    path_s: float = UNKNOWN_S
    groups: tuple[str, ...] = ()
    merges_after: tuple[Edge, ...] = ()


class PreparedPlan(msgspec.Struct, frozen=True):
    """A plan that can run, with its workspaces known, and its tasks as the scheduler takes them."""

    plan: Plan
    tasks: tuple[PreparedTask, ...]


def prepare(plan: Plan, ground: Ground = NOWHERE) -> PreparedPlan:
    """Return ``plan`` with its edges and critical paths.

    Args:
        plan: what the user wants.
        ground: where the plan lies, and where its paths really lead.

    Raises:
        PlanError: with every problem of the plan.
    """
    plan = with_workspaces(plan)
    wiring = wiring_of(plan, ground)
    found = problems(plan, wiring)
    if found:
        raise PlanError(found)
    durations_s = [UNKNOWN_S if task.duration_s is None else task.duration_s for task in plan.tasks]
    paths_s = remaining_paths(durations_s, wiring.before, wiring.order)
    tasks = tuple(
        [
            PreparedTask(
                position,
                task,
                tuple(wiring.edges[position]),
                paths_s[position],
                wiring.names.groups_among(task.needs),
                tuple(wiring.merges[position]),
            )
            for position, task in enumerate(plan.tasks)
        ]
    )
    return PreparedPlan(plan, tasks)
