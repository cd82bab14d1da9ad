from __future__ import annotations

import pytest

from weft.errors import TaskFailed, TaskFailures
from weft.model.outcome import Failed, Outcome, Skipped
from weft.model.reason import DependencyFailed, Interrupted, Raised
from weft.scheduling.states import RunState
from weft.testing import Sim, cancelled, failed, plan, succeeded, task
from weft.views.report import Report, ReportView


def report_of(run: Sim) -> Report:
    view = ReportView()
    for fact in run.facts:
        view.fold(fact)
    return view.report()


def test_outcomes_stand_in_plan_order_whatever_ended_first() -> None:
    run = Sim(plan(*[task(name) for name in "abc"]))
    run.close()
    for value, name in enumerate("cba"):
        run.finish(name, succeeded(value))
    report = report_of(run)
    assert list(report.outcomes) == ["a", "b", "c"]
    assert report.results == {"a": 2, "b": 1, "c": 0}
    assert list(report.results) == ["a", "b", "c"]


def test_a_report_tells_how_long_the_run_took_and_how_it_ended() -> None:
    run = Sim(plan(task("a", duration_s=2.0), task("b", needs=["a"], duration_s=3.0)))
    run.play()
    assert report_of(run).seconds == 5.0
    assert report_of(run).state is RunState.SUCCEEDED


def test_nothing_is_raised_when_every_task_succeeded() -> None:
    run = Sim(plan(task("a")))
    run.play()
    report_of(run).raise_for_failures()


def test_all_that_went_wrong_is_raised_at_once_in_plan_order_with_the_original_exceptions() -> None:
    broken = ValueError("no number")
    outcomes: dict[str, Outcome] = {
        "a": Failed(Raised("ValueError", "no number"), broken),
        "b": failed(),
        "d": cancelled(Interrupted()),
    }
    run = Sim(plan(task("a"), task("b"), task("c", needs=["a"]), task("d"), task("e")))
    run.play(outcomes)
    report = report_of(run)
    assert report.state is RunState.FAILED
    assert report.not_succeeded == {**outcomes, "c": Skipped(DependencyFailed("a"))}
    with pytest.raises(TaskFailures, match="4 of 5 tasks did not succeed") as raised:
        report.raise_for_failures()
    errors = raised.value.exceptions
    assert errors[0] is broken
    assert [str(error) for error in errors[1:]] == [
        "task `b` failed: exit code 1",
        "task `c` was skipped: `a` failed",
        "task `d` was cancelled: the run was interrupted",
    ]
    assert all(isinstance(error, TaskFailed) for error in errors[1:])


def test_a_report_before_the_end_of_the_run_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="before the end"):
        report_of(Sim(plan(task("a"))))
