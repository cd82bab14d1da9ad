from __future__ import annotations

from typing import Any

import pytest

from weft.model.attempt import Attempt
from weft.model.group import Group, Rest
from weft.model.outcome import Cancelled, Failed, Skipped, Succeeded
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.reason import (
    BackingOff,
    CancelAsked,
    CriticalFailed,
    DependencyFailed,
    DependencyPending,
    GroupLost,
    GroupMet,
    Interrupted,
    MergeConflict,
    MergePending,
    NotNeeded,
    RunTimedOut,
    TimedOut,
)
from weft.model.retry import Retry
from weft.model.task import Task
from weft.model.timeout import Timeout
from weft.model.workspace import MergeAt, Workspace, WorkspaceKind
from weft.scheduling.actions import BringBack
from weft.scheduling.events import BroughtBack
from weft.scheduling.facts import MergeEnded, MergeStarted, RetryScheduled, RunEnded
from weft.scheduling.states import RunState, TaskState
from weft.testing import Sim, failed, plan, task

CONFLICT = MergeConflict(("x",), ".weft/runs/r/a/workspace")
COPY = WorkspaceKind.COPY


def private(id: str, *, writes: str | None = "x", **declared: Any) -> Task:
    return task(id, workspace=COPY, writes=writes, **declared)


def brought(run: Sim) -> list[str]:
    """Return the tasks whose work was ordered to be brought back, in that order."""
    return [run.plan.tasks[action.task].id for action in run.actions if isinstance(action, BringBack)]


def two(**declared: Any) -> Plan:
    """Return two tasks that write the same, each in a place of its own."""
    return plan(private("a", **declared), private("b", **declared))


# When work is brought back


def test_a_task_in_a_place_of_its_own_has_ended_when_its_work_was_brought_back() -> None:
    run = Sim(plan(private("a")))
    run.finish("a")
    assert (run.state("a"), brought(run), run.outcomes) == (TaskState.MERGING, ["a"], {})
    run.bring("a")
    assert run.outcomes == {"a": Succeeded()}


def test_the_outcome_is_that_of_the_work() -> None:
    run = Sim(plan(private("a")))
    run.finish("a", Succeeded(7))
    run.bring("a")
    assert run.outcomes == {"a": Succeeded(7)}


def test_a_merge_is_told_with_what_it_came_to() -> None:
    run = Sim(plan(private("a")))
    run.finish("a")
    run.step(BroughtBack(0, None, 3, ("x",), ("pipe",)))
    told = [fact for fact in run.facts if isinstance(fact, MergeStarted | MergeEnded)]
    assert told == [MergeStarted(0.0, 0), MergeEnded(0.0, 0, None, 3, ("x",), ("pipe",))]


def test_a_task_without_a_place_of_its_own_is_never_merged() -> None:
    run = Sim(plan(task("a", writes="x"), task("b", workspace=WorkspaceKind.SHARED, writes="y")))
    run.finish("a")
    run.finish("b")
    assert (brought(run), list(run.outcomes)) == ([], ["a", "b"])


def test_work_that_failed_is_not_brought_back() -> None:
    run = Sim(plan(private("a")))
    run.finish("a", failed())
    assert (brought(run), run.outcomes) == ([], {"a": failed()})


def test_while_its_work_is_brought_back_a_task_holds_nothing() -> None:
    tasks = [private("a", writes="x", limits={"gpu": 1}), task("b", limits={"gpu": 1}, reads=[])]
    run = Sim(plan(*tasks, limits={"gpu": 1}), max_concurrent=1)
    run.finish("a")
    assert (run.state("a"), run.running) == (TaskState.MERGING, ["b"])


def test_the_run_ends_when_all_work_was_brought_back_and_not_before() -> None:
    run = Sim(plan(private("a")))
    run.close()
    run.finish("a")
    assert run.ended is None
    run.bring("a")
    assert run.ended is RunState.SUCCEEDED


# In which order


