"""The other parts of the test kit: clock, sim, executor, strategies."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import PlanError
from weft.executors.base import Executor
from weft.model.attempt import Attempt
from weft.model.limits import Pool
from weft.model.outcome import Outcome, Skipped
from weft.model.plan import Plan
from weft.model.rate import Rate
from weft.model.reason import NotNeeded, TimedOut
from weft.model.retry import Retry
from weft.model.scope import Scope
from weft.model.speculation import Effects
from weft.model.timeout import Timeout
from weft.model.workspace import WorkspaceKind
from weft.planning.check import problems
from weft.scheduling.events import TimePassed
from weft.scheduling.facts import AttemptStarted, LineHeld, StopAsked
from weft.scheduling.states import STOPPING, RunState
from weft.testing import ManualClock, ScriptedExecutor, Sim, cancelled, failed, plan, succeeded, task
from weft.testing.strategies import limited_plans, plans, troubled_plans


def test_a_manual_clock_moves_when_told_and_never_back() -> None:
    clock = ManualClock()
    clock.advance(1.5)
    clock.advance_to(4.0)
    assert clock() == 4.0
    with pytest.raises(AssertionError, match="never goes back"):
        clock.advance(-0.1)


def test_the_facts_of_a_sim_carry_its_time() -> None:
    run = Sim(plan(task("a")))
    run.clock.advance(2.0)
    run.finish("a")
    assert run.facts[-1].at == 2.0


def test_a_sim_says_what_is_wrong_with_late_tasks() -> None:
    run = Sim(plan(task("a")))
    with pytest.raises(PlanError, match="two tasks `a`"):
        run.submit(task("a"))
    with pytest.raises(PlanError, match="nowhere"):
        run.submit(task("b", needs=["nowhere"]))
    assert [one.id for one in run.plan.tasks] == ["a"]


def test_a_sim_finishes_only_what_runs() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"])))
    with pytest.raises(AssertionError, match="`b` is not running"):
        run.finish("b")
    run.finish("a")
    with pytest.raises(AssertionError, match="`a` has ended already"):
        run.finish("a")


def test_a_run_that_was_begun_by_hand_can_be_played_to_its_end() -> None:
    run = Sim(plan(task("a", duration_s=2.0), task("b", duration_s=1.0)), max_concurrent=1)
    run.clock.advance(5.0)
    run.finish("a")
    assert run.play() == 6.0
    assert run.outcomes == {"a": succeeded(), "b": succeeded()}


def test_time_that_passes_brings_what_is_due_on_the_way() -> None:
    run = Sim(plan(task("a", retry=Retry()), task("b", timeout=Timeout(attempt_s=3.0))))
    run.finish("a", failed())
    assert run.wake_at == 2.0
    run.pass_to(10.0)
    assert run.clock.now == 10.0
    assert [(fact.at, type(fact)) for fact in run.facts[-3:]] == [
        (2.0, AttemptStarted),
        (3.0, StopAsked),
        (8.0, StopAsked),
    ]


def test_a_sim_wakes_the_scheduler_when_it_wants_to_be_woken_and_only_then() -> None:
    run = Sim(plan(task("a", retry=Retry())))
    with pytest.raises(AssertionError, match="waits for no moment"):
        run.wake()
    run.finish("a", failed())
    run.clock.advance(5.0)
    run.wake()
    assert run.facts[-1].at == 5.0, "it was late"


def test_played_attempts_end_as_they_are_told_one_by_one_or_by_number() -> None:
    retry = Retry(max_attempts=4)
    run = Sim(plan(*(task(name, retry=retry) for name in ("all", "some", "number", "none"))))
    run.play(
        {
            "all": failed(),
            "some": [failed(), failed()],
            "number": lambda number: succeeded(number) if number == 2 else failed(),
        }
    )
    assert run.outcomes == {
        "all": failed(),
        "some": succeeded(),
        "number": succeeded(2),
        "none": succeeded(),
    }
    assert [run.started.count(name) for name in run.outcomes] == [4, 3, 2, 1]


def test_a_played_attempt_that_is_asked_to_end_does_so_at_once() -> None:
    run = Sim(plan(task("a", duration_s=9.0, timeout=Timeout(attempt_s=2.0)), task("b", needs=["a"])))
    assert run.play() == 2.0
    assert run.outcomes["a"] == failed(TimedOut(2.0))


GPU, DISK = (Pool(2, scope=Scope.MACHINE) for _ in range(2))


def test_what_others_were_asked_for_before_is_answered_when_the_run_is_played() -> None:
    run = Sim(plan(task("a", limits={"gpu": 1}), limits={"gpu": GPU}))
    assert run.asking == ["a"]
    assert run.play() == 1.0
    assert run.outcomes == {"a": succeeded()}


def test_a_merge_that_was_under_way_before_is_done_when_the_run_is_played() -> None:
    run = Sim(plan(task("a", workspace=WorkspaceKind.COPY, writes="x")))
    run.finish("a")
    run.play()
    assert run.outcomes == {"a": succeeded()}


def test_played_answers_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    """`c` may ask only when `a` was answered, and by then `b` has asked."""
    asking = [task("a", limits={"gpu": 1}), task("b", limits={"disk": 1}), task("c", limits={"gpu": 1})]
    run = Sim(
        plan(
            *(msgspec.structs.replace(each, needs=("first",)) for each in asking),
            task("first"),
            limits={"gpu": GPU, "disk": DISK},
        )
    )
    run.play()
    assert run.started == ["first", "a", "b", "c"]


def test_an_answer_that_comes_after_the_end_of_a_played_run_is_not_given() -> None:
    last = task("last", workspace=WorkspaceKind.COPY, writes="x")
    perhaps = task("perhaps", speculative=True, limits={"gpu": 1})
    run = Sim(plan(last, perhaps, limits={"gpu": GPU}), max_concurrent=1)
    run.play()
    assert run.outcomes == {"last": succeeded(), "perhaps": Skipped(NotNeeded())}
    assert run.ended is RunState.SUCCEEDED


def test_the_kit_can_be_imported_where_hypothesis_is_not_installed() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import weft.testing"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=True)


class Told:
    """Keeps what an executor tells."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, Outcome]] = []

    def __call__(self, attempt: Attempt, outcome: Outcome) -> None:
        self.ended.append((attempt.task, outcome))


