"""Groups in a run: what becomes of tasks and runs when their groups are met or lost."""

from __future__ import annotations

import pytest

from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.outcome import Outcome, Skipped
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.priority import HIGH
from weft.model.reason import (
    CriticalFailed,
    DependencyFailed,
    DependencyPending,
    GroupLost,
    GroupMet,
    Interrupted,
    RunFailed,
)
from weft.model.retry import Retry
from weft.model.sentences import sentence
from weft.model.task import Task
from weft.scheduling.facts import GroupDecided, RunStopping, TaskEnded
from weft.scheduling.states import BACKOFF, RUNNING, STOPPING, RunState
from weft.testing import Sim, cancelled, failed, plan, succeeded, task
from weft.views.report import Report, ReportView


def started(of: Plan, max_concurrent: int | None = None) -> Sim:
    """Start a run that gets no more tasks than those of the plan."""
    run = Sim(of, max_concurrent=max_concurrent)
    run.close()
    return run


def members(group: str, n_tasks: int) -> list[Task]:
    return [task(f"{group}{number}", group=group) for number in range(n_tasks)]


def report(run: Sim) -> Report:
    view = ReportView()
    view.fold_all(run.facts)
    return view.report()


def ended(run: Sim, group: str) -> tuple[bool | None, int, int]:
    """Return what the report tells of a group: whether it is met, how many succeeded and how many failed."""
    told = report(run).groups[group]
    return told.met, told.succeeded, told.failed


def verdicts(run: Sim) -> dict[str, bool]:
    """Return the verdicts that were told, in the order in which they were."""
    told = [fact for fact in run.facts if isinstance(fact, GroupDecided)]
    assert len({fact.group for fact in told}) == len(told), f"told twice: {told}"
    return {fact.group: fact.met for fact in told}


# The strategies of graceful degradation, and of critical and non-critical groups


def insufficient(n_valid: int, n_results: int = 4) -> Sim:
    """Run a group of which two results are required, and let so many be valid."""
    run = started(plan(*members("survey", n_results), groups={"survey": Group(min_required=2)}))
    run.play({f"survey{number}": failed() for number in range(n_valid, n_results)})
    return run


@pytest.mark.parametrize("n_valid", [0, 1])
def test_fewer_valid_results_than_required_are_insufficient_and_fail_the_run(n_valid: int) -> None:
    run = insufficient(n_valid)
    assert run.ended is RunState.FAILED
    (decided,) = [fact for fact in run.facts if isinstance(fact, GroupDecided)]
    assert decided.because == GroupLost("survey", n_valid, 2)
    assert sentence(decided.because).endswith(f"{n_valid} of 2 required")


@pytest.mark.parametrize("n_valid", [2, 3])
def test_enough_valid_results_are_a_success_that_tells_how_many_failed(n_valid: int) -> None:
    run = insufficient(n_valid)
    assert run.ended is RunState.DEGRADED
    assert ended(run, "survey") == (True, n_valid, 4 - n_valid)


def test_valid_results_alone_are_a_success_without_failures() -> None:
    run = insufficient(4)
    assert run.ended is RunState.SUCCEEDED
    assert ended(run, "survey") == (True, 4, 0)


def two_groups(critical: bool) -> Sim:
    """`first` has two tasks, and `second`, which waits for both, one."""
    first = [task("a", group="first"), task("b", group="first")]
    groups = {"first": Group(critical=critical, min_required=1 if not critical else None), "second": Group()}
    return started(plan(*first, task("c", needs=["first"], group="second"), groups=groups))


def test_a_failure_in_a_critical_group_ends_the_run_and_no_group_after_it_starts() -> None:
    run = two_groups(critical=True)
    run.finish("a", failed())
    assert run.state("b") is STOPPING
    run.finish("b", cancelled())
    assert run.outcomes["b"] == cancelled(CriticalFailed("first"))
    assert run.skipped == {"c": GroupLost("first", 0, 2)}
    assert run.ended is RunState.FAILED
    assert report(run).because == CriticalFailed("first")


