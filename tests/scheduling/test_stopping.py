"""Cancelled tasks, interrupted runs, and how runs end."""

from __future__ import annotations

import pytest

from weft.model.attempt import Attempt
from weft.model.outcome import Outcome, Skipped
from weft.model.plan import Plan
from weft.model.reason import CancelAsked, DependencyCancelled, Interrupted
from weft.scheduling.actions import StopAttempt
from weft.scheduling.events import CancelRequested, InterruptRequested, PlanClosed, TimePassed
from weft.scheduling.facts import RunEnded, RunInterrupted, StopAsked, TaskEnded
from weft.scheduling.states import READY, RUNNING, STOPPING, WAITING, RunState
from weft.testing import Sim, cancelled, failed, plan, succeeded, task


def test_a_cancelled_task_that_runs_is_asked_to_stop_and_ends_when_it_does() -> None:
    run = Sim(plan(task("a")))
    assert run.step(CancelRequested((0,))).actions == [StopAttempt(Attempt(0))]
    assert run.state("a") is STOPPING
    assert run.outcomes == {}
    run.finish("a", cancelled(Interrupted()))
    assert run.outcomes == {"a": cancelled(CancelAsked())}, "the scheduler knows better why"


@pytest.mark.parametrize("outcome", [succeeded(1), failed()])
def test_a_task_that_was_done_before_it_could_be_stopped_keeps_its_outcome(outcome: Outcome) -> None:
    run = Sim(plan(task("a")))
    run.cancel("a")
    run.finish("a", outcome)
    assert run.outcomes == {"a": outcome}


def test_a_task_that_is_ready_or_waiting_is_taken_back_at_once() -> None:
    run = Sim(plan(task("runs"), task("ready"), task("waiting", needs=["runs"])), max_concurrent=1)
    assert (run.state("ready"), run.state("waiting")) == (READY, WAITING)
    run.cancel("ready", "waiting")
    assert run.outcomes == {"ready": cancelled(), "waiting": cancelled()}


def test_a_second_cancel_asks_nothing_more() -> None:
    run = Sim(plan(task("a")))
    run.cancel("a")
    assert run.step(CancelRequested((0, 0))).facts == []


def test_cancelling_what_has_ended_changes_nothing() -> None:
    run = Sim(plan(task("a")))
    run.finish("a")
    run.cancel("a")
    assert run.outcomes == {"a": succeeded()}


def test_several_tasks_that_need_each_other_are_cancelled_together() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"]), task("c", needs=["b"])))
    run.cancel("c", "b")
    assert run.outcomes == {"b": cancelled(), "c": cancelled()}


def test_cancelling_a_task_before_what_needs_it_skips_that() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"]), task("c", needs=["b"])))
    run.cancel("b", "c")
    assert run.outcomes["c"] == Skipped(DependencyCancelled("b"))


def test_an_interrupt_starts_nothing_new_and_asks_what_runs_to_stop() -> None:
    run = Sim(plan(task("a"), task("b"), task("c", needs=["a"])), max_concurrent=1)
    step = run.step(InterruptRequested(2))
    assert step.actions == [StopAttempt(Attempt(0))]
    assert run.skipped == {"b": Interrupted(2), "c": Interrupted(2)}
    run.finish("a", cancelled())
    assert run.outcomes["a"] == cancelled(Interrupted(2))


def test_a_second_interrupt_leaves_no_choice() -> None:
    run = Sim(plan(task("a")))
    run.interrupt(signal=2)
    assert run.step(InterruptRequested(2, force=True)).actions == [StopAttempt(Attempt(0), force=True)]
    assert run.state("a") is STOPPING
    assert StopAsked(0.0, Attempt(0), True, Interrupted(2)) in run.facts


def test_a_second_polite_interrupt_does_not_ask_again() -> None:
    run = Sim(plan(task("a")))
    run.interrupt()
    assert run.step(InterruptRequested()).facts == [RunInterrupted(0.0)]


def test_a_forced_interrupt_needs_no_polite_one_before_it() -> None:
    run = Sim(plan(task("a")))
    assert run.step(InterruptRequested(force=True)).actions == [StopAttempt(Attempt(0), force=True)]


def test_a_task_that_was_cancelled_before_the_interrupt_ends_for_the_first_reason() -> None:
    run = Sim(plan(task("a")))
    run.cancel("a")
    run.interrupt(signal=2, force=True)
    run.finish("a", cancelled())
    assert run.outcomes == {"a": cancelled(CancelAsked())}


def test_what_is_submitted_after_an_interrupt_is_skipped() -> None:
    run = Sim(plan(task("a")))
    run.interrupt(signal=15)
    run.submit(task("b"), task("c", needs=["b"]), task("d", needs=["a"]))
    assert run.skipped == dict.fromkeys("bcd", Interrupted(15))


def test_tasks_that_succeed_while_the_run_is_interrupted_have_succeeded() -> None:
    run = Sim(plan(task("a"), task("b")))
    run.interrupt()
    run.finish("a", succeeded(1))
    assert run.outcomes == {"a": succeeded(1)}
    assert run.state("b") is STOPPING


# The end of a run


def test_a_run_ends_when_it_is_closed_and_nothing_is_left() -> None:
    run = Sim(plan(task("a")))
    run.close()
    assert run.running == ["a"]
    run.clock.advance(3.0)
    run.finish("a")
    assert run.facts[-1] == RunEnded(3.0, RunState.SUCCEEDED)
    assert run.ended is RunState.SUCCEEDED


def test_a_run_that_is_not_closed_waits_for_more() -> None:
    run = Sim(plan(task("a")))
    run.finish("a")
    assert run.facts[-1] == TaskEnded(0.0, 0, succeeded())
    run.close()
    assert run.ended is RunState.SUCCEEDED


def test_an_empty_plan_succeeds_at_once() -> None:
    run = Sim(Plan())
    run.close()
    assert run.ended is RunState.SUCCEEDED


@pytest.mark.parametrize("outcome", [failed(), cancelled()])
def test_a_run_in_which_not_all_succeeded_has_failed(outcome: Outcome) -> None:
    run = Sim(plan(task("a"), task("b")))
    run.play({"a": outcome})
    assert run.ended is RunState.FAILED


def test_an_interrupted_run_ends_as_such_whatever_became_of_its_tasks() -> None:
    run = Sim(plan(task("a")))
    run.interrupt()
    run.finish("a")
    run.close()
    assert run.ended is RunState.INTERRUPTED


def test_the_passing_of_time_alone_changes_nothing() -> None:
    run = Sim(plan(task("a")))
    step = run.step(TimePassed())
    assert (step.facts, step.actions) == ([], [])
    assert run.state("a") is RUNNING


def test_nothing_may_come_after_the_end_of_a_run() -> None:
    run = Sim(Plan())
    run.close()
    with pytest.raises(AssertionError, match="after the end of the run"):
        run.step(PlanClosed())


def test_no_task_may_come_after_the_plan_was_closed() -> None:
    run = Sim(plan(task("a")))
    run.close()
    with pytest.raises(AssertionError, match="closed plan"):
        run.submit(task("b"))