def test_two_that_write_the_same_work_at_once_and_are_brought_back_in_program_order() -> None:
    run = Sim(two())
    assert run.running == ["a", "b"]
    run.finish("b")
    assert (brought(run), run.waiting("b")) == ([], (MergePending("a"),))
    run.finish("a")
    assert (brought(run), run.waiting("a"), run.waiting("b")) == (["a"], (), (MergePending("a"),))
    run.bring("a")
    assert brought(run) == ["a", "b"]
    run.bring("b")
    assert list(run.outcomes) == ["a", "b"]


def test_those_that_write_apart_are_brought_back_as_they_end() -> None:
    run = Sim(plan(private("a", writes="x"), private("b", writes="y")))
    run.finish("b")
    assert brought(run) == ["b"]


def test_those_that_declare_nothing_are_brought_back_in_program_order() -> None:
    run = Sim(plan(private("a", writes="x"), private("b", writes=None), private("c", writes="y")))
    for name in ("c", "b", "a"):
        run.finish(name)
    assert (brought(run), run.waiting("c")) == (["a"], (MergePending("b"),))
    run.bring("a")
    run.bring("b")
    assert brought(run) == ["a", "b", "c"]


def test_who_reads_in_the_plans_directory_has_ended_when_a_later_task_is_brought_back() -> None:
    run = Sim(plan(task("reads", reads="x"), private("writes", writes="x")))
    run.finish("writes")
    assert (run.running, brought(run)) == (["reads"], [])
    run.finish("reads")
    assert brought(run) == ["writes"]


def test_who_reads_what_was_made_elsewhere_starts_when_it_was_brought_back() -> None:
    run = Sim(plan(private("writes", writes="x"), task("reads", reads="x")))
    run.finish("writes")
    assert run.waiting("reads") == (DependencyPending("writes"),)
    run.bring("writes")
    assert run.running == ["reads"]


def test_a_task_that_fails_early_keeps_those_behind_it_in_order() -> None:
    """What comes before it is still at work, and what comes after it knows of the former through it only."""
    run = Sim(plan(task("reads", reads="x"), private("a", writes="x"), private("b", writes="x")))
    run.finish("b")
    run.finish("a", failed())
    assert (brought(run), run.running) == ([], ["reads"])
    assert run.waiting("b") == (MergePending("reads"),)
    run.finish("reads")
    assert brought(run) == ["b"]


def test_what_was_passed_over_is_told_by_what_it_waits_for() -> None:
    first, middle, last = (private(name, writes=None) for name in "abc")
    run = Sim(plan(first, middle, last))
    run.finish("c")
    run.cancel("b")
    run.finish("b", failed())
    assert run.waiting("c") == (MergePending("a"),)
    run.finish("a")
    assert brought(run) == ["a"]
    run.bring("a")
    assert brought(run) == ["a", "c"]


def test_what_comes_late_is_brought_back_after_what_is_there() -> None:
    run = Sim(plan(private("a")))
    run.submit(private("b"))
    run.finish("b")
    assert brought(run) == []
    run.finish("a")
    run.bring("a")
    assert brought(run) == ["a", "b"]


# When it can't be brought back


def test_a_conflict_fails_the_task_and_skips_who_needs_it() -> None:
    run = Sim(plan(private("a"), task("b", needs=["a"])))
    run.finish("a")
    run.bring("a", CONFLICT)
    assert run.outcomes == {"a": Failed(CONFLICT), "b": Skipped(DependencyFailed("a"))}


def test_after_a_conflict_the_next_one_is_brought_back() -> None:
    run = Sim(two())
    run.finish("a")
    run.finish("b")
    run.bring("a", CONFLICT)
    assert brought(run) == ["a", "b"]
    run.bring("b")
    assert run.outcomes == {"a": Failed(CONFLICT), "b": Succeeded()}


def test_after_a_conflict_the_task_is_tried_again_if_it_wants_that() -> None:
    run = Sim(plan(private("a", retry=Retry(max_attempts=2, base_s=1.0))))
    run.finish("a")
    run.bring("a", CONFLICT)
    assert run.state("a") is TaskState.BACKOFF
    assert isinstance(run.waiting("a")[0], BackingOff)
    run.wake()
    assert run.running == ["a"]
    assert [fact.attempt for fact in run.facts if isinstance(fact, RetryScheduled)] == [Attempt(0, 2)]
    run.finish("a")
    run.bring("a")
    assert run.outcomes == {"a": Succeeded()}