def test_failures_in_a_group_that_is_not_critical_are_counted_and_the_next_group_runs() -> None:
    run = two_groups(critical=False)
    run.play({"a": failed()})
    assert run.outcomes["c"] == succeeded()
    assert ended(run, "first") == (True, 1, 1)
    assert run.ended is RunState.DEGRADED


# Lost and met groups in the run


def test_the_loss_of_a_critical_group_stops_what_runs_everywhere() -> None:
    run = started(plan(task("a", group="core"), task("b"), groups={"core": Group(critical=True)}))
    run.finish("a", failed())
    assert run.state("b") is STOPPING
    assert RunStopping(0.0, CriticalFailed("core")) in run.facts


def test_a_critical_group_that_tolerates_failures_ends_the_run_only_when_it_is_lost() -> None:
    core = Group(critical=True, min_required=1)
    run = started(plan(*members("core", 2), task("b"), groups={"core": core}))
    run.finish("core0", failed())
    assert run.state("b") is RUNNING
    run.finish("core1", failed())
    assert run.state("b") is STOPPING


def test_the_loss_of_a_group_that_is_not_critical_is_told_and_degrades_the_run() -> None:
    run = started(plan(*members("extra", 2), task("b"), groups={"extra": Group(critical=False)}))
    run.play({"extra0": failed()})
    assert verdicts(run) == {"extra": False}
    assert run.outcomes["extra1"] == succeeded()
    assert run.ended is RunState.DEGRADED


@pytest.mark.parametrize("group", [Group(), Group(min_required=2)])
def test_the_loss_of_any_other_group_fails_the_run_which_goes_on(group: Group) -> None:
    run = started(plan(*members("g", 2), task("b"), groups={"g": group}))
    run.play({"g0": failed()})
    assert run.outcomes["b"] == succeeded()
    assert run.ended is RunState.FAILED


@pytest.mark.parametrize("outcome", [failed(), cancelled()])
def test_a_run_with_a_task_outside_of_groups_that_does_not_succeed_has_failed(outcome: Outcome) -> None:
    run = started(plan(*members("g", 1), task("b"), groups={"g": Group(critical=False)}))
    run.play({"b": outcome})
    assert run.ended is RunState.FAILED


def test_a_task_that_the_user_takes_back_is_one_that_its_group_lacks() -> None:
    run = started(plan(*members("g", 2), groups={"g": Group(critical=False)}))
    run.cancel("g0")
    run.finish("g0", cancelled())
    run.finish("g1")
    assert verdicts(run) == {"g": False}
    assert run.ended is RunState.DEGRADED


def test_a_task_that_is_skipped_is_one_that_its_group_lacks() -> None:
    made = plan(task("a"), task("b", needs=["a"], group="g"), groups={"g": Group(critical=False)})
    run = started(made)
    run.play({"a": failed()})
    assert run.skipped == {"b": DependencyFailed("a")}
    assert verdicts(run) == {"g": False}


def test_a_share_is_one_of_all_tasks_of_the_group() -> None:
    run = started(plan(*members("g", 4), groups={"g": Group(min_required=0.5)}))
    run.play({"g0": failed(), "g1": failed()})
    assert run.ended is RunState.DEGRADED
    run = started(plan(*members("g", 4), groups={"g": Group(min_required=0.5)}))
    run.play({"g0": failed(), "g1": failed(), "g2": failed()})
    assert run.ended is RunState.FAILED


def test_a_task_that_is_tried_again_is_not_lost_yet() -> None:
    made = plan(task("a", group="core", retry=Retry(max_attempts=2)), groups={"core": Group(critical=True)})
    run = started(made)
    run.finish("a", failed())
    assert verdicts(run) == {}
    assert run.state("a") is BACKOFF


# The rest of a group that is met


def met(when_met: Rest) -> Sim:
    """One of three is required and has succeeded; another runs, and the third has not started."""
    group = Group(min_required=1, when_met=when_met)
    run = started(plan(*members("g", 3), groups={"g": group}), max_concurrent=2)
    run.finish("g0")
    return run


