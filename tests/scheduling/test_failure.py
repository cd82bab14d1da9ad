"""What the ends of tasks mean for their groups, and for the run."""

from __future__ import annotations

import pytest

from weft.model.group import Group, Rest
from weft.model.reason import CriticalFailed, GroupLost, GroupMet, Interrupted, RunFailed, Unhealthy
from weft.scheduling.failure import RUN, Decision, Failures
from weft.scheduling.states import RunState

UNHEALTHY = Unhealthy("group `g`", 0.9)


def failures(*, sizes: dict[str, int], on_failure: Rest = Rest.CONTINUE, **groups: Group) -> Failures:
    """Return how ``groups`` stand that have so many tasks each, and will get no more."""
    found = open_failures(sizes=sizes, on_failure=on_failure, **groups)
    assert found.close() == []
    return found


def open_failures(*, sizes: dict[str, int], on_failure: Rest = Rest.CONTINUE, **groups: Group) -> Failures:
    found = Failures(groups, on_failure)
    position = 0
    for name, size in sizes.items():
        for _ in range(size):
            found.join(name, position)
            position += 1
    return found


def end(of: Failures, group: str | None, *ends: bool) -> list[Decision]:
    """Let so many tasks of ``group`` end, well or not, and return what the last of them decides."""
    *before, last = [of.ended(group, "t", succeeded) for succeeded in ends]
    assert not any(before), f"decided early: {before}"
    return last


# How many must succeed


def test_without_min_required_all_members_must_succeed() -> None:
    of = failures(g=Group(), sizes={"g": 2})
    assert end(of, "g", True, True) == [Decision("g", True, Rest.CONTINUE, GroupMet("g", 2, 2))]


def test_without_min_required_the_first_failure_loses_the_group() -> None:
    of = failures(g=Group(critical=False), sizes={"g": 3})
    assert end(of, "g", True, False) == [Decision("g", False, Rest.CONTINUE, GroupLost("g", 1, 3))]


def test_a_number_is_met_by_the_last_success_that_it_needs_and_not_by_the_one_before() -> None:
    of = failures(g=Group(min_required=2), sizes={"g": 4})
    assert end(of, "g", True, False) == []
    assert end(of, "g", True)[0].because == GroupMet("g", 2, 2)


def test_a_number_is_out_of_reach_with_the_first_failure_too_many_and_not_before() -> None:
    of = failures(g=Group(min_required=2, critical=False), sizes={"g": 4})
    assert end(of, "g", False, False) == []
    assert end(of, "g", False) == [Decision("g", False, Rest.DRAIN, GroupLost("g", 0, 2))]


@pytest.mark.parametrize(
    ("share", "size", "required"),
    [(0.5, 1, 1), (0.5, 2, 1), (0.5, 3, 2), (0.01, 3, 1), (1.0, 3, 3), (0.07, 100, 7), (0.29, 100, 29)],
)
def test_a_share_is_rounded_up_to_whole_members(share: float, size: int, required: int) -> None:
    of = failures(g=Group(min_required=share), sizes={"g": size})
    assert end(of, "g", *[True] * required)[0].because == GroupMet("g", required, required)


def test_a_group_is_decided_once() -> None:
    of = failures(g=Group(min_required=1), sizes={"g": 3})
    assert len(end(of, "g", True)) == 1
    assert end(of, "g", True, False) == []
    assert of.met("g") is True


def test_a_group_of_nothing_that_requires_all_is_met() -> None:
    of = Failures({"g": Group()}, Rest.CONTINUE)
    assert of.close() == [Decision("g", True, Rest.CONTINUE, GroupMet("g", 0, 0))]


def test_a_group_with_fewer_members_than_it_requires_is_lost_when_no_more_will_come() -> None:
    of = open_failures(g=Group(min_required=2, critical=False), sizes={"g": 1})
    assert [decision.because for decision in of.close()] == [GroupLost("g", 0, 2)]


# While more tasks may come


def test_a_number_can_be_met_while_more_may_come_and_can_t_be_lost() -> None:
    of = open_failures(g=Group(min_required=2), sizes={"g": 3})
    assert end(of, "g", False, False, True) == []
    of.join("g", 3)
    assert end(of, "g", True)[0].because == GroupMet("g", 2, 2)


def test_a_share_of_an_unknown_number_is_decided_when_no_more_will_come() -> None:
    of = open_failures(g=Group(min_required=0.5), sizes={"g": 2})
    assert end(of, "g", True, True) == []
    assert of.close()[0].because == GroupMet("g", 2, 1)


