"""Random plans against a brute-force answer to what must succeed and what must be skipped."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from weft.model.outcome import Failed, Outcome, Skipped, Succeeded
from weft.model.plan import Plan
from weft.model.reason import DependencyFailed
from weft.scheduling.states import RunState
from weft.testing import Sim, failed
from weft.testing.strategies import plans


def ancestors(plan: Plan, name: str) -> set[str]:
    """All that ``name`` needs, directly or through others, found by asking again until nothing is new."""
    needs = {task.id: set(task.needs) for task in plan.tasks}
    found = needs[name]
    while (more := found.union(*(needs[other] for other in found))) != found:
        found = more
    return found


def expected(plan: Plan, failing: set[str], name: str) -> type[Outcome]:
    if ancestors(plan, name) & failing:
        return Skipped
    return Failed if name in failing else Succeeded


@given(plans(), st.data())
def test_a_task_is_skipped_exactly_if_something_it_needs_fails(plan: Plan, data: st.DataObject) -> None:
    names = [task.id for task in plan.tasks]
    failing = data.draw(st.sets(st.sampled_from(names))) if names else set()
    run = Sim(plan)
    run.play(dict.fromkeys(sorted(failing), failed()))
    assert {name: type(outcome) for name, outcome in run.outcomes.items()} == {
        name: expected(plan, failing, name) for name in names
    }
    assert list(run.outcomes) == names
    assert run.ended is (RunState.FAILED if failing else RunState.SUCCEEDED)
    for name, because in run.skipped.items():
        assert isinstance(because, DependencyFailed)
        assert because.task in ancestors(plan, name) & failing


@given(plans(), st.randoms(use_true_random=False))
def test_the_outcomes_do_not_depend_on_the_order_in_which_tasks_end(plan: Plan, chance: Random) -> None:
    run = Sim(plan)
    run.close()
    while run.running:
        name = chance.choice(run.running)
        run.finish(name, failed() if name in {"t1", "t3"} else None)
    played = Sim(plan)
    played.play({"t1": failed(), "t3": failed()})
    assert {name: type(end) for name, end in run.outcomes.items()} == {
        name: type(end) for name, end in played.outcomes.items()
    }


@given(plans(max_tasks=6))
def test_one_at_a_time_takes_as_long_as_all_tasks_together(plan: Plan) -> None:
    durations_s = [1.0 if task.duration_s is None else task.duration_s for task in plan.tasks]
    assert Sim(plan, max_concurrent=1).play() == sum(durations_s)