def test_when_it_is_met_a_group_goes_on_by_default() -> None:
    assert Group(min_required=1).when_met is Rest.CONTINUE
    run = met(Rest.CONTINUE)
    assert verdicts(run) == {"g": True}
    assert run.running == ["g1", "g2"]


def test_a_group_that_drains_when_it_is_met_lets_what_runs_go_on() -> None:
    run = met(Rest.DRAIN)
    assert run.skipped == {"g2": GroupMet("g", 1, 1)}
    assert run.state("g1") is RUNNING


def test_a_group_that_cancels_when_it_is_met_stops_what_runs() -> None:
    run = met(Rest.CANCEL)
    assert run.skipped == {"g2": GroupMet("g", 1, 1)}
    assert run.state("g1") is STOPPING
    run.finish("g1", cancelled())
    assert run.outcomes["g1"] == cancelled(GroupMet("g", 1, 1))


def test_tasks_that_were_left_out_because_their_group_was_met_are_no_failures() -> None:
    run = met(Rest.CANCEL)
    run.finish("g1", cancelled())
    assert run.ended is RunState.SUCCEEDED


def test_a_task_that_fails_after_its_group_was_met_degrades_the_run() -> None:
    run = met(Rest.DRAIN)
    run.finish("g1", failed())
    assert run.ended is RunState.DEGRADED


def test_a_task_that_waits_for_its_next_attempt_is_taken_back_when_its_group_is_met() -> None:
    group = Group(min_required=1, when_met=Rest.DRAIN)
    run = started(plan(task("a", group="g"), task("b", group="g", retry=Retry()), groups={"g": group}))
    run.finish("b", failed())
    run.finish("a")
    assert run.outcomes["b"] == cancelled(GroupMet("g", 1, 1))
    assert run.ended is RunState.SUCCEEDED


def test_a_task_of_a_drained_group_that_fails_is_not_tried_again() -> None:
    group = Group(min_required=1, when_met=Rest.DRAIN)
    run = started(plan(task("a", group="g"), task("b", group="g", retry=Retry()), groups={"g": group}))
    run.finish("a")
    run.finish("b", failed())
    assert run.outcomes["b"] == failed()


# The rest of a group that is lost


def lost(when_lost: Rest | None, min_required: int | None = 3) -> Sim:
    """One of three that are all required has failed; another runs, and the third has not started."""
    group = Group(critical=False, min_required=min_required, when_lost=when_lost)
    run = started(plan(*members("g", 3), groups={"g": group}), max_concurrent=2)
    run.finish("g0", failed())
    return run


def test_a_lost_group_that_continues_starts_the_rest() -> None:
    assert lost(Rest.CONTINUE).running == ["g1", "g2"]


def test_a_lost_group_that_drains_lets_what_runs_go_on() -> None:
    run = lost(Rest.DRAIN)
    assert run.running == ["g1"]
    assert run.skipped == {"g2": GroupLost("g", 0, 3)}
    run.finish("g1")
    assert run.outcomes["g1"] == succeeded()


def test_a_lost_group_that_cancels_stops_what_runs() -> None:
    run = lost(Rest.CANCEL)
    assert run.state("g1") is STOPPING
    run.finish("g1", cancelled())
    assert run.outcomes["g1"] == cancelled(GroupLost("g", 0, 3))
    assert run.ended is RunState.DEGRADED


def test_by_default_a_group_with_min_required_drains_and_any_other_goes_on() -> None:
    assert lost(None).running == ["g1"]
    assert lost(None, min_required=None).running == ["g1", "g2"]


def test_tasks_outside_of_a_lost_group_are_left_alone() -> None:
    group = Group(critical=False, min_required=1, when_lost=Rest.CANCEL)
    run = started(plan(*members("g", 1), *members("h", 2), task("b"), groups={"g": group, "h": Group()}))
    run.finish("g0", failed())
    assert run.running == ["h0", "h1", "b"]


