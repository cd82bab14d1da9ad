"""Attempts, tasks and runs that take too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.attempt import Attempt
from weft.model.group import Rest
from weft.model.outcome import Outcome
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.reason import (
    CancelAsked,
    DependencyFailed,
    Interrupted,
    NotRetried,
    RunFailed,
    RunTimedOut,
    TimedOut,
)
from weft.model.retry import Retry
from weft.model.timeout import Timeout
from weft.scheduling.actions import StopAttempt
from weft.scheduling.events import TimePassed
from weft.scheduling.facts import AttemptEnded, GaveUp, RunStopping, StopAsked
from weft.scheduling.scheduler import Step
from weft.scheduling.states import BACKOFF, READY, RUNNING, STOPPING, RunState
from weft.testing import Sim, cancelled, failed, plan, succeeded, task
from weft.testing.strategies import troubled_plans

POLITE, FORCED = StopAttempt(Attempt(0)), StopAttempt(Attempt(0), force=True)


def at(run: Sim, moment: float) -> Step:
    """Let time pass until ``moment``, at which something must become due."""
    assert run.wake_at == moment
    return run.wake()


# Attempts


def test_an_attempt_that_takes_too_long_is_asked_to_end_and_killed_after_its_grace() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=10.0)), policy=Policy(grace_s=3.0)))
    step = at(run, 10.0)
    assert step.actions == [POLITE]
    assert step.facts == [StopAsked(10.0, Attempt(0), False, TimedOut(10.0))]
    assert run.state("a") is STOPPING
    step = at(run, 13.0)
    assert step.actions == [FORCED]
    assert step.facts == [StopAsked(13.0, Attempt(0), True, TimedOut(10.0))]
    assert run.wake_at is None
    run.finish("a", cancelled())
    assert run.outcomes == {"a": failed(TimedOut(10.0))}


@pytest.mark.parametrize("outcome", [succeeded(1), failed(), cancelled()])
def test_whatever_comes_after_the_timeout_came_too_late(outcome: Outcome) -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=10.0)), task("b", needs=["a"])))
    run.pass_to(10.0)
    run.finish("a", outcome)
    assert run.facts[-3] == AttemptEnded(10.0, Attempt(0), failed(TimedOut(10.0)))
    assert run.outcomes["a"] == failed(TimedOut(10.0))
    assert run.skipped == {"b": DependencyFailed("a")}


def test_what_comes_in_time_counts_and_its_deadline_is_forgotten() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=10.0, task_s=20.0))))
    run.pass_to(9.0)
    run.finish("a", succeeded(1))
    assert run.outcomes == {"a": succeeded(1)}
    assert run.wake_at is None


def test_what_ends_at_the_very_moment_of_its_timeout_is_in_time() -> None:
    assert Sim(plan(task("a", duration_s=10.0, timeout=Timeout(attempt_s=10.0)))).play() == 10.0
    run = Sim(plan(task("a", duration_s=10.0, timeout=Timeout(attempt_s=9.99))))
    run.play()
    assert run.outcomes == {"a": failed(TimedOut(9.99))}


def test_an_attempt_that_ends_within_its_grace_is_not_killed() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=10.0))))
    run.pass_to(12.0)
    run.finish("a", cancelled())
    assert run.wake_at is None
    assert not any(isinstance(fact, StopAsked) and fact.force for fact in run.facts)


def test_without_a_grace_an_attempt_is_killed_at_once() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=10.0)), policy=Policy(grace_s=0.0)))
    assert at(run, 10.0).actions == [POLITE, FORCED]


def test_a_timed_out_attempt_holds_its_slots_until_it_has_really_ended() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=1.0)), task("b")), max_concurrent=1)
    run.pass_to(100.0)
    assert run.running == ["a"]
    run.finish("a")
    assert run.running == ["b"]


def test_time_in_line_is_not_time_at_work() -> None:
    run = Sim(plan(task("a"), task("b", timeout=Timeout(2.0, 2.0))), max_concurrent=1)
    run.pass_to(10.0)
    run.finish("a")
    assert run.wake_at == 12.0


def test_each_attempt_has_its_own_time() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=10.0), retry=Retry(max_attempts=2))))
    run.pass_to(10.0)
    run.finish("a", cancelled())
    assert run.state("a") is BACKOFF
    at(run, 12.0)
    assert run.running == ["a"]
    assert at(run, 22.0).actions == [StopAttempt(Attempt(0, 2))]
    run.finish("a", cancelled())
    assert run.outcomes == {"a": failed(TimedOut(10.0))}


def test_a_timed_out_attempt_is_tried_again_only_if_retry_says_so() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=1.0), retry=Retry(retry_on=(1,)))))
    run.pass_to(1.0)
    run.finish("a", cancelled())
    assert run.outcomes == {"a": failed(TimedOut(1.0))}
    assert run.facts[-2] == GaveUp(1.0, Attempt(0), NotRetried())


# Tasks


def test_a_task_that_takes_too_long_in_an_attempt_has_no_other() -> None:
    run = Sim(plan(task("a", timeout=Timeout(task_s=5.0), retry=Retry())))
    run.finish("a", failed())
    run.pass_to(4.0)
    assert run.state("a") is RUNNING
    assert at(run, 5.0).actions == [StopAttempt(Attempt(0, 2))]
    run.finish("a", cancelled())
    assert run.outcomes == {"a": failed(TimedOut(5.0, whole=True))}


def test_a_task_whose_time_runs_out_while_it_backs_off_has_failed_at_that_moment() -> None:
    run = Sim(plan(task("a", timeout=Timeout(task_s=5.0), retry=Retry(base_s=10.0))))
    run.finish("a", failed())
    assert run.state("a") is BACKOFF
    at(run, 5.0)
    assert run.outcomes == {"a": failed(TimedOut(5.0, whole=True))}
    assert run.wake_at is None


def test_a_task_whose_time_runs_out_while_it_is_ready_between_attempts_has_failed() -> None:
    tasks = [task("a", timeout=Timeout(task_s=5.0), retry=Retry()), task("b"), task("c")]
    run = Sim(plan(*tasks), max_concurrent=1)
    run.finish("a", failed())
    run.pass_to(4.0)
    assert run.state("a") is READY
    at(run, 5.0)
    assert run.outcomes == {"a": failed(TimedOut(5.0, whole=True))}
    run.finish("b")
    assert run.running == ["c"]


def test_a_task_whose_time_runs_out_when_its_retry_is_due_has_no_other_attempt() -> None:
    run = Sim(plan(task("a", timeout=Timeout(task_s=2.0), retry=Retry())))
    run.finish("a", failed())
    at(run, 2.0)
    assert run.outcomes == {"a": failed(TimedOut(2.0, whole=True))}


def test_a_task_whose_time_runs_out_while_an_attempt_is_being_stopped_has_no_other() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=4.0, task_s=5.0), retry=Retry())))
    at(run, 4.0)
    assert at(run, 5.0).actions == []
    run.finish("a", cancelled())
    assert run.outcomes == {"a": failed(TimedOut(5.0, whole=True))}


def test_time_begins_with_the_first_attempt() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"], timeout=Timeout(task_s=5.0))))
    run.pass_to(100.0)
    run.finish("a")
    assert run.wake_at == 105.0


# Cancelling and interrupting


def test_a_cancelled_attempt_is_killed_after_its_grace() -> None:
    run = Sim(plan(task("a"), policy=Policy(grace_s=3.0)))
    run.pass_to(1.0)
    run.cancel("a")
    assert at(run, 4.0).actions == [FORCED]
    assert run.facts[-1] == StopAsked(4.0, Attempt(0), True, CancelAsked())


def test_an_attempt_that_was_cancelled_does_not_also_time_out() -> None:
    run = Sim(plan(task("a", timeout=Timeout(1.0, 2.0)), policy=Policy(grace_s=10.0)))
    run.cancel("a")
    assert run.wake_at == 10.0
    run.pass_to(9.0)
    run.finish("a", cancelled())
    assert run.outcomes == {"a": cancelled(CancelAsked())}


def test_a_task_that_is_cancelled_when_it_has_timed_out_is_not_tried_again() -> None:
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=1.0), retry=Retry())))
    run.pass_to(1.0)
    run.cancel("a")
    run.finish("a", succeeded())
    assert run.outcomes == {"a": failed(TimedOut(1.0))}


def test_what_was_killed_by_hand_is_not_killed_again_by_the_clock() -> None:
    run = Sim(plan(task("a")))
    run.interrupt(signal=2)
    assert run.wake_at == 5.0
    run.interrupt(signal=2, force=True)
    assert run.wake_at is None


# Runs


def test_a_run_that_takes_too_long_stops_what_runs_and_skips_the_rest() -> None:
    tasks = [task("a"), task("b", needs=["a"]), task("late", retry=Retry(base_s=60.0))]
    run = Sim(plan(*tasks, policy=Policy(timeout_s=10.0, grace_s=1.0)))
    run.close()
    run.finish("late", failed())
    step = at(run, 10.0)
    assert step.actions == [POLITE]
    assert RunStopping(10.0, RunTimedOut(10.0)) in step.facts
    assert run.skipped == {"b": RunTimedOut(10.0)}
    assert run.outcomes["late"] == cancelled(RunTimedOut(10.0))
    assert at(run, 11.0).actions == [FORCED]
    run.finish("a", cancelled())
    assert run.outcomes["a"] == cancelled(RunTimedOut(10.0))
    assert run.ended is RunState.FAILED


def test_a_run_that_ends_in_time_has_succeeded() -> None:
    run = Sim(plan(task("a", duration_s=10.0), policy=Policy(timeout_s=10.0)))
    assert run.play() == 10.0
    assert run.ended is RunState.SUCCEEDED
    assert run.wake_at is None


def test_the_time_of_a_run_begins_with_its_first_tasks() -> None:
    run = Sim(Plan(policy=Policy(timeout_s=10.0)))
    run.clock.advance(100.0)
    run.submit(task("a"))
    assert run.wake_at == 110.0
    run.clock.advance(5.0)
    run.submit(task("b"))
    assert run.wake_at == 110.0


def test_the_time_of_a_run_also_bounds_what_goes_on_after_a_failure() -> None:
    run = Sim(plan(task("a"), task("b"), policy=Policy(on_failure=Rest.DRAIN, timeout_s=10.0)))
    run.close()
    run.finish("b", failed())
    assert run.facts[-1] == RunStopping(0.0, RunFailed("b"))
    assert at(run, 10.0).actions == [POLITE]
    run.finish("a", cancelled())
    assert run.outcomes["a"] == cancelled(RunTimedOut(10.0))


def test_a_run_that_was_interrupted_does_not_also_time_out() -> None:
    run = Sim(plan(task("a"), policy=Policy(timeout_s=1.0, grace_s=9.0)))
    run.interrupt(signal=2)
    assert at(run, 1.0).facts == []
    run.finish("a", cancelled())
    assert run.outcomes["a"] == cancelled(Interrupted(2))


def test_tasks_that_come_after_the_time_of_the_run_are_skipped() -> None:
    run = Sim(plan(task("a"), policy=Policy(timeout_s=1.0)))
    run.pass_to(1.0)
    run.submit(task("b"))
    assert run.skipped == {"b": RunTimedOut(1.0)}


# Waking


def looks(run: Sim) -> object:
    """Return all that time alone may change."""
    live = run.scheduler.live.values()
    states = [(node.prepared.position, node.state, node.stop_reason, node.key) for node in live]
    stopped = run.scheduler.failures.stopped(None)
    return states, stopped, [monitor.circuit for monitor in run.scheduler.monitors.all]


OUTCOMES: tuple[Outcome, ...] = (succeeded(), failed(), cancelled())


@given(troubled_plans(max_tasks=5), st.data())
def test_the_scheduler_wants_to_be_woken_when_something_changes_and_not_before(
    drawn: Plan, data: st.DataObject
) -> None:
    run = Sim(drawn)
    run.close()
    for _ in range(12):
        wake_at = run.wake_at
        if wake_at is None or (run.running and data.draw(st.booleans())):
            if run.running:
                run.finish(data.draw(st.sampled_from(run.running)), data.draw(st.sampled_from(OUTCOMES)))
            continue
        before = looks(run)
        too_early = run.clock.now + (wake_at - run.clock.now) * 0.9
        if run.clock.now < too_early < wake_at:
            run.clock.advance_to(too_early)
            step = run.step(TimePassed())
            assert (step.facts, step.actions, looks(run)) == ([], [], before)
        step = run.wake()
        assert run.clock.now == wake_at, "it is never too late"
        assert step.facts or looks(run) != before


@given(troubled_plans(max_tasks=5))
def test_when_all_is_over_nothing_is_due(drawn: Plan) -> None:
    run = Sim(drawn)
    run.play({"t0": failed(), "t1": [failed()], "t2": lambda number: failed() if number < 3 else succeeded()})
    assert run.ended is not None
    assert run.wake_at is None
    assert list(run.outcomes) == [one.id for one in drawn.tasks]