def test_the_last_attempt_that_ends_in_a_conflict_fails() -> None:
    run = Sim(plan(private("a", retry=Retry(max_attempts=2, base_s=1.0))))
    run.finish("a")
    run.bring("a", CONFLICT)
    run.wake()
    run.finish("a")
    run.bring("a", CONFLICT)
    assert run.outcomes == {"a": Failed(CONFLICT)}


def test_while_a_task_is_tried_again_those_behind_it_keep_their_order() -> None:
    retry = Retry(max_attempts=2, base_s=1.0)
    run = Sim(plan(private("a", retry=retry), private("b")))
    run.finish("a")
    run.finish("b")
    run.bring("a", CONFLICT)
    assert brought(run) == ["a"]
    run.wake()
    run.finish("a")
    assert brought(run) == ["a", "a"]
    run.bring("a")
    assert brought(run) == ["a", "a", "b"]


# Stopping


def test_a_task_that_waits_to_be_brought_back_can_be_taken_back() -> None:
    run = Sim(two())
    run.finish("b")
    run.cancel("b")
    assert run.outcomes == {"b": Cancelled(CancelAsked())}
    run.finish("a")
    run.bring("a")
    assert brought(run) == ["a"]


def test_what_is_being_brought_back_comes_to_its_end() -> None:
    run = Sim(plan(private("a")))
    run.finish("a")
    run.cancel("a")
    assert run.outcomes == {}
    run.bring("a")
    assert run.outcomes == {"a": Succeeded()}


def test_a_task_that_was_taken_back_while_it_was_brought_back_is_not_tried_again() -> None:
    run = Sim(plan(private("a", retry=Retry(max_attempts=3))))
    run.finish("a")
    run.cancel("a")
    run.bring("a", CONFLICT)
    assert run.outcomes == {"a": Failed(CONFLICT)}


@pytest.mark.parametrize("force", [False, True])
def test_an_interrupted_run_ends_when_the_merge_that_is_under_way_has(force: bool) -> None:
    run = Sim(two())
    run.close()
    run.finish("a")
    run.finish("b")
    run.interrupt(force=force)
    assert run.outcomes == {"b": Cancelled(Interrupted())}
    assert run.ended is None
    run.bring("a")
    assert run.outcomes["a"] == Succeeded()
    assert run.ended == RunState.INTERRUPTED


def test_a_run_whose_time_is_over_lets_what_is_under_way_come_to_its_end() -> None:
    run = Sim(plan(*two().tasks, policy=Policy(timeout_s=5.0)))
    run.finish("a")
    run.finish("b")
    run.pass_to(5.0)
    assert run.outcomes == {"b": Cancelled(RunTimedOut(5.0))}
    run.bring("a")
    assert run.outcomes["a"] == Succeeded()


def test_the_time_of_a_task_is_that_of_its_work_not_of_its_merge() -> None:
    run = Sim(plan(private("a", timeout=Timeout(2.0, 3.0)), private("b", timeout=Timeout(2.0, 3.0))))
    run.finish("a")
    run.finish("b")
    run.pass_to(10.0)
    run.bring("a")
    run.bring("b")
    assert run.outcomes == {"a": Succeeded(), "b": Succeeded()}


def test_a_task_whose_time_passed_while_it_was_merged_is_not_begun_anew() -> None:
    run = Sim(plan(private("a", timeout=Timeout(None, 3.0), retry=Retry(max_attempts=9, base_s=0.1))))
    run.finish("a")
    run.pass_to(4.0)
    run.bring("a", CONFLICT)
    assert run.outcomes == {"a": Failed(CONFLICT)}


def test_work_that_came_too_late_is_not_brought_back() -> None:
    run = Sim(plan(private("a", timeout=Timeout(1.0))))
    run.pass_to(1.0)
    run.finish("a")  # it took no notice
    assert (brought(run), run.outcomes) == ([], {"a": Failed(TimedOut(1.0))})