def test_a_task_that_needs_one_which_was_left_out_is_skipped_and_degrades_the_run() -> None:
    groups = {"g": Group(min_required=1, when_met=Rest.DRAIN), "h": Group(critical=False)}
    first = task("g0", group="g", priority=HIGH)
    made = plan(first, task("g1", group="g"), task("c", needs=["g1"], group="h"), groups=groups)
    run = started(made, max_concurrent=1)
    run.finish("g0")
    assert run.skipped == dict.fromkeys(["g1", "c"], GroupMet("g", 1, 1))
    assert run.ended is RunState.DEGRADED


def test_a_task_that_needs_one_which_was_stopped_with_its_group_is_told_why() -> None:
    group = Group(min_required=1, when_met=Rest.CANCEL)
    run = started(plan(*members("g", 2), task("c", needs=["g1"]), groups={"g": group}))
    run.finish("g0")
    run.finish("g1", cancelled())
    assert run.skipped == {"c": GroupMet("g", 1, 1)}
    assert run.ended is RunState.FAILED, "`c` belongs to no group that could do without it"


# The policy of the run


def run_with(on_failure: Rest) -> Sim:
    """A task without a group has failed; another runs, and the third has not started."""
    run = started(plan(*map(task, "abc"), policy=Policy(on_failure=on_failure)), max_concurrent=2)
    run.finish("a", failed())
    return run


def test_after_a_failure_a_run_goes_on_by_default() -> None:
    assert Policy().on_failure is Rest.CONTINUE
    run = run_with(Rest.CONTINUE)
    assert run.running == ["b", "c"]
    assert not any(isinstance(fact, RunStopping) for fact in run.facts)


def test_a_run_that_drains_starts_nothing_new_after_its_first_failure() -> None:
    run = run_with(Rest.DRAIN)
    assert run.state("b") is RUNNING
    assert run.skipped == {"c": RunFailed("a")}
    run.finish("b", failed())
    assert run.facts.count(RunStopping(0.0, RunFailed("a"))) == 1
    assert run.ended is RunState.FAILED


def test_a_run_that_cancels_stops_what_runs_after_its_first_failure() -> None:
    run = run_with(Rest.CANCEL)
    assert run.state("b") is STOPPING
    run.finish("b", cancelled())
    assert run.outcomes["b"] == cancelled(RunFailed("a"))


@pytest.mark.parametrize("on_failure", [Rest.DRAIN, Rest.CANCEL])
def test_a_failure_that_a_group_tolerates_is_none_for_the_policy_of_the_run(on_failure: Rest) -> None:
    groups = {"g": Group(min_required=1), "extra": Group(critical=False)}
    tasks = [*members("g", 2), *members("extra", 1), task("b")]
    run = started(plan(*tasks, groups=groups, policy=Policy(on_failure=on_failure)), max_concurrent=1)
    run.play({"g0": failed(), "extra0": failed()})
    assert run.outcomes["b"] == succeeded()
    assert run.ended is RunState.DEGRADED


@pytest.mark.parametrize("on_failure", [Rest.DRAIN, Rest.CANCEL])
def test_the_policy_of_the_run_goes_by_the_loss_of_a_group(on_failure: Rest) -> None:
    made = plan(*members("g", 2), task("b"), groups={"g": Group()}, policy=Policy(on_failure=on_failure))
    run = started(made, max_concurrent=1)
    run.finish("g0", failed())
    assert run.skipped == dict.fromkeys(["g1", "b"], RunFailed("g"))


# Groups in groups


def test_a_lost_group_is_one_failure_of_the_group_around_it() -> None:
    groups = {"g": Group(min_required=1), "inner": Group(group="g")}
    run = started(plan(*members("inner", 3), *members("g", 1), groups=groups))
    run.play({"inner0": failed(), "inner1": failed()})
    assert verdicts(run) == {"inner": False, "g": True}
    assert run.ended is RunState.DEGRADED


def test_a_group_that_is_met_stops_the_groups_inside_it() -> None:
    groups = {"g": Group(min_required=1, when_met=Rest.CANCEL), "inner": Group(group="g")}
    run = started(plan(*members("g", 1), *members("inner", 2), groups=groups), max_concurrent=2)
    run.finish("g0")
    assert run.state("inner0") is STOPPING
    run.finish("inner0", cancelled())
    assert run.skipped == {"inner1": GroupMet("g", 1, 1)}
    assert verdicts(run) == {"g": True, "inner": False}
    assert run.ended is RunState.SUCCEEDED


