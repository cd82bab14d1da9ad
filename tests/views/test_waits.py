from __future__ import annotations

from collections.abc import Mapping, Set

from hypothesis import given
from hypothesis import strategies as st

from weft.scheduling.scheduler import Scheduler, Step
from weft.scheduling.states import TaskState
from weft.testing import simulate
from weft.views.gates import GateKind
from weft.views.waits import Waits

IN_LINE: Set[GateKind | None] = {
    GateKind.POOL,
    GateKind.RATE,
    GateKind.LOCK,
    GateKind.HEALTH,
    GateKind.SHARES,
}
KINDS: Mapping[TaskState, Set[GateKind | None]] = {
    TaskState.WAITING: {GateKind.DEPENDENCY, GateKind.HAZARD},
    TaskState.READY: IN_LINE | {GateKind.BACKOFF},  # that a delay is over is no fact
    TaskState.ASKING: {GateKind.SHARES},
    TaskState.RUNNING: {None},
    TaskState.STOPPING: {None},
    TaskState.BACKOFF: {GateKind.BACKOFF},
    TaskState.MERGING: {GateKind.MERGE, GateKind.FINISH},
}


@given(st.integers(0, 2**32))
def test_where_tasks_wait_by_the_facts_is_where_they_stand_in_the_scheduler(seed: int) -> None:
    waits = Waits()

    def compare(scheduler: Scheduler, step: Step) -> None:
        waits.fold_all(step.facts)
        waits.released.clear()
        tasks = scheduler.tasks
        assert waits.lives.keys() == tasks.live.keys() | tasks.passed_over.keys()
        for position, node in tasks.live.items():
            gate = waits.lives[position].gate
            kind = None if gate is None else gate.kind
            assert kind in KINDS[node.state], f"{node.prepared.task.id} is {node.state} and waits at {gate}"
            assert (kind is GateKind.FINISH) == (position in tasks.merges.under_way)

    simulate(seed, watch=compare)
    assert not waits.lives