def test_a_group_that_requires_all_is_lost_at_once_and_met_when_no_more_will_come() -> None:
    of = open_failures(g=Group(critical=False), h=Group(), sizes={"g": 2, "h": 1})
    assert end(of, "g", False)[0].because == GroupLost("g", 0, 2)
    assert end(of, "h", True) == []
    assert of.close()[0].because == GroupMet("h", 1, 1)


@pytest.mark.parametrize(("ends", "short"), [((True, False), None), ((False, False), GroupLost("g", 0, 1))])
def test_those_who_need_a_group_are_told_how_it_stands_though_more_may_come(
    ends: tuple[bool, bool], short: GroupLost | None
) -> None:
    of = open_failures(g=Group(min_required=0.5), sizes={"g": 2})
    end(of, "g", *ends)
    assert of.met("g") is None
    assert of.shortfall("g") == short


def test_how_a_group_stands_is_also_a_matter_of_the_groups_inside_it() -> None:
    of = open_failures(g=Group(), inner=Group(min_required=0.5, group="g"), sizes={"g": 1, "inner": 2})
    end(of, "g", True)
    end(of, "inner", True, False)
    assert of.shortfall("g") is None
    of.join("inner", 3)
    of.ended("inner", "t", False)
    of.ended("inner", "t", False)
    assert of.shortfall("g") == GroupLost("g", 1, 2)


def test_those_who_need_a_lost_group_are_told_what_was_told_when_it_was_lost() -> None:
    of = failures(g=Group(critical=False, when_lost=Rest.CANCEL), sizes={"g": 3})
    because = end(of, "g", False)[0].because
    end(of, "g", True)
    assert of.loss("g") == of.shortfall("g") == because == GroupLost("g", 0, 3)


def test_a_group_that_is_not_lost_has_no_loss() -> None:
    of = failures(g=Group(), sizes={"g": 1})
    assert of.loss("g") is None
    end(of, "g", True)
    assert (of.loss("g"), of.shortfall("g")) == (None, None)


# What becomes of the rest


@pytest.mark.parametrize("when_met", Rest)
def test_a_group_says_what_becomes_of_the_rest_when_it_is_met(when_met: Rest) -> None:
    of = failures(g=Group(min_required=1, when_met=when_met), sizes={"g": 2})
    (decision,) = end(of, "g", True)
    assert decision.rest is when_met
    assert of.stopped("g") == (None if when_met is Rest.CONTINUE else GroupMet("g", 1, 1))


@pytest.mark.parametrize("when_lost", Rest)
def test_a_group_says_what_becomes_of_the_rest_when_it_is_lost(when_lost: Rest) -> None:
    of = failures(g=Group(critical=False, when_lost=when_lost), sizes={"g": 2})
    (decision,) = end(of, "g", False)
    assert decision.rest is when_lost
    assert of.stopped("g") == (None if when_lost is Rest.CONTINUE else GroupLost("g", 0, 2))


def test_by_default_only_a_group_with_min_required_starts_nothing_more_when_it_is_lost() -> None:
    of = failures(
        all=Group(critical=False), some=Group(critical=False, min_required=2), sizes={"all": 2, "some": 2}
    )
    assert end(of, "all", False)[0].rest is Rest.CONTINUE
    assert end(of, "some", False)[0].rest is Rest.DRAIN


# What it means for the run


@pytest.mark.parametrize("on_failure", Rest)
def test_the_failure_of_a_task_without_a_group_fails_the_run_and_is_told_once(on_failure: Rest) -> None:
    of = failures(sizes={}, on_failure=on_failure)
    assert of.ended(None, "a", False) == [Decision(RUN, False, on_failure, RunFailed("a"))]
    assert of.ended(None, "b", False) == []
    assert of.state() is RunState.FAILED


def test_the_loss_of_a_group_is_a_failure_like_any_other() -> None:
    of = failures(g=Group(), sizes={"g": 1}, on_failure=Rest.DRAIN)
    assert end(of, "g", False)[1:] == [Decision(RUN, False, Rest.DRAIN, RunFailed("g"))]
    assert of.state() is RunState.FAILED


def test_the_loss_of_a_critical_group_ends_the_run_whatever_the_run_does_after_failures() -> None:
    of = failures(g=Group(critical=True), sizes={"g": 1}, on_failure=Rest.CONTINUE)
    assert end(of, "g", False)[1:] == [Decision(RUN, False, Rest.CANCEL, CriticalFailed("g"))]
    assert of.stopped(None) == of.stopped("g") == CriticalFailed("g")
    assert of.state() is RunState.FAILED


def test_the_loss_of_a_critical_group_ends_a_run_that_has_failed_and_goes_on() -> None:
    of = failures(g=Group(critical=True), sizes={"g": 1})
    of.ended(None, "a", False)
    assert end(of, "g", False)[1:] == [Decision(RUN, None, Rest.CANCEL, CriticalFailed("g"))]