def test_a_group_inside_of_a_drained_one_is_met_if_what_runs_succeeds() -> None:
    groups = {"g": Group(min_required=1, when_met=Rest.DRAIN), "inner": Group(group="g")}
    made = plan(*members("g", 1), *members("inner", 1), task("sum", needs=["inner"]), groups=groups)
    run = started(made)
    run.finish("g0")
    assert "sum" not in run.outcomes, "`inner` may succeed yet"
    run.finish("inner0")
    assert run.running == ["sum"]


def test_a_critical_group_deep_inside_ends_the_run() -> None:
    groups = {"g": Group(min_required=1), "core": Group(critical=True, group="g")}
    run = started(plan(*members("g", 1), *members("core", 1), task("b"), groups=groups))
    run.finish("core0", failed())
    assert run.state("b") is STOPPING


def test_the_failure_of_a_group_that_is_not_critical_is_none_of_the_group_around_it() -> None:
    groups = {"g": Group(critical=True), "extra": Group(critical=False, group="g")}
    run = started(plan(*members("g", 1), *members("extra", 1), groups=groups))
    run.play({"extra0": failed()})
    assert verdicts(run) == {"extra": False, "g": True}
    assert run.ended is RunState.DEGRADED


# Tasks that need a group


def needed(group: Group, *, closed: bool = True) -> Sim:
    run = Sim(plan(*members("survey", 3), task("sum", needs=["survey"]), groups={"survey": group}))
    if closed:
        run.close()
    return run


def test_a_task_that_needs_a_group_waits_for_all_its_tasks_though_it_is_met() -> None:
    run = needed(Group(min_required=1))
    run.finish("survey0")
    assert verdicts(run) == {"survey": True}
    assert run.waiting("sum") == (DependencyPending("survey1"), DependencyPending("survey2"))
    run.finish("survey2")
    run.finish("survey1")
    assert run.running == ["sum"]


def test_a_task_that_needs_a_group_runs_though_members_failed_if_it_is_met() -> None:
    run = needed(Group(min_required=1))
    run.play({"survey0": failed(), "survey1": failed()})
    assert run.outcomes["sum"] == succeeded()
    assert run.ended is RunState.DEGRADED


def test_a_task_that_needs_a_group_is_skipped_as_soon_as_that_is_lost() -> None:
    run = needed(Group(min_required=3))
    run.finish("survey1", failed())
    assert run.skipped == {"sum": GroupLost("survey", 0, 3)}
    assert run.running == ["survey0", "survey2"]


def test_a_task_that_needs_a_group_is_skipped_for_its_loss_though_the_last_member_decides() -> None:
    run = needed(Group(min_required=2))
    for number in range(3):
        run.finish(f"survey{number}", None if number == 1 else failed())
    assert run.skipped == {"sum": GroupLost("survey", 1, 2)}
    assert "sum" not in run.started


def test_a_task_that_needs_a_group_runs_when_the_rest_was_left_out() -> None:
    run = needed(Group(min_required=1, when_met=Rest.CANCEL))
    run.finish("survey0")
    run.finish("survey1", cancelled())
    run.finish("survey2", cancelled())
    assert run.running == ["sum"]


@pytest.mark.parametrize(("bad", "runs"), [(1, True), (2, False)])
def test_a_share_that_is_needed_is_one_of_what_there_is_while_more_may_come(bad: int, runs: bool) -> None:
    run = needed(Group(min_required=0.5), closed=False)
    for number in range(3):
        run.finish(f"survey{number}", failed() if number < bad else None)
    assert run.started[3:] == (["sum"] if runs else [])
    assert run.skipped == ({} if runs else {"sum": GroupLost("survey", 1, 2)})