def test_work_that_was_done_although_it_was_asked_to_end_is_brought_back() -> None:
    run = Sim(plan(private("a")))
    run.cancel("a")
    run.finish("a")
    run.bring("a")
    assert run.outcomes == {"a": Succeeded()}


# Groups


def test_a_conflict_of_a_critical_task_ends_the_run() -> None:
    run = Sim(plan(private("a", group="g"), task("b"), groups={"g": Group(critical=True)}))
    run.close()
    run.finish("a")
    run.bring("a", CONFLICT)
    run.finish("b", Cancelled(CancelAsked()))
    assert run.outcomes["b"] == Cancelled(CriticalFailed("g"))
    assert run.ended is RunState.FAILED


def test_a_group_is_met_when_the_work_of_enough_members_was_brought_back() -> None:
    run = Sim(
        plan(
            *(private(name, writes=name, group="g") for name in "ab"),
            task("c", group="g"),
            groups={"g": Group(min_required=1, when_met=Rest.CANCEL)},
        )
    )
    run.finish("a")
    run.finish("b")
    assert run.outcomes == {}
    run.bring("b")
    # The merge of `a` is under way, and comes to its end.
    assert run.outcomes == {"b": Succeeded()}
    run.finish("c", Cancelled(CancelAsked()))
    run.bring("a")
    assert run.outcomes == {"a": Succeeded(), "b": Succeeded(), "c": Cancelled(GroupMet("g", 1, 1))}


def group_of(rest: Rest) -> Sim:
    """Return a run in which `c` waits to be brought back, and `b` is brought back and meets its group."""
    tasks = [private("a", writes="x"), private("b", writes="y", group="g")]
    tasks += [private("c", writes="x", group="g"), private("d", writes="z", group="g")]
    run = Sim(plan(*tasks, groups={"g": Group(min_required=1, when_met=rest)}))
    run.finish("c")
    run.finish("b")
    run.bring("b")
    return run


def test_a_group_that_is_met_and_cancels_takes_back_what_waits_to_be_brought_back() -> None:
    run = group_of(Rest.CANCEL)
    assert run.outcomes == {"b": Succeeded(), "c": Cancelled(GroupMet("g", 1, 1))}


def test_a_group_that_is_met_and_drains_lets_what_is_done_be_brought_back() -> None:
    run = group_of(Rest.DRAIN)
    assert (run.state("c"), run.running) == (TaskState.MERGING, ["a", "d"])
    for name in "ad":
        run.finish(name)
        run.bring(name)
    run.bring("c")
    assert run.outcomes["c"] == Succeeded()


def test_a_member_that_can_not_be_brought_back_is_one_that_failed() -> None:
    run = Sim(
        plan(
            private("a", group="g"),
            task("b", needs=["g"]),
            groups={"g": Group(min_required=1)},
        )
    )
    run.finish("a")
    run.bring("a", CONFLICT)
    assert run.outcomes["b"] == Skipped(GroupLost("g", 0, 1))


# Later merges


def merged_at(at: MergeAt, *names: str, group: str | None = None) -> list[Task]:
    return [private(name, writes=name, merge=at, group=group) for name in names]


def test_what_is_brought_back_with_the_run_is_the_last_thing_done() -> None:
    run = Sim(plan(*merged_at(MergeAt.RUN, "a", "b")))
    run.finish("a")
    assert run.outcomes == {"a": Succeeded()}
    run.finish("b")
    assert (run.running, brought(run)) == (["merge of the run"], [])
    run.finish("merge of the run")
    assert run.outcomes["merge of the run"] == Succeeded()


def test_what_succeeded_is_brought_back_with_the_run_whatever_became_of_the_others() -> None:
    run = Sim(plan(*merged_at(MergeAt.RUN, "a", "b")))
    run.finish("a", failed())
    run.finish("b")
    assert run.running == ["merge of the run"]


