"""Speculation: what runs in idle slots only, makes room at once, and is dropped when nobody needs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import MAX_CONCURRENT, Pool
from weft.model.outcome import Cancelled, Outcome, Skipped, Succeeded
from weft.model.policy import Policy
from weft.model.priority import HIGH, LOW
from weft.model.rate import Rate
from weft.model.reason import (
    CancelAsked,
    CircuitProbing,
    DependencyCancelled,
    Exited,
    GroupMet,
    Interrupted,
    LockHeld,
    NotNeeded,
    PoolReserved,
    Preempted,
    RateDue,
    RunFailed,
    WaitReason,
)
from weft.model.retry import Retry
from weft.model.scope import Scope
from weft.model.task import Task
from weft.model.timeout import Timeout
from weft.planning.prepare import prepare
from weft.scheduling.actions import ReturnShares, StartAttempt, StopAttempt
from weft.scheduling.events import AttemptFinished, PlanClosed, TasksSubmitted, TimePassed
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact, StopAsked
from weft.scheduling.node import SPECULATIVE
from weft.scheduling.scheduler import Scheduler
from weft.scheduling.states import BACKOFF, READY, STOPPING, RunState
from weft.testing import Sim, cancelled, failed, plan, succeeded, task


def perhaps(name: str = "perhaps", **settings: object) -> Task:
    return task(name, speculative=True, **settings)  # type: ignore[arg-type]  # those of `task`


def preempted(run: Sim) -> list[str]:
    """The tasks that were asked to make room, in the order in which they were asked."""
    asked = [fact for fact in run.facts if isinstance(fact, StopAsked) and fact.because == Preempted()]
    return [run.plan.tasks[fact.attempt.task].id for fact in asked]


# In idle slots only


def test_speculation_starts_when_nothing_else_wants_the_slot() -> None:
    run = Sim(plan(perhaps(), task("low", priority=LOW)), max_concurrent=1)
    assert run.running == ["low"]
    run.finish("low")
    assert run.running == ["perhaps"]


def test_idle_slots_are_used() -> None:
    run = Sim(plan(perhaps("p"), perhaps("q"), task("a")), max_concurrent=2)
    assert run.running == ["p", "a"]


def test_speculation_makes_room_in_the_very_step_in_which_a_slot_is_wanted() -> None:
    run = Sim(plan(perhaps()), max_concurrent=1)
    run.submit(task("low", priority=LOW))
    assert run.state("perhaps") is STOPPING
    assert preempted(run) == ["perhaps"]
    run.finish("perhaps", cancelled())
    assert run.running == ["low"]
    assert run.state("perhaps") is READY


def test_as_many_make_room_at_once_as_slots_are_wanted_and_the_last_to_come_go_first() -> None:
    run = Sim(plan(*(perhaps(f"p{n}") for n in range(4))), max_concurrent=4)
    run.submit(task("a"), task("b"))
    assert preempted(run) == ["p3", "p2"]
    run.submit(task("c"))
    assert preempted(run) == ["p3", "p2", "p1"]


def test_a_slot_that_is_on_its_way_is_not_wanted_of_another() -> None:
    run = Sim(plan(perhaps("p"), perhaps("q")), max_concurrent=2)
    run.submit(task("a"))
    run.pass_to(1.0)
    run.step(TimePassed())
    assert preempted(run) == ["q"]


def test_speculation_makes_room_in_pools_too() -> None:
    run = Sim(plan(perhaps("p", limits={"gpu": 1}), perhaps("q"), limits={"gpu": 1}), max_concurrent=4)
    run.submit(task("a", limits={"gpu": 1}))
    assert preempted(run) == ["p"]


def test_speculation_makes_room_at_locks_too() -> None:
    run = Sim(plan(perhaps("p", locks={"index": "shared"}), perhaps("q", locks={"index": "shared"})))
    run.submit(task("a", locks=["index"]))
    assert sorted(preempted(run)) == ["p", "q"]


def test_a_wide_task_gets_all_the_room_that_it_needs() -> None:
    run = Sim(plan(*(perhaps(f"p{n}") for n in range(3)), task("a")), max_concurrent=4)
    run.submit(task("wide", limits={MAX_CONCURRENT: 3}))
    assert preempted(run) == ["p2", "p1", "p0"]


def test_nobody_makes_room_for_a_task_that_could_not_start_all_the_same() -> None:
    tasks = [perhaps(), task("a", limits={"gpu": 1})]
    run = Sim(plan(*tasks, limits={"gpu": 1, "api": Rate(1, per=10.0)}), max_concurrent=2)
    run.submit(task("gpu", limits={"gpu": 1}))
    assert not preempted(run), "the gpu is what it lacks"
    run.submit(task("b", limits={"api": 1}))
    assert preempted(run) == ["perhaps"]
    run.finish("perhaps", cancelled())
    run.finish("b")
    assert run.running == ["perhaps", "a"]
    run.submit(task("c", limits={"api": 1}))
    assert preempted(run) == ["perhaps"], "c waits for its rate"


def test_nobody_makes_room_at_a_rate_as_what_was_started_was_started() -> None:
    run = Sim(plan(perhaps(limits={"api": 1}), limits={"api": Rate(1, per=10.0)}))
    run.submit(task("a", limits={"api": 1}))
    assert run.waiting("a") == (RateDue("api", 1, 10.0),)
    assert not preempted(run)


def test_speculation_makes_room_at_the_very_moment_at_which_a_rate_lets_somebody_have_it() -> None:
    run = Sim(plan(perhaps(), limits={"api": Rate(1, per=10.0)}), max_concurrent=2)
    run.submit(task("a", limits={"api": 1}))
    run.finish("a")
    run.submit(task("b"), task("c", limits={"api": 1}, priority=LOW))
    assert run.running == ["perhaps", "b"]
    assert run.wake_at == 10.0
    run.pass_to(10.0)
    assert preempted(run) == ["perhaps"]
    assert run.wake_at == 15.0, "when the time to end politely is over"


def test_a_task_behind_one_that_can_not_start_yet_is_made_room_for() -> None:
    run = Sim(plan(perhaps(), task("a", limits={"gpu": 1}), limits={"gpu": 1}), max_concurrent=2)
    run.submit(task("gpu", limits={"gpu": 1}, priority=HIGH), task("low", priority=LOW))
    assert preempted(run) == ["perhaps"]


def test_nobody_makes_room_for_a_task_behind_one_for_which_the_slots_are_kept() -> None:
    run = Sim(plan(task("a"), task("b"), perhaps()), max_concurrent=3)
    run.submit(task("wide", limits={MAX_CONCURRENT: 3}, priority=HIGH), task("narrow"))
    assert not preempted(run)
    run.finish("a")
    run.finish("b")
    assert preempted(run) == ["perhaps"]
    run.finish("perhaps", cancelled())
    assert run.running == ["wide"]


def test_nobody_makes_room_for_a_task_that_wants_what_is_kept_for_a_better_one() -> None:
    tasks = [task("x", limits={"x": 1}), task("y", limits={"y": 1}), perhaps()]
    run = Sim(plan(*tasks, limits={"x": 2, "y": 1}), max_concurrent=4)
    run.submit(task("wide", limits={"x": 2, "y": 1}, priority=LOW))
    run.finish("x")
    run.submit(task("a"), task("b"))
    assert run.running == ["y", "perhaps", "a", "b"]
    run.submit(task("narrow", limits={"x": 1}, priority=LOW))
    assert run.waiting("narrow")[0] == PoolReserved("x", by="wide")
    assert not preempted(run)


def test_as_many_make_room_at_once_as_units_are_wanted_where_slots_are_not_what_is_lacking() -> None:
    guesses = [perhaps(f"p{n}", limits={"gpu": 4}) for n in range(3)]
    run = Sim(plan(*guesses, limits={"gpu": 12}), max_concurrent=9)
    run.submit(*(task(f"a{n}", limits={"gpu": 1}) for n in range(5)))
    assert preempted(run) == ["p2", "p1"]


# Until room was made


def test_what_frees_up_is_not_given_back_to_speculation_before_all_is_there() -> None:
    run = Sim(plan(perhaps("p", limits={"gpu": 1}), perhaps("q"), limits={"gpu": 1}), max_concurrent=2)
    run.submit(task("a", limits={"gpu": 1, MAX_CONCURRENT: 2}))
    assert preempted(run) == ["p", "q"]
    run.finish("q", cancelled())
    assert run.running == ["p"]
    assert run.waiting("q") == (PoolReserved(MAX_CONCURRENT, by="a"),)
    run.finish("p", cancelled())
    assert run.running == ["a"]
    run.finish("a")
    assert run.running == ["p", "q"]
    assert preempted(run) == ["p", "q"], "once each"


@pytest.mark.parametrize(
    ("settings", "because"),
    [
        ({"limits": {"disk": 1}}, PoolReserved("disk", by="a")),
        ({"limits": {"api": 1}}, PoolReserved("api", by="a")),
        ({"locks": ["index"]}, LockHeld("index", (), kept_for="a")),
    ],
)
def test_speculation_does_not_start_where_it_would_have_to_make_room(
    settings: dict[str, Any], because: WaitReason
) -> None:
    run = Sim(
        plan(perhaps("p", limits={"gpu": 1}), limits={"gpu": 1, "disk": 1, "api": Rate(1, per=10.0)}),
    )
    both = {**settings, "limits": {"gpu": 1, **settings.get("limits", {})}}
    run.submit(task("a", **both), perhaps("q", **settings))
    assert (run.running, run.waiting("q")) == (["p"], (because,))
    run.finish("p", cancelled())
    assert run.running == ["a"]


def test_speculation_does_not_probe_where_a_better_task_will() -> None:
    health = Health(min_samples=1, window_s=1.0, when_unhealthy=WhenUnhealthy.PAUSE, cool_down_s=1.0)
    tasks = [perhaps("p", limits={"gpu": 1}), task("bad", limits={"disk": 1})]
    run = Sim(plan(*tasks, limits={"gpu": 1, "disk": Pool(2, health)}))
    run.finish("bad", failed())
    run.submit(task("a", limits={"gpu": 1, "disk": 1}), perhaps("q", limits={"disk": 1}))
    run.pass_to(1.0)
    assert (run.running, preempted(run)) == (["p"], ["p"])
    assert run.waiting("q") == (CircuitProbing("limit `disk`"),)
    run.finish("p", cancelled())
    assert run.running == ["a"]


def test_what_is_left_besides_is_still_used() -> None:
    run = Sim(plan(perhaps("p", limits={"gpu": 1}), limits={"gpu": 1}), max_concurrent=4)
    run.submit(task("a", limits={"gpu": 1, MAX_CONCURRENT: 2}), *(perhaps(f"q{n}") for n in range(3)))
    assert run.running == ["p", "q0", "q1"], "a takes the slot of p and one more"
    run.finish("p", cancelled())
    assert run.running == ["a", "q0", "q1"]


def test_what_was_kept_for_a_task_that_waits_no_more_is_used() -> None:
    run = Sim(plan(perhaps("p", limits={"gpu": 1}), limits={"gpu": 1}), max_concurrent=2)
    run.submit(task("a", limits={"gpu": 1, MAX_CONCURRENT: 2}), perhaps("q"))
    assert run.running == ["p"]
    run.cancel("a")
    assert run.running == ["p", "q"]


def test_speculation_that_waits_for_the_same_as_a_better_task_leaves_what_is_kept_for_that() -> None:
    wide = {"gpu": 1, MAX_CONCURRENT: 3}
    tasks = [task("x", limits={"gpu": 1}), task("y"), perhaps("p"), perhaps("q", limits=wide)]
    run = Sim(plan(*tasks, limits={"gpu": 1}), max_concurrent=3)
    run.submit(task("wide", limits=wide), task("low", needs=["x"], priority=LOW))
    run.finish("x")
    assert run.running == ["y", "p"]
    assert run.waiting("low") == (PoolReserved(MAX_CONCURRENT, by="wide"),)


def test_speculation_that_asks_others_does_not_begin_in_a_place_that_is_wanted_meanwhile() -> None:
    gpu = Pool(1, scope=Scope.MACHINE)
    run = Sim(plan(perhaps(limits={"gpu": 1}), limits={"gpu": gpu}), max_concurrent=1)
    run.submit(task("a"))
    step = run.grant("perhaps")
    assert ReturnShares(0) in step.actions
    assert (run.started, run.state("perhaps")) == (["a"], READY)


# What has made room


def test_what_has_made_room_goes_on_when_there_is_an_idle_slot_with_the_next_number() -> None:
    run = Sim(plan(perhaps()), max_concurrent=1)
    run.submit(task("a"))
    run.finish("perhaps", cancelled())
    run.finish("a")
    starts = [fact.attempt for fact in run.facts if isinstance(fact, AttemptStarted)]
    assert [(attempt.task, attempt.number) for attempt in starts] == [(0, 1), (1, 1), (0, 2)]


@pytest.mark.parametrize("outcome", [cancelled(), failed(), failed(Exited(143))])
def test_an_attempt_that_was_cut_short_has_made_room_whatever_it_says_of_itself(outcome: Outcome) -> None:
    run = Sim(plan(perhaps()), max_concurrent=1)
    run.submit(task("a"))
    run.finish("perhaps", outcome)
    assert run.state("perhaps") is READY
    (ended,) = [fact for fact in run.facts if isinstance(fact, AttemptEnded)]
    assert ended.outcome == Cancelled(Preempted())


def test_an_attempt_that_is_done_before_it_has_made_room_is_done() -> None:
    run = Sim(plan(perhaps()), max_concurrent=1)
    run.submit(task("a"))
    run.finish("perhaps", succeeded(7))
    assert run.outcomes == {"perhaps": succeeded(7)}


def test_an_attempt_that_was_cut_short_does_not_count_against_the_attempts_it_may_have() -> None:
    run = Sim(plan(perhaps(retry=Retry(max_attempts=2, base_s=0.0))), max_concurrent=1)
    for number in range(3):
        run.submit(task(f"a{number}"))
        run.finish("perhaps", cancelled())
        run.finish(f"a{number}")
    run.finish("perhaps", failed())
    assert run.running == ["perhaps"], "it may fail once"
    run.finish("perhaps", failed())
    assert run.outcomes["perhaps"] == failed()


def test_while_speculation_waits_for_an_idle_slot_its_time_stands_still() -> None:
    run = Sim(plan(perhaps(timeout=Timeout(task_s=5.0))), max_concurrent=1)
    run.pass_to(4.0)
    run.submit(task("a"))
    run.finish("perhaps", cancelled())
    run.pass_to(100.0)
    assert run.state("perhaps") is READY
    run.finish("a")
    assert run.wake_at == 105.0


@pytest.mark.parametrize("rest", [Rest.DRAIN, Rest.CANCEL])
def test_what_makes_room_in_a_run_that_ends_meanwhile_is_not_tried_again(rest: Rest) -> None:
    run = Sim(plan(perhaps(), task("a"), policy=Policy(on_failure=rest)), max_concurrent=2)
    run.submit(task("b"))
    run.finish("a", failed())
    run.finish("perhaps", cancelled())
    assert run.outcomes["perhaps"] == Cancelled(RunFailed("a"))


def test_what_makes_room_and_is_taken_back_meanwhile_is_not_tried_again() -> None:
    run = Sim(plan(perhaps()), max_concurrent=1)
    run.submit(task("a"))
    run.cancel("perhaps")
    run.finish("perhaps", cancelled())
    assert run.outcomes == {"perhaps": Cancelled(CancelAsked())}


def test_what_makes_room_and_is_interrupted_meanwhile_is_not_tried_again() -> None:
    run = Sim(plan(perhaps()), max_concurrent=1)
    run.submit(task("a"))
    run.interrupt()
    run.finish("perhaps", cancelled())
    assert run.outcomes["perhaps"] == Cancelled(Interrupted())


def test_the_waste_can_be_told_from_the_facts() -> None:
    run = Sim(plan(perhaps()), max_concurrent=1)
    run.pass_to(3.0)
    run.submit(task("a"))
    run.pass_to(3.5)
    run.finish("perhaps", cancelled())
    run.finish("a")
    run.pass_to(5.0)
    run.close()
    run.finish("perhaps", cancelled())
    assert wasted_s(run.facts) == 5.0


def wasted_s(facts: Sequence[Fact]) -> float:
    began = {fact.attempt: fact.at for fact in facts if isinstance(fact, AttemptStarted)}
    ends = [fact for fact in facts if isinstance(fact, AttemptEnded) and isinstance(fact.outcome, Cancelled)]
    cut = [fact for fact in ends if fact.outcome in (Cancelled(Preempted()), Cancelled(NotNeeded()))]
    return sum(fact.at - began[fact.attempt] for fact in cut)


# Promotion


def test_a_task_that_waits_for_nothing_but_speculation_lends_it_its_priority() -> None:
    run = Sim(plan(task("busy"), task("more"), perhaps()), max_concurrent=1)
    run.submit(task("needs it", needs=["perhaps"], priority=HIGH))
    run.finish("busy")
    assert run.running == ["perhaps"]


def test_while_it_waits_for_something_else_too_speculation_stays_what_it_is() -> None:
    run = Sim(plan(task("first"), perhaps(), task("second", needs=["first", "perhaps"])), max_concurrent=1)
    run.submit(task("more"))
    run.finish("first")
    assert run.scheduler.live[1].key[0] != SPECULATIVE
    assert run.running == ["perhaps"], "its path is longer"


def test_one_of_several_that_a_task_needs_does_not_hold_up_the_promotion_of_another() -> None:
    both = task("both", needs=["p", "q"])
    run = Sim(
        plan(task("busy"), perhaps("p"), perhaps("q"), task("one", needs=["p"]), both), max_concurrent=1
    )
    assert [run.scheduler.live[at].key[0] for at in (1, 2)] == [-2, -2]


def test_what_the_promoted_needs_is_promoted_with_it() -> None:
    run = Sim(plan(task("busy"), perhaps("p"), perhaps("q", needs=["p"])), max_concurrent=1)
    run.submit(task("high", needs=["q"], priority=HIGH), task("normal"))
    assert [run.scheduler.live[at].key[0] for at in (1, 2)] == [-HIGH, -HIGH]
    run.finish("busy")
    assert run.running == ["p"]


def test_the_most_urgent_of_those_who_need_it_counts() -> None:
    run = Sim(plan(task("busy"), perhaps()), max_concurrent=1)
    run.submit(task("low", needs=["perhaps"], priority=LOW), task("high", needs=["perhaps"], priority=HIGH))
    assert run.scheduler.live[1].key[0] == -HIGH


def test_the_promoted_makes_no_room_and_is_made_room_for() -> None:
    run = Sim(plan(perhaps("p"), perhaps("q")), max_concurrent=2)
    run.submit(task("needs it", needs=["q"]))
    run.submit(task("other"))
    assert preempted(run) == ["p"]
    run = Sim(plan(perhaps("p"), perhaps("q")), max_concurrent=1)
    run.submit(task("needs it", needs=["q"]))
    assert preempted(run) == ["p"]


def test_who_is_promoted_while_it_makes_room_starts_again_as_soon_as_it_can() -> None:
    run = Sim(plan(perhaps()), max_concurrent=1)
    run.submit(task("a", priority=HIGH))
    run.submit(task("needs it", needs=["perhaps"]), task("b"))
    run.finish("perhaps", cancelled())
    run.finish("a")
    assert run.running == ["perhaps"]


# Dropped


def test_at_the_end_speculation_is_dropped_and_the_run_is_none_the_worse_for_it() -> None:
    tasks = [perhaps("runs"), perhaps("waits", needs=["runs"]), task("a"), perhaps("late", limits={"gpu": 1})]
    run = Sim(plan(*tasks, perhaps("gpu", limits={"gpu": 1}), limits={"gpu": 1}))
    run.close()
    run.finish("a")
    assert run.outcomes["waits"] == Skipped(NotNeeded())
    run.finish("runs", cancelled())
    run.finish("late", failed())
    assert run.outcomes == {
        "runs": Cancelled(NotNeeded()),
        "waits": Skipped(NotNeeded()),
        "a": succeeded(),
        "late": Cancelled(NotNeeded()),
        "gpu": Skipped(NotNeeded()),
    }
    assert run.ended is RunState.SUCCEEDED


def test_speculation_that_is_done_in_time_is_done() -> None:
    run = Sim(plan(perhaps(), task("a")))
    run.finish("perhaps")
    run.close()
    run.finish("a")
    assert run.outcomes["perhaps"] == succeeded()


def test_speculation_is_dropped_when_all_that_need_it_have_ended() -> None:
    needing = [task("b", needs=["a", "perhaps"]), task("c", needs=["a", "perhaps"])]
    run = Sim(plan(perhaps(), task("a"), *needing))
    run.cancel("b")
    assert not any(isinstance(fact, StopAsked) for fact in run.facts)
    run.finish("a", failed())
    assert run.state("perhaps") is STOPPING
    run.finish("perhaps", cancelled())
    assert run.outcomes["perhaps"] == Cancelled(NotNeeded())


def test_what_only_the_dropped_needed_is_dropped_with_it() -> None:
    tasks = [task("busy"), perhaps("p"), perhaps("q", needs=["p"]), task("a", needs=["busy", "q"])]
    run = Sim(plan(*tasks), max_concurrent=1)
    run.cancel("a")
    assert run.skipped == {"p": NotNeeded(), "q": NotNeeded()}


def test_speculation_is_dropped_in_the_step_that_drops_what_it_was_needed_for() -> None:
    """With `q` gone, half of the group is enough: `b` is left out by that, and nobody needs `p` any more."""
    half = Group(min_required=0.5, when_met=Rest.DRAIN)
    members = [task("a", group="g"), perhaps("q", group="g", needs=["p"]), task("b", group="g", needs=["p"])]
    run = Sim(plan(perhaps("p"), *members, task("c", needs=["q"]), groups={"g": half}))
    run.close()
    run.finish("a")
    run.cancel("c")
    assert run.skipped == {"q": NotNeeded(), "b": GroupMet("g", 1, 1)}
    assert run.state("p") is STOPPING


def test_speculation_that_nobody_has_needed_so_far_is_kept_for_those_who_come() -> None:
    run = Sim(plan(perhaps()))
    run.pass_to(5.0)
    assert run.running == ["perhaps"]
    run.finish("perhaps")
    run.submit(task("a", needs=["perhaps"]))
    assert run.running == ["a"]


def test_what_is_being_dropped_and_needed_after_all_is_tried_again() -> None:
    run = Sim(plan(perhaps(), task("a", needs=["perhaps"])))
    run.cancel("a")
    assert run.state("perhaps") is STOPPING
    run.submit(task("b", needs=["perhaps"]))
    run.finish("perhaps", cancelled())
    assert run.running == ["perhaps"]
    run.finish("perhaps")
    assert run.running == ["b"]


def test_who_needs_what_was_dropped_comes_too_late_and_is_told_so() -> None:
    tasks = [task("busy", priority=HIGH), perhaps(), task("a", needs=["perhaps"])]
    run = Sim(plan(*tasks), max_concurrent=1)
    run.cancel("a")
    run.submit(task("b", needs=["perhaps"]))
    assert run.skipped["b"] == DependencyCancelled("perhaps")
    run.close()
    run.finish("busy")
    assert run.ended is RunState.FAILED


def test_speculation_that_backs_off_is_dropped_like_any_other() -> None:
    run = Sim(plan(perhaps(retry=Retry()), task("a")))
    run.finish("perhaps", failed())
    assert run.state("perhaps") is BACKOFF
    run.close()
    run.finish("a")
    assert run.outcomes["perhaps"] == Cancelled(NotNeeded())
    assert run.ended is RunState.SUCCEEDED


def test_a_group_does_not_miss_those_whom_nobody_needed() -> None:
    groups = {"all": Group(), "two": Group(min_required=2), "half": Group(min_required=0.5)}
    sizes = {"all": 2, "two": 2, "half": 4}
    tasks = [
        task(f"{name} {n}", group=name, speculative=n > 0)
        for name, size in sizes.items()
        for n in range(size)
    ]
    run = Sim(plan(*tasks, groups=groups), max_concurrent=3)
    run.close()
    for name in groups:
        run.finish(f"{name} 0")
    for name in run.running:
        run.finish(name, cancelled())
    assert run.ended is RunState.SUCCEEDED
    assert {name: run.scheduler.failures.met(name) for name in groups} == dict.fromkeys(groups, True)


def test_a_group_that_needs_all_of_it_promotes_its_speculation() -> None:
    run = Sim(plan(perhaps(group="g"), task("a", needs=["g"]), groups={"g": Group()}))
    assert run.scheduler.live[0].key[0] != SPECULATIVE


def test_the_speculation_of_a_group_that_is_met_ends_with_it() -> None:
    group = Group(min_required=1, when_met=Rest.CANCEL)
    run = Sim(plan(perhaps(group="g"), task("a", group="g"), groups={"g": group}))
    run.finish("a")
    run.finish("perhaps", cancelled())
    assert run.outcomes["perhaps"] == Cancelled(GroupMet("g", 1, 1))


# Many


@given(st.data())
def test_whatever_comes_and_goes_nobody_waits_for_speculation(data: st.DataObject) -> None:
    """That it is stopped in time, and not for nothing, is an invariant; here the others get on."""
    run = Sim(plan(limits={"gpu": 2}), max_concurrent=data.draw(st.integers(1, 3)))
    for number in range(data.draw(st.integers(3, 15))):
        limits = data.draw(st.sampled_from([{}, {"gpu": 1}, {"gpu": 2}, {MAX_CONCURRENT: 2}]))
        earlier = [one.id for one in run.plan.tasks]
        needs = data.draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
        locks = data.draw(st.sampled_from([{}, {"index": "shared"}, {"index": "exclusive"}]))
        speculative = data.draw(st.booleans())
        run.submit(task(f"t{number}", limits=limits, needs=needs, locks=locks, speculative=speculative))
        for name in data.draw(st.lists(st.sampled_from(run.running), unique=True)) if run.running else ():
            run.finish(name, cancelled() if run.state(name) is STOPPING else succeeded())
    run.close()
    while run.ended is None:
        name = data.draw(st.sampled_from(run.running))
        run.finish(name, cancelled() if run.state(name) is STOPPING else succeeded())
    assert run.ended is RunState.SUCCEEDED
    for one in run.plan.tasks:
        assert one.speculative or isinstance(run.outcomes[one.id], Succeeded)


def test_what_a_step_costs_does_not_grow_with_the_speculation_that_only_waits() -> None:
    """Counted in looks at tasks, not in seconds."""
    speculation = [perhaps(f"p{n}") for n in range(1000)]
    ordinary = [task(f"a{n}") for n in range(10)]
    run = Sim(plan(*ordinary), max_concurrent=1)
    run.submit(*speculation, *(task(f"b{n}", needs=["a9", f"p{n}"]) for n in range(1000)))
    known = run.scheduler.course.speculation
    assert bool(known)
    assert (known.running(), known.eased) == ([], [])
    run.finish("a0")
    assert (known.running(), known.eased) == ([], []), "nothing is looked at twice"


def test_a_thousand_speculative_tasks_all_make_room_and_go_on() -> None:
    tasks = [perhaps(f"p{n}") for n in range(1000)] + [task(f"a{n}") for n in range(1000)]
    prepared = prepare(plan(*tasks)).tasks
    scheduler = Scheduler(100)
    step = scheduler.step(TasksSubmitted(prepared[:1000]), 0.0)
    assert [type(action) for action in step.actions] == [StartAttempt] * 100
    step = scheduler.step(TasksSubmitted(prepared[1000:]), 1.0)
    assert [type(action) for action in step.actions] == [StopAttempt] * 100
    step = scheduler.step(PlanClosed(), 2.0)
    while scheduler.ended is None:
        running = [node.attempt for node in scheduler.live.values() if node.attempt is not None]
        ends = [AttemptFinished(one, cancelled() if one.task < 1000 else succeeded()) for one in running]
        step = scheduler.steps(ends, 3.0)
    assert scheduler.ended is RunState.SUCCEEDED