def test_a_chain_of_groups_that_need_each_other_falls_with_the_first() -> None:
    groups = {"a": Group(), "b": Group(), "c": Group()}
    tasks = [
        *members("a", 2),
        task("b0", needs=["a"], group="b"),
        task("c0", needs=["b"], group="c"),
        task("end", needs=["c"]),
    ]
    run = started(plan(*tasks, groups=groups))
    run.finish("a0", failed())
    run.finish("a1")
    assert list(run.skipped) == ["b0", "c0", "end"]
    assert verdicts(run) == {"a": False, "b": False, "c": False}
    assert run.ended is RunState.FAILED


def test_a_need_of_a_group_is_one_of_the_groups_inside_it_too() -> None:
    groups = {"g": Group(min_required=1), "inner": Group(group="g")}
    made = plan(*members("g", 1), *members("inner", 1), task("sum", needs=["g"]), groups=groups)
    run = started(made)
    run.finish("g0")
    assert run.waiting("sum") == (DependencyPending("inner0"),)
    run.finish("inner0", failed())
    assert run.running == ["sum"]


def test_a_task_that_needs_a_group_and_reads_what_a_member_writes_goes_by_the_group() -> None:
    writers = [task(f"survey{n}", group="survey", writes=[f"out/{n}"]) for n in range(2)]
    reader = task("sum", needs=["survey"], reads=["out/"])
    run = started(plan(*writers, reader, groups={"survey": Group(min_required=1)}))
    run.finish("survey0", failed())
    run.finish("survey1")
    assert run.running == ["sum"]


def test_a_task_that_reads_what_a_member_writes_without_needing_its_group_needs_the_member() -> None:
    writers = [task(f"survey{n}", group="survey", writes=[f"out/{n}"]) for n in range(2)]
    run = started(plan(*writers, task("sum", reads=["out/"]), groups={"survey": Group(min_required=1)}))
    run.finish("survey0", failed())
    assert run.skipped == {"sum": DependencyFailed("survey0")}


def test_a_task_that_needs_a_group_and_a_member_needs_the_success_of_both() -> None:
    made = plan(
        *members("survey", 2),
        task("sum", needs=["survey", "survey0"]),
        groups={"survey": Group(min_required=1)},
    )
    run = started(made)
    run.finish("survey0", failed())
    assert run.skipped == {"sum": DependencyFailed("survey0")}


# Tasks that come late


@pytest.mark.parametrize("when_met", [Rest.DRAIN, Rest.CANCEL])
def test_a_task_that_comes_to_a_group_which_had_enough_is_skipped(when_met: Rest) -> None:
    run = Sim(plan(*members("g", 1), groups={"g": Group(min_required=1, when_met=when_met)}))
    run.finish("g0")
    run.submit(task("late", group="g"), task("b"))
    assert run.skipped == {"late": GroupMet("g", 1, 1)}
    run.play()
    assert run.ended is RunState.SUCCEEDED


def test_a_task_that_comes_to_a_lost_group_is_skipped_if_that_drains() -> None:
    run = Sim(plan(*members("g", 1), groups={"g": Group(critical=False, when_lost=Rest.DRAIN)}))
    run.finish("g0", failed())
    run.submit(task("late", group="g"))
    assert run.skipped == {"late": GroupLost("g", 0, 1)}


def test_a_task_that_comes_to_a_lost_group_runs_if_that_goes_on() -> None:
    run = Sim(plan(*members("g", 1), groups={"g": Group(critical=False)}))
    run.finish("g0", failed())
    run.submit(task("late", group="g"))
    assert run.running == ["late"]


def test_a_task_that_comes_late_and_needs_a_lost_group_is_skipped() -> None:
    run = Sim(plan(*members("g", 2), groups={"g": Group(critical=False)}))
    run.finish("g0", failed())
    run.submit(task("late", needs=["g"]))
    assert run.skipped == {"late": GroupLost("g", 0, 2)}


def test_a_task_that_comes_to_a_run_which_drains_is_skipped() -> None:
    run = Sim(plan(task("a"), groups={"g": Group()}, policy=Policy(on_failure=Rest.DRAIN)))
    run.finish("a", failed())
    run.submit(task("late", group="g"), task("b"))
    assert run.skipped == dict.fromkeys(["late", "b"], RunFailed("a"))