def test_the_loss_of_a_group_that_is_not_critical_degrades_the_run_at_worst() -> None:
    of = failures(g=Group(critical=False), sizes={"g": 2})
    assert end(of, "g", False) == [Decision("g", False, Rest.CONTINUE, GroupLost("g", 0, 2))]
    assert of.state() is RunState.DEGRADED


def test_a_group_that_is_lost_though_no_task_failed_degrades_the_run() -> None:
    of = open_failures(g=Group(critical=False, min_required=2), sizes={"g": 1})
    end(of, "g", True)
    of.close()
    assert of.state() is RunState.DEGRADED


@pytest.mark.parametrize(
    ("ends", "state"), [((True,), RunState.SUCCEEDED), ((False, True), RunState.DEGRADED)]
)
def test_a_failure_that_a_group_tolerates_degrades_the_run(ends: tuple[bool, ...], state: RunState) -> None:
    of = failures(g=Group(min_required=1), sizes={"g": 2})
    end(of, "g", *ends)
    assert of.state() is state


def test_a_task_that_was_left_out_because_its_group_had_enough_degrades_nothing() -> None:
    of = failures(g=Group(min_required=1, when_met=Rest.DRAIN), sizes={"g": 2})
    end(of, "g", True)
    of.ended("g", "t", False, left_out=True)
    assert of.state() is RunState.SUCCEEDED


def test_a_task_of_another_group_that_is_left_out_with_one_it_needs_degrades_the_run() -> None:
    of = failures(
        g=Group(min_required=1, when_met=Rest.DRAIN), h=Group(min_required=1), sizes={"g": 2, "h": 2}
    )
    end(of, "g", True)
    end(of, "h", True)
    of.ended("h", "t", False, left_out=True)
    assert of.met("h") is True
    assert of.state() is RunState.DEGRADED


# Groups in groups


def test_a_group_counts_as_one_member_of_the_group_around_it() -> None:
    of = failures(g=Group(min_required=2), inner=Group(group="g"), sizes={"g": 2, "inner": 2})
    assert end(of, "g", True) == []
    assert [decision.because for decision in end(of, "inner", True, True)] == [
        GroupMet("inner", 2, 2),
        GroupMet("g", 2, 2),
    ]


def test_the_loss_of_a_group_is_one_failure_of_the_group_around_it() -> None:
    of = failures(g=Group(min_required=2), inner=Group(group="g"), sizes={"g": 1, "inner": 2})
    assert [decision.because for decision in end(of, "inner", False)] == [
        GroupLost("inner", 0, 2),
        GroupLost("g", 0, 2),
        RunFailed("g"),
    ]


def test_a_failure_that_is_tolerated_inside_is_none_outside() -> None:
    of = failures(g=Group(), inner=Group(min_required=1, group="g"), sizes={"g": 1, "inner": 2})
    end(of, "g", True)
    assert [decision.met for decision in end(of, "inner", False, True)] == [True, True]


def test_a_group_that_is_not_critical_is_no_member_of_one_that_requires_all() -> None:
    of = failures(g=Group(), inner=Group(critical=False, group="g"), sizes={"g": 1, "inner": 1})
    assert end(of, "g", True)[0].because == GroupMet("g", 1, 1), "whatever becomes of `inner`"
    assert [decision.group for decision in end(of, "inner", False)] == ["inner"]
    assert of.state() is RunState.DEGRADED


def test_a_group_that_is_not_critical_is_a_member_where_members_are_counted() -> None:
    of = failures(
        g=Group(min_required=1, critical=False),
        inner=Group(critical=False, group="g"),
        sizes={"g": 1, "inner": 1},
    )
    assert end(of, "g", False) == []
    assert [decision.because for decision in end(of, "inner", False)] == [
        GroupLost("inner", 0, 1),
        GroupLost("g", 0, 1),
    ]


def test_a_critical_group_ends_the_run_from_however_deep_inside() -> None:
    of = failures(
        g=Group(critical=False),
        inner=Group(group="g"),
        core=Group(critical=True, group="inner"),
        sizes={"core": 1},
    )
    assert Decision(RUN, False, Rest.CANCEL, CriticalFailed("core")) in end(of, "core", False)
    assert (of.met("inner"), of.met("g")) == (False, False)


def test_what_stops_a_group_stops_those_inside_it() -> None:
    of = failures(
        g=Group(min_required=1, when_met=Rest.DRAIN), inner=Group(group="g"), sizes={"g": 1, "inner": 1}
    )
    end(of, "g", True)
    assert of.stopped("inner") == GroupMet("g", 1, 1)
    assert of.met("inner") is None, "its task may run and succeed yet"


