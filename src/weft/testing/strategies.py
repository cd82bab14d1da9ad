"""Hypothesis strategies for tasks and plans that can run. Needs hypothesis to be installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from weft.model.limits import MAX_CONCURRENT, Pool
from weft.model.plan import Plan
from weft.model.priority import Priority
from weft.model.task import Task
from weft.testing.builders import task


@st.composite
def tasks(
    draw: st.DrawFn,
    task_id: str = "a",
    *,
    others: Sequence[str] = (),
    limits: Mapping[str, Pool] | None = None,
) -> Task:
    """Tasks that are called ``task_id``, may need ``others`` and take units of ``limits``."""
    units: dict[str, int] = {}
    for name, pool in (limits or {}).items():
        if draw(st.booleans()):
            units[name] = draw(st.integers(1, pool.size))
    if draw(st.integers(0, 3)) == 3:
        units[MAX_CONCURRENT] = draw(st.integers(1, 3))
    needs = draw(st.lists(st.sampled_from(others), unique=True, max_size=3)) if others else ()
    return task(
        task_id,
        needs=needs,
        limits=units,
        priority=draw(st.sampled_from(Priority)),
        duration_s=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0, 2.0])),
    )


@st.composite
def plans(draw: st.DrawFn, *, max_tasks: int = 8) -> Plan:
    """Plans without mistakes; a task may need others that stand after it."""
    ids = [f"t{number}" for number in range(draw(st.integers(0, max_tasks)))]
    names = draw(st.lists(st.sampled_from(["api", "gpu"]), unique=True))
    limits = {name: Pool(draw(st.integers(1, 4))) for name in names}
    ranked = draw(st.permutations(ids))
    drawn = {name: draw(tasks(name, others=ranked[:rank], limits=limits)) for rank, name in enumerate(ranked)}
    return Plan(tuple(drawn[name] for name in ids), limits, max_concurrent=draw(st.integers(1, 4)))