def test_a_group_that_could_have_had_more_members_is_met_when_the_plan_is_closed() -> None:
    run = Sim(plan(*members("g", 1), groups={"g": Group()}))
    run.finish("g0")
    assert verdicts(run) == {}
    run.close()
    assert verdicts(run) == {"g": True}
    assert run.ended is RunState.SUCCEEDED


# Interrupts


def test_an_interrupt_stops_groups_and_those_who_need_them_for_that_reason() -> None:
    groups = {"g": Group(min_required=1), "core": Group(critical=True)}
    made = plan(*members("g", 2), *members("core", 2), task("sum", needs=["g"]), groups=groups)
    run = started(made, max_concurrent=3)
    run.finish("g0", failed())
    run.interrupt(signal=2)
    assert run.skipped == {"sum": Interrupted(2)}
    for name in ("g1", "core0", "core1"):
        run.finish(name, cancelled())
    assert run.ended is RunState.INTERRUPTED
    assert verdicts(run) == {"g": False, "core": False}
    assert not any(isinstance(fact, RunStopping) for fact in run.facts), "an interrupt is a fact of its own"


def test_groups_whose_tasks_succeed_while_the_run_is_interrupted_are_met() -> None:
    run = started(plan(*members("g", 1), groups={"g": Group(critical=True)}))
    run.interrupt()
    run.finish("g0")
    assert verdicts(run) == {"g": True}
    assert run.ended is RunState.INTERRUPTED


def test_a_run_that_is_stopped_by_a_failure_and_then_by_the_user_was_interrupted() -> None:
    run = started(plan(*members("core", 2), groups={"core": Group(critical=True)}))
    run.finish("core0", failed())
    run.interrupt(signal=2, force=True)
    run.finish("core1", cancelled())
    assert run.outcomes["core1"] == cancelled(CriticalFailed("core"))
    assert run.ended is RunState.INTERRUPTED


def test_failures_after_an_interrupt_do_not_end_the_run_for_another_reason() -> None:
    health = Health(min_samples=1, when_unhealthy=WhenUnhealthy.STOP)
    run = started(plan(task("a"), task("b"), policy=Policy(on_failure=Rest.CANCEL, health=health)))
    run.interrupt()
    run.finish("a", failed())
    run.finish("b", failed())
    assert run.ended is RunState.INTERRUPTED
    assert not any(isinstance(fact, RunStopping) for fact in run.facts)


def test_an_interrupt_of_a_drained_group_stops_what_it_let_go_on() -> None:
    run = met(Rest.DRAIN)
    run.interrupt()
    assert run.state("g1") is STOPPING
    run.finish("g1", cancelled())
    assert run.outcomes["g1"] == cancelled(Interrupted())


def test_a_task_that_comes_to_a_drained_group_of_an_interrupted_run_is_skipped() -> None:
    run = Sim(plan(*members("g", 1), groups={"g": Group(min_required=1, when_met=Rest.DRAIN)}))
    run.finish("g0")
    run.interrupt()
    run.submit(task("late", group="g"))
    assert run.skipped == {"late": Interrupted()}


# Health


def test_a_group_that_was_met_stays_so_when_it_becomes_unhealthy() -> None:
    health = Health(min_samples=3, max_error_rate=0.6, when_unhealthy=WhenUnhealthy.STOP)
    run = started(
        plan(*members("g", 5), groups={"g": Group(min_required=1, health=health)}), max_concurrent=1
    )
    run.finish("g0")
    run.finish("g1", failed())
    run.finish("g2", failed())
    assert verdicts(run) == {"g": True}
    assert list(run.skipped) == ["g3", "g4"]
    assert run.ended is RunState.DEGRADED


def test_outcomes_are_told_after_the_verdict_that_led_to_them() -> None:
    run = lost(Rest.DRAIN)
    kinds = [type(fact) for fact in run.facts if isinstance(fact, TaskEnded | GroupDecided)]
    assert kinds == [TaskEnded, GroupDecided, TaskEnded]
    assert isinstance(run.outcomes["g2"], Skipped)