def test_a_scripted_executor_ends_attempts_as_its_script_says_and_others_on_command() -> None:
    told = Told()
    executor = ScriptedExecutor(told, {0: failed()})
    taken: Executor[str] = executor
    taken.start(Attempt(0), "first")
    taken.start(Attempt(1), "second")
    assert told.ended == [(0, failed())]
    assert executor.running == [Attempt(1)]
    executor.finish(1, succeeded(7))
    assert told.ended == [(0, failed()), (1, succeeded(7))]
    assert executor.jobs == {Attempt(0): "first", Attempt(1): "second"}


def test_a_scripted_executor_stops_the_stubborn_only_by_force() -> None:
    told = Told()
    executor = ScriptedExecutor(told, stubborn=[1])
    for task_at in (0, 1):
        executor.start(Attempt(task_at), None)
        executor.stop(Attempt(task_at), force=False)
    assert told.ended == [(0, cancelled())]
    executor.stop(Attempt(1), force=True)
    executor.stop(Attempt(1), force=True)
    assert told.ended == [(0, cancelled()), (1, cancelled())]
    assert len(executor.stops) == 4


@given(plans())
def test_drawn_plans_can_run(drawn: Plan) -> None:
    assert problems(drawn) == ()
    run = Sim(drawn)
    run.play()
    assert len(run.outcomes) == len(drawn.tasks)


@given(troubled_plans(max_tasks=5))
def test_drawn_plans_that_speak_of_trouble_can_run(drawn: Plan) -> None:
    assert problems(drawn) == ()


@given(limited_plans(), st.data())
def test_drawn_plans_with_limits_of_all_kinds_can_run_and_nothing_starts_before_it_is_told(
    drawn: Plan, data: st.DataObject
) -> None:
    assert problems(drawn) == ()
    run = Sim(drawn)
    run.close()
    while run.ended is None:
        if run.wake_at is not None and (not run.running or data.draw(st.booleans())):
            between = run.clock.now + (run.wake_at - run.clock.now) * 0.75
            if run.clock.now < between < run.wake_at:
                run.clock.advance_to(between)
                step = run.step(TimePassed())
                # Who looks finds out more about what holds the tasks; nothing is done about it.
                assert step.actions == []
                assert {type(fact) for fact in step.facts} <= {LineHeld}
            if run.wake_at is not None:  # else the slot that the next one needs has been taken meanwhile
                run.wake()
        else:
            name = data.draw(st.sampled_from(run.running))
            run.finish(name, cancelled() if run.state(name) is STOPPING else succeeded())
    for one in drawn.tasks:
        assert one.speculative or run.outcomes[one.id] == succeeded()


def test_a_sim_lets_a_running_attempt_tell_what_it_costs() -> None:
    run = Sim(
        plan(task("a", limits={"api": 2}), task("b", limits={"api": 2}), limits={"api": Rate(3, per=9.0)})
    )
    run.tell("a", api=1)
    with pytest.raises(AssertionError, match="`b` is not running"):
        run.tell("b", api=1)
    run.finish("a")
    assert run.running == ["b"]


def test_a_speculative_task_of_the_kit_is_pure_if_nothing_else_is_said() -> None:
    assert task("a", speculative=True).effects is Effects.PURE
    assert task("a", speculative=True, effects=Effects.IDEMPOTENT).effects is Effects.IDEMPOTENT
    assert task("a").effects is Effects.UNKNOWN