def test_what_is_brought_back_with_a_group_is_there_for_those_that_need_the_group() -> None:
    tasks = [*merged_at(MergeAt.GROUP, "a", "b", group="g"), task("c", needs=["g"])]
    run = Sim(plan(*tasks, groups={"g": Group()}))
    run.finish("a")
    run.finish("b")
    assert run.running == ["merge of g"]
    run.finish("merge of g")
    assert run.running == ["c"]


def test_a_group_that_is_lost_brings_nothing_back() -> None:
    tasks = [*merged_at(MergeAt.GROUP, "a", "b", group="g"), task("c", needs=["g"])]
    run = Sim(plan(*tasks, groups={"g": Group()}))
    run.close()
    run.finish("a")
    run.finish("b", failed())
    assert run.skipped == {"merge of g": GroupLost("g", 1, 2), "c": GroupLost("g", 1, 2)}
    assert run.ended is RunState.FAILED


def test_what_a_group_has_made_is_brought_back_whatever_became_of_a_group_inside_it() -> None:
    inside = merged_at(MergeAt.GROUP, "a", group="inner")
    groups = {"outer": Group(min_required=1), "inner": Group(group="outer", critical=False)}
    run = Sim(plan(*inside, *merged_at(MergeAt.GROUP, "b", group="outer"), groups=groups))
    run.close()
    run.finish("a", failed())
    run.finish("b")
    assert run.skipped == {"merge of inner": GroupLost("inner", 0, 1)}
    run.finish("merge of outer")
    assert run.ended is RunState.DEGRADED


def test_a_group_with_enough_brings_back_what_it_has() -> None:
    run = Sim(plan(*merged_at(MergeAt.GROUP, "a", "b", group="g"), groups={"g": Group(min_required=1)}))
    run.close()
    run.finish("a", failed())
    run.finish("b")
    run.finish("merge of g")
    assert run.ended is RunState.DEGRADED


def test_a_group_whose_work_can_not_be_brought_back_is_no_use_to_who_needs_it() -> None:
    tasks = [*merged_at(MergeAt.GROUP, "a", group="g"), task("c", needs=["g"])]
    run = Sim(plan(*tasks, groups={"g": Group()}))
    run.close()
    run.finish("a")
    run.finish("merge of g", Failed(CONFLICT))
    assert run.skipped == {"c": DependencyFailed("merge of g")}
    assert run.ended is RunState.FAILED


def test_an_interrupted_run_brings_nothing_more_back() -> None:
    run = Sim(plan(*merged_at(MergeAt.RUN, "a", "b")))
    run.close()
    run.finish("a")
    run.interrupt()
    run.finish("b", Cancelled(CancelAsked()))
    assert run.skipped == {"merge of the run": Interrupted()}
    assert run.ended is RunState.INTERRUPTED


def test_members_of_an_atomic_group_in_one_place_are_brought_back_once_all_have_succeeded() -> None:
    group = Group(atomic=True, workspace=Workspace(COPY))
    tasks = [task(name, writes="x", group="g") for name in "ab"]
    run = Sim(plan(*tasks, task("c", reads="x"), groups={"g": group}))
    assert run.running == ["a"]  # they share a place, so they write one after the other
    run.finish("a")
    run.finish("b")
    assert run.running == ["merge of g"]
    run.finish("merge of g")
    assert run.running == ["c"]


# Speculation


def test_speculation_that_nobody_needs_is_not_brought_back() -> None:
    speculative = private("b", speculative=True)
    run = Sim(plan(private("a"), speculative, task("c", needs=["b"])))
    run.close()
    run.finish("b")
    assert run.state("b") is TaskState.MERGING
    run.cancel("c")
    assert run.outcomes["b"] == Cancelled(NotNeeded())
    run.finish("a")
    run.bring("a")
    assert brought(run) == ["a"]


def test_speculation_that_is_being_brought_back_stays() -> None:
    run = Sim(plan(private("b", speculative=True), task("c", needs=["b"])))
    run.close()
    run.finish("b")
    run.cancel("c")
    run.bring("b")
    assert run.outcomes["b"] == Succeeded()
    assert isinstance(run.facts[-1], RunEnded)