def test_a_group_inside_of_a_stopped_one_is_met_if_what_runs_succeeds() -> None:
    of = failures(
        g=Group(min_required=1, when_met=Rest.CANCEL), inner=Group(group="g"), sizes={"g": 1, "inner": 1}
    )
    end(of, "g", True)
    assert end(of, "inner", True) == [Decision("inner", True, Rest.CONTINUE, GroupMet("inner", 1, 1))]


def test_a_group_inside_of_one_that_had_enough_is_lost_without_degrading_the_run() -> None:
    of = failures(
        g=Group(min_required=1, when_met=Rest.CANCEL), inner=Group(group="g"), sizes={"g": 1, "inner": 1}
    )
    end(of, "g", True)
    of.ended("inner", "t", False, left_out=True)
    assert of.loss("inner") == GroupLost("inner", 0, 1)
    assert of.state() is RunState.SUCCEEDED


def test_a_critical_group_inside_of_a_stopped_one_does_not_end_the_run() -> None:
    of = failures(
        g=Group(min_required=1, when_met=Rest.DRAIN),
        core=Group(critical=True, group="g"),
        sizes={"g": 1, "core": 1},
    )
    end(of, "g", True)
    assert [decision.group for decision in end(of, "core", False)] == ["core"]
    assert of.stopped(None) is None


def test_what_stopped_a_group_first_stays_the_reason() -> None:
    of = failures(
        g=Group(min_required=1, when_met=Rest.DRAIN), core=Group(critical=True), sizes={"g": 2, "core": 1}
    )
    end(of, "g", True)
    end(of, "core", False)
    assert of.stopped("g") == GroupMet("g", 1, 1)
    assert of.stopped("core") == CriticalFailed("core")


def test_the_tasks_of_a_group_are_its_own_and_those_of_the_groups_inside_it() -> None:
    of = failures(
        g=Group(),
        inner=Group(group="g"),
        core=Group(group="inner"),
        h=Group(),
        sizes={"core": 1, "h": 1, "g": 2, "inner": 1},
    )
    assert list(of.tasks("g")) == [2, 3, 4, 0]


# Giving up


def test_a_group_that_is_given_up_is_lost_for_that_reason() -> None:
    of = failures(g=Group(critical=False, min_required=1), sizes={"g": 3})
    assert of.give_up("g", UNHEALTHY) == [Decision("g", False, Rest.CANCEL, UNHEALTHY)]
    assert of.loss("g") == of.stopped("g") == UNHEALTHY
    assert end(of, "g", True) == [], "it stays lost"


def test_a_group_that_was_met_stays_so_when_its_rest_is_given_up() -> None:
    of = failures(g=Group(min_required=1), sizes={"g": 3})
    end(of, "g", True)
    assert of.give_up("g", UNHEALTHY) == [Decision("g", None, Rest.CANCEL, UNHEALTHY)]
    assert of.met("g") is True
    assert of.loss("g") is None


def test_a_critical_group_that_is_given_up_ends_the_run() -> None:
    of = failures(g=Group(critical=True), sizes={"g": 1})
    assert of.give_up("g", UNHEALTHY)[1:] == [Decision(RUN, False, Rest.CANCEL, CriticalFailed("g"))]


def test_giving_up_the_run_stops_everything_and_leaves_the_verdicts_to_what_runs() -> None:
    of = failures(g=Group(), sizes={"g": 1})
    assert of.give_up(None, Interrupted(2)) == [Decision(RUN, False, Rest.CANCEL, Interrupted(2))]
    assert of.stopped("g") == Interrupted(2)
    assert end(of, "g", True)[0].met is True
    assert of.state() is RunState.INTERRUPTED


def test_a_run_that_fails_and_is_interrupted_then_has_been_interrupted() -> None:
    of = failures(g=Group(), sizes={"g": 1}, on_failure=Rest.DRAIN)
    of.ended(None, "a", False)
    of.give_up(None, Interrupted())
    assert of.stopped("g") == Interrupted()
    assert of.state() is RunState.INTERRUPTED


def test_nothing_is_left_to_give_up_in_a_run_that_was_interrupted() -> None:
    of = failures(g=Group(critical=True), sizes={"g": 2})
    of.give_up(None, Interrupted())
    assert of.give_up(None, Unhealthy("the run", 1.0)) == of.give_up("g", UNHEALTHY) == []
    assert [decision.group for decision in end(of, "g", False)] == ["g"]
    assert of.state() is RunState.INTERRUPTED
