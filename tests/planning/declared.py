"""Random plans whose tasks declare what they read and write, and what every chain through them says."""

from __future__ import annotations

from hypothesis import strategies as st

from weft.model.access import Undeclared
from weft.model.task import Task
from weft.planning.conflicts import between
from weft.planning.prepare import PreparedPlan, prepare
from weft.planning.reach import starts_after
from weft.testing import plan, task

# Few enough that many of them meet.
PATTERNS = ("a", "b", "d/", "d/x", "d/*", "d/{x,y}", "**/y", "db:o")

_SOME = st.lists(st.sampled_from(PATTERNS), unique=True, max_size=2)


@st.composite
def declared_plans(draw: st.DrawFn, *, max_tasks: int = 7) -> PreparedPlan:
    """Prepared plans with hazards, needs in the order of the plan, pools and weights."""
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
            )
        )
    return prepare(plan(*tasks, limits={"gpu": draw(st.integers(2, 3))}, strict=draw(st.booleans())))


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
    earlier, later = prepared.tasks[first].task.accesses, prepared.tasks[second].task.accesses
    if earlier is None or later is None:
        return prepared.plan.undeclared is Undeclared.SEQUENTIAL
    return bool(between(earlier, later))
