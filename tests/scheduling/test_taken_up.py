from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weft.model.group import Group, Rest
from weft.model.limits import Pool
from weft.model.outcome import Succeeded
from weft.model.plan import Plan
from weft.model.reason import DependencyFailed, NeverFinished, NotRecorded
from weft.scheduling.events import RecordLost, TakenUp
from weft.scheduling.facts import RunStopping, TaskTakenUp
from weft.scheduling.states import READY, RunState
from weft.testing import Sim, failed, plan, task
from weft.testing.strategies import plans

CHAIN = plan(task("a"), task("b", needs=["a"]), task("c", needs=["b"]))


def taken_up(of: Plan, *done: str) -> TakenUp:
    """An earlier run of the plan in which these tasks have succeeded, and the others never ended."""
    numbered = list(enumerate(of.tasks))
    return TakenUp(
        "r0",
        {position: Succeeded(f"{task.id} of r0") for position, task in numbered if task.id in done},
        {position: NeverFinished() for position, task in numbered if task.id not in done},
    )


def test_what_is_done_keeps_its_result_and_does_not_start() -> None:
    run = Sim(CHAIN, taken_up=taken_up(CHAIN, "a"))
    assert run.running == ["b"]
    run.play()
    assert run.started == ["b", "c"]
    assert run.outcomes["a"] == Succeeded("a of r0")
    assert [fact.again for fact in run.facts if isinstance(fact, TaskTakenUp)] == [
        None,
        NeverFinished(),
        NeverFinished(),
    ]


def test_a_run_of_which_all_is_done_ends_at_once() -> None:
    run = Sim(CHAIN, taken_up=taken_up(CHAIN, "a", "b", "c"))
    run.close()
    assert run.ended is RunState.SUCCEEDED
    assert run.started == []


def test_what_is_done_is_not_skipped_when_something_before_it_fails() -> None:
    of = plan(task("a", writes=["x"]), task("b", writes=["x"]), task("c", needs=["a"]))
    run = Sim(of, taken_up=taken_up(of, "b"))
    run.finish("a", failed())
    run.close()
    assert run.outcomes["b"] == Succeeded("b of r0")
    assert run.skipped == {"c": DependencyFailed("a")}


def test_order_outlives_what_is_done() -> None:
    of = plan(task("a", writes=["x"]), task("b", writes=["x"]), task("c", writes=["x"]))
    run = Sim(of, taken_up=taken_up(of, "b"))
    assert run.running == ["a"]
    run.finish("a")
    assert run.running == ["c"]


def test_members_that_are_done_count_in_their_group() -> None:
    of = plan(
        *(task(name, group="survey") for name in "abc"),
        groups={"survey": Group(min_required=2, when_met=Rest.CANCEL)},
    )
    run = Sim(of, taken_up=taken_up(of, "a", "b"))
    run.close()
    assert run.started == []
    assert run.ended is RunState.SUCCEEDED


def test_what_is_done_takes_no_units() -> None:
    of = plan(task("a", limits={"gpu": 1}), task("b", limits={"gpu": 1}), limits={"gpu": Pool(1)})
    run = Sim(of, taken_up=taken_up(of, "a"))
    assert run.running == ["b"]


@given(plans(), st.data())
def test_a_run_that_takes_up_another_runs_exactly_the_rest(of: Plan, data: st.DataObject) -> None:
    names = [task.id for task in of.tasks]
    done = data.draw(st.sets(st.sampled_from(names))) if names else set()
    run = Sim(of, taken_up=taken_up(of, *done))  # which checks the invariants after every step
    run.play()
    assert sorted(run.started) == sorted(set(names) - done)
    assert list(run.outcomes) == names
    assert run.ended is RunState.SUCCEEDED


def test_a_run_that_can_not_be_recorded_any_more_ends_and_says_why() -> None:
    run = Sim(plan(task("a"), task("b"), task("c")), max_concurrent=2)
    run.step(RecordLost("the disk is full"))
    assert run.running == ["a", "b"]
    run.finish("a")
    assert run.state("c") is not READY
    run.finish("b", failed())
    run.close()
    assert run.ended is RunState.FAILED
    assert [fact.because for fact in run.facts if isinstance(fact, RunStopping)] == [
        NotRecorded("the disk is full")
    ]
