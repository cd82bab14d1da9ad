"""Random plans whose tasks declare what they read and write, and what every chain through them says."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from weft.errors import PlanError
from weft.model.access import Undeclared
from weft.model.group import Group
from weft.model.task import Task
from weft.model.workspace import MergeAt, Workspace, WorkspaceKind
from weft.planning.conflicts import between
from weft.planning.merges import is_lifted
from weft.planning.prepare import PreparedPlan, prepare
from weft.planning.reach import starts_after
from weft.testing import plan, task

# Few enough that many of them meet.
PATTERNS = ("a", "b", "d/", "d/x", "d/*", "d/{x,y}", "**/y", "db:o")

_SOME = st.lists(st.sampled_from(PATTERNS), unique=True, max_size=2)

_PLACES = st.sampled_from([None, None, Workspace(WorkspaceKind.COPY), Workspace(WorkspaceKind.DIRECTORY)])


@st.composite
def declared_plans(draw: st.DrawFn, *, max_tasks: int = 7, apart: bool = False) -> PreparedPlan:
    """Prepared plans with hazards, needs in the order of the plan, pools and weights.

    If tasks work ``apart``, some do so in places of their own, and some in groups.
    """
    tasks: list[Task] = []
    for number in range(draw(st.integers(2, max_tasks))):
        is_declared = draw(st.integers(0, 5)) > 0
        earlier = [done.id for done in tasks]
        tasks.append(
            task(
                f"t{number}",
                reads=draw(_SOME) if is_declared else None,
                writes=draw(_SOME) if is_declared else None,
                needs=draw(st.lists(st.sampled_from(earlier), max_size=1)) if earlier else (),
                limits=draw(st.dictionaries(st.sampled_from(["gpu", "max_concurrent"]), st.integers(1, 2))),
                duration_s=draw(st.sampled_from([None, 0.5, 2.0])),
                **(_place(draw) if apart else {}),
            )
        )
    limits, strict = {"gpu": draw(st.integers(2, 3))}, draw(st.booleans())
    groups = {"plain": Group(), "whole": Group(atomic=True, workspace=draw(_PLACES))} if apart else {}
    try:
        return prepare(plan(*tasks, limits=limits, strict=strict, groups=groups))
    except PlanError:
        assume(not apart)  # a need tears an atomic group apart, or something is read before it is there
        raise


def _place(draw: st.DrawFn) -> dict[str, Any]:
    """Return where a task works, as arguments of a task."""
    group = draw(st.sampled_from([None, None, "plain", "whole"]))
    place = draw(_PLACES) if group != "whole" else None
    merge = draw(st.sampled_from([None, *MergeAt])) if place is not None else None
    return {"group": group, "workspace": place, "merge": merge}


def ordered_pairs(prepared: PreparedPlan) -> set[tuple[int, int]]:
    """Return all pairs of which the second comes after the first, be it through others."""
    followers = starts_after(prepared)
    found = set()
    for start in range(len(followers)):
        waiting = [start]
        while waiting:
            for follower in followers[waiting.pop()]:
                if (start, follower) not in found:
                    found.add((start, follower))
                    waiting.append(follower)
    return found


def conflict(prepared: PreparedPlan, first: int, second: int) -> bool:
    """Tell whether two tasks must keep their order because of what they declare, or don't declare."""
    earlier, later = prepared.tasks[first].task, prepared.tasks[second].task
    if earlier.accesses is None or later.accesses is None:
        return prepared.plan.undeclared is Undeclared.SEQUENTIAL
    hazards = [kind for kind, _ in between(earlier.accesses, later.accesses)]
    return any(not is_lifted(kind, earlier, later, prepared.plan.groups) for kind in hazards)
