from __future__ import annotations

import pytest

from weft.errors import TaskFailed, TaskFailures
from weft.model.group import Group, Rest
from weft.model.health import Health
from weft.model.outcome import Failed, Outcome, Skipped
from weft.model.policy import Policy
from weft.model.reason import DependencyFailed, Interrupted, Raised, RunFailed, RunTimedOut, TimedOut
from weft.model.retry import Retry
from weft.scheduling.states import RunState
from weft.testing import Sim, cancelled, failed, plan, succeeded, task
from weft.views.report import GroupReport, HealthReport, Report, ReportView


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


def test_a_report_is_printed_in_a_line() -> None:
    because = RunFailed("b")
    ends: dict[str, Outcome] = {
        "a": Skipped(because),
        "b": Failed(Raised("ValueError", "")),
        "c": Skipped(because),
    }
    assert str(Report(RunState.FAILED, ends, seconds=5.0)) == "failed after 5 s: 1 failed, 2 skipped"
    assert str(Report(RunState.SUCCEEDED, {})) == "succeeded after 0 s: no tasks"


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


def test_a_report_tells_how_often_tasks_were_tried_that_needed_it() -> None:
    run = Sim(plan(task("a", retry=Retry()), task("b", retry=Retry()), task("c")))
    run.play({"a": [failed(), failed()]})
    assert report_of(run).attempts == {"a": 3}


def test_an_attempt_that_never_began_is_not_counted() -> None:
    run = Sim(plan(task("a", retry=Retry())))
    run.finish("a", failed())
    run.cancel("a")
    run.close()
    assert report_of(run).attempts == {}


def test_a_report_tells_how_groups_ended_and_what_they_required() -> None:
    members = [task(name, group="survey") for name in "abc"]
    run = Sim(plan(*members, task("d"), groups={"survey": Group(min_required=2, when_met=Rest.CANCEL)}))
    run.finish("a", failed())
    run.play()
    report = report_of(run)
    assert report.state is RunState.DEGRADED
    assert report.groups == {"survey": GroupReport(True, succeeded=2, failed=1, required=2)}
    assert report.groups["survey"].members == 3


def test_a_group_inside_another_is_one_member_of_it() -> None:
    tasks = [task("a", group="left"), task("b", group="right"), task("c", group="all")]
    groups = {"all": Group(min_required=2), "left": Group(group="all"), "right": Group(group="all")}
    run = Sim(plan(*tasks, groups=groups))
    run.play({"a": failed()})
    assert report_of(run).groups == {
        "left": GroupReport(False, failed=1, required=1),
        "right": GroupReport(True, succeeded=1, required=1),
        "all": GroupReport(True, succeeded=2, failed=1, required=2),
    }


def test_a_group_that_may_be_lost_is_no_member_of_one_that_requires_all() -> None:
    groups = {"all": Group(), "extras": Group(critical=False, group="all")}
    run = Sim(plan(task("a", group="extras"), task("b", group="all"), groups=groups))
    run.play({"a": failed()})
    assert report_of(run).groups["all"] == GroupReport(True, succeeded=1, required=1)


def test_a_report_tells_the_health_as_it_was_at_the_end() -> None:
    health = Health(max_error_rate=0.5, window=2, min_samples=2)
    run = Sim(plan(*[task(name) for name in "abc"], policy=Policy(health=health)), max_concurrent=1)
    run.play({"a": failed(), "b": failed(), "c": failed()})
    assert report_of(run).health == {"the run": HealthReport(False, 1.0, 3, 3)}


def test_a_report_tells_why_a_run_ended_early() -> None:
    run = Sim(plan(task("a"), task("b", duration_s=9.0), policy=Policy(on_failure=Rest.CANCEL)))
    run.play({"a": failed()})
    assert report_of(run).because == RunFailed("a")


@pytest.mark.parametrize(
    ("outcomes", "timed_out"),
    [
        ({"a": failed(TimedOut(1.0))}, True),
        ({"a": failed(TimedOut(1.0)), "b": failed()}, False),
        ({"a": failed()}, False),
        ({}, False),
    ],
)
def test_a_run_timed_out_if_all_that_failed_did(outcomes: dict[str, Outcome], timed_out: bool) -> None:
    run = Sim(plan(task("a"), task("b")))
    run.play(outcomes)
    assert report_of(run).timed_out is timed_out


def test_a_run_that_took_too_long_timed_out_whatever_failed() -> None:
    run = Sim(plan(task("a"), task("b", duration_s=9.0), policy=Policy(timeout_s=3.0)))
    run.play({"a": failed()})
    report = report_of(run)
    assert (report.timed_out, report.because) == (True, RunTimedOut(3.0))
