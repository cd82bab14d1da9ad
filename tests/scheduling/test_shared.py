"""Limits and locks that other processes share: who asks for them, and what follows from the answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Limit, Pool
from weft.model.lock import Hold
from weft.model.outcome import Cancelled, Failed, Skipped, Succeeded
from weft.model.plan import Plan
from weft.model.policy import Policy
from weft.model.priority import HIGH, LOW
from weft.model.rate import Rate
from weft.model.reason import (
    AsksOthers,
    CancelAsked,
    CircuitOpen,
    CircuitProbing,
    CouldNotStart,
    GroupLost,
    Interrupted,
    PoolFull,
    PoolReserved,
    RateDue,
    RunTimedOut,
    TakenElsewhere,
    TimedOut,
)
from weft.model.retry import Retry
from weft.model.scope import Scope
from weft.model.speculation import Effects
from weft.model.timeout import Timeout
from weft.planning.prepare import prepare
from weft.scheduling.actions import Action, AskShares, ReturnShares, StartAttempt, StopAsking
from weft.scheduling.events import SharesAnswered, TasksSubmitted
from weft.scheduling.facts import AttemptEnded, AttemptStarted
from weft.scheduling.scheduler import Scheduler, Step
from weft.scheduling.states import RunState, TaskState
from weft.testing import Sim, failed, plan, refused, task

GPU = Pool(2, scope=Scope.MACHINE)
TAKEN = TakenElsewhere("gpu", ("process 7 on here",))


def sharing(*ids: str, policy: Policy | None = None) -> Plan:
    """Return a plan whose tasks all take one unit of a pool that is shared."""
    return plan(*[task(id, limits={"gpu": 1}) for id in ids], limits={"gpu": GPU}, policy=policy)


def shared(step: Step) -> list[Action]:
    """Return what is to be asked of others, or told to them."""
    return [action for action in step.actions if isinstance(action, AskShares | StopAsking | ReturnShares)]


def returned(run: Sim) -> list[ReturnShares]:
    return [action for action in run.actions if isinstance(action, ReturnShares)]


def stopped_asking(run: Sim) -> list[tuple[str, ...]]:
    return [action.shares for action in run.actions if isinstance(action, StopAsking)]


# Asking


def test_a_task_that_needs_what_others_share_asks_for_it_and_has_not_begun() -> None:
    run = Sim(sharing("a"))
    assert (run.asking, run.running, run.started) == (["a"], [], [])
    assert run.state("a") is TaskState.ASKING
    assert run.waiting("a") == (AsksOthers(("gpu",)),)


def test_the_scheduler_orders_the_question_and_starts_nothing() -> None:
    scheduler = Scheduler(1, {"gpu": GPU})
    step = scheduler.step(TasksSubmitted(prepare(sharing("a")).tasks), 0.0)
    assert step.actions == [AskShares(0, ("gpu",))]
    step = scheduler.step(SharesAnswered(0, ("gpu",), granted=True), 1.0)
    assert [type(action) for action in step.actions] == [StartAttempt]


def test_it_asks_for_all_that_is_shared_at_once_limits_and_locks() -> None:
    all_of_it = task(
        "a", limits={"gpu": 1, "api": 2, "own": 1}, locks={"deploy": "exclusive", "mine": "shared"}
    )
    api = Rate(5, per=1.0, scope=Scope.MACHINE)
    run = Sim(plan(all_of_it, limits={"gpu": GPU, "api": api, "own": 1}, locks=["deploy"]))
    assert run.waiting("a") == (AsksOthers(("api", "gpu", "deploy")),)


def test_a_limit_and_a_lock_of_one_name_are_two_things() -> None:
    both = task("a", limits={"gpu": 1}, locks=["gpu"])
    assert Sim(plan(both, limits={"gpu": 1}, locks=["gpu"])).waiting("a") == (AsksOthers(("gpu",)),)
    assert Sim(plan(both, limits={"gpu": GPU})).waiting("a") == (AsksOthers(("gpu",)),)
    assert Sim(plan(both, limits={"gpu": GPU}, locks=["gpu"])).waiting("a") == (AsksOthers(("gpu", "gpu")),)


def test_a_task_that_shares_nothing_does_not_ask() -> None:
    run = Sim(plan(task("a"), task("b", limits={"own": 1}), limits={"gpu": GPU, "own": 1}))
    assert (run.asking, run.running) == ([], ["a", "b"])


def test_what_was_granted_starts_the_attempt() -> None:
    run = Sim(sharing("a"))
    run.clock.advance_to(2.0)
    run.grant("a")
    assert (run.asking, run.running) == ([], ["a"])
    assert [fact.at for fact in run.facts if isinstance(fact, AttemptStarted)] == [2.0]


def test_it_asks_only_when_it_has_all_that_it_needs_in_its_run() -> None:
    run = Sim(plan(task("a"), task("b", limits={"gpu": 1}), limits={"gpu": GPU}), max_concurrent=1)
    assert (run.running, run.asking) == (["a"], [])
    assert run.waiting("b") == (PoolFull("max_concurrent", free=0, asked=1),)
    run.finish("a")
    assert run.asking == ["b"]


def test_who_asks_holds_its_units_and_locks_in_its_run() -> None:
    asks = task("a", limits={"gpu": 1, "own": 1}, locks=["mine"])
    others = (task("b", limits={"own": 1}), task("c", locks=["mine"]))
    run = Sim(plan(asks, *others, limits={"gpu": GPU, "own": 1}))
    assert (run.asking, run.running) == (["a"], [])
    assert run.waiting("b") == (PoolFull("own", free=0, asked=1),)


def test_one_task_at_a_time_asks_for_the_same() -> None:
    run = Sim(sharing("a", "b", "c"))
    assert run.asking == ["a"]
    assert run.waiting("b") == (AsksOthers(("gpu",)),)
    run.grant("a")
    assert (run.asking, run.running) == (["b"], ["a"])
    run.grant("b")
    assert (run.asking, run.running) == (["c"], ["a", "b"])


def test_tasks_that_ask_for_different_things_ask_at_the_same_time() -> None:
    tasks = (
        task("a", limits={"gpu": 1}),
        task("b", locks=["deploy"]),
        task("c", limits={"gpu": 1}, locks=["deploy"]),
    )
    assert Sim(plan(*tasks, limits={"gpu": GPU}, locks=["deploy"])).asking == ["a", "b", "c"]


def test_the_best_asks_first() -> None:
    tasks = (
        task("low", limits={"gpu": 1}, priority=LOW),
        task("late", limits={"gpu": 1}),
        task("long", limits={"gpu": 1}, duration_s=9.0),
        task("high", limits={"gpu": 1}, priority=HIGH),
    )
    run = Sim(plan(*tasks, limits={"gpu": GPU}))
    for name in ("high", "long", "late", "low"):
        assert run.asking == [name]
        run.grant(name)


# A no


def test_who_is_refused_waits_and_is_told_who_has_it() -> None:
    run = Sim(sharing("a"))
    run.refuse("a", TAKEN)
    assert (run.state("a"), run.asking) == (TaskState.READY, [])
    assert run.waiting("a") == (TAKEN,)


def test_nobody_asks_again_until_something_may_be_free() -> None:
    run = Sim(sharing("a", "b"))
    run.refuse("a", TAKEN)
    assert (run.asking, run.waiting("b")) == ([], (TAKEN,))
    run.submit(task("c", limits={"gpu": 1}))
    assert run.asking == []
    run.share_again("gpu")
    assert run.asking == ["a"]
    assert run.waiting("b") == (AsksOthers(("gpu",)),)


def test_the_best_asks_next_though_another_was_refused() -> None:
    run = Sim(sharing("a"))
    run.refuse("a", TAKEN)
    run.submit(task("b", limits={"gpu": 1}, priority=HIGH))
    run.share_again("gpu")
    assert run.asking == ["b"]


def test_who_is_refused_gives_back_what_it_has_taken_in_its_run() -> None:
    asks = task("a", limits={"gpu": 1, "own": 1}, locks=["mine"])
    others = (task("b", limits={"own": 1}), task("c", locks=["mine"]), task("d"))
    run = Sim(plan(asks, *others, limits={"gpu": GPU, "own": 1}), max_concurrent=3)
    assert run.running == ["d"]
    run.refuse("a", TAKEN)
    assert run.running == ["b", "c", "d"]
    run.share_again("gpu")
    assert run.asking == []
    assert PoolFull("own", free=0, asked=1) in run.waiting("a")


def test_nothing_is_kept_for_those_whom_others_keep_from_starting() -> None:
    wide = task("wide", limits={"gpu": 1, "own": 2})
    narrow = [task(name, limits={"own": 1}) for name in ("b", "c")]
    asks = task("asks", limits={"gpu": 1}, duration_s=0.0)
    run = Sim(plan(task("a", limits={"own": 1}), wide, asks, limits={"gpu": GPU, "own": 2}))
    run.submit(*narrow)
    assert (run.running, run.asking) == (["a"], ["asks"])
    assert run.waiting("b") == (PoolReserved("own", "wide"),), "a question takes but a moment"
    run.refuse("asks", TAKEN)
    assert run.running == ["a", "b"]
    assert run.waiting("wide") == (TAKEN, PoolFull("own", free=0, asked=2))


def test_what_a_rate_of_the_run_let_through_is_undone_by_a_no() -> None:
    both = task("a", limits={"api": 1, "gpu": 1})
    run = Sim(plan(both, task("b", limits={"api": 1}), limits={"gpu": GPU, "api": Rate(1, per=10.0)}))
    assert run.waiting("b") == (RateDue("api", 1, 10.0),)
    run.refuse("a", TAKEN)
    assert run.running == ["b"]


def test_a_rate_of_the_run_counts_from_the_start_and_not_from_the_question() -> None:
    both = task("a", limits={"api": 1, "gpu": 1})
    run = Sim(plan(both, task("b", limits={"api": 1}), limits={"gpu": GPU, "api": Rate(1, per=10.0)}))
    run.clock.advance_to(4.0)
    run.grant("a")
    assert run.waiting("b") == (RateDue("api", 1, 14.0),)
    run.pass_to(14.0)
    assert run.running == ["a", "b"]


def test_what_is_granted_when_a_rate_of_the_run_has_no_room_any_more_is_given_back() -> None:
    both, long = task("a", limits={"api": 1, "gpu": 1}), task("b", limits={"api": 1})
    run = Sim(plan(both, long, limits={"gpu": GPU, "api": Rate(1, per=10.0)}))
    run.pass_to(10.0)
    assert (run.asking, run.running) == (["a"], ["b"]), "it asks for longer than the rate's span"
    assert shared(run.grant("a")) == [ReturnShares(0, None)]
    run.pass_to(20.0)
    assert run.asking == ["a"]


def test_a_problem_fails_the_task_and_the_next_one_asks() -> None:
    run = Sim(sharing("a", "b"))
    run.refuse("a", problem="can't use limits.db")
    assert run.outcomes == {"a": Failed(CouldNotStart("can't use limits.db"))}
    assert run.asking == ["b"]


# Giving back


def test_what_was_granted_is_given_back_when_the_attempt_ends() -> None:
    run = Sim(sharing("a", "b"))
    run.grant("a")
    run.grant("b")
    node = run.scheduler.live[0]
    assert node.attempt is not None
    run.finish("a")
    assert returned(run) == [ReturnShares(0, {})]


def test_what_it_has_cost_is_told_with_it() -> None:
    api = Rate(9, per=1.0, scope=Scope.MACHINE)
    run = Sim(plan(task("a", limits={"api": 2}, retry=Retry(2, base_s=0.0)), limits={"api": api}))
    run.grant("a")
    run.tell("a", api=7)
    run.finish("a", failed())
    run.pass_to(0.0)
    run.grant("a")
    run.finish("a")
    assert returned(run) == [ReturnShares(0, {"api": 7}), ReturnShares(0, {})], (
        "each attempt has its own costs"
    )


def test_of_several_rates_the_one_that_refused_is_told() -> None:
    rates: dict[str, Limit] = {
        "ours": Rate(9, per=1.0, refused_on=(1,)),
        "one": Rate(9, per=1.0, refused_on=(1,), scope=Scope.MACHINE),
        "two": Rate(9, per=1.0, scope=Scope.MACHINE),
    }
    run = Sim(plan(task("a", limits=dict.fromkeys(rates, 1)), limits=rates))
    run.grant("a")
    run.finish("a", failed(retry_after_s=3.0))
    assert returned(run) == [ReturnShares(0, {}, ("one",), 3.0)]


def test_an_exception_refuses_for_all_rates_of_the_task() -> None:
    rates = {name: Rate(9, per=1.0, scope=Scope.MACHINE) for name in ("one", "two")}
    run = Sim(plan(task("a", limits=dict.fromkeys(rates, 1)), limits=rates))
    run.grant("a")
    run.finish("a", refused(2.0))
    assert returned(run) == [ReturnShares(0, {}, ("one", "two"), 2.0)]


def test_a_task_that_shares_nothing_gives_nothing_back() -> None:
    run = Sim(plan(task("a"), limits={"gpu": GPU}))
    run.finish("a")
    assert returned(run) == []


# Ended while it asks, or waits after a no


@pytest.mark.parametrize("is_refused", [False, True])
def test_who_is_cancelled_leaves_the_queue(is_refused: bool) -> None:
    run = Sim(sharing("a", "b"))
    if is_refused:
        run.refuse("a", TAKEN)
    run.cancel("a")
    assert run.outcomes == {"a": Cancelled(CancelAsked())}
    assert stopped_asking(run) == [("gpu",)]
    assert run.asking == [], "the next one asks when the answer is there, or the queue was left"


def test_what_is_granted_too_late_is_given_back_and_has_cost_nothing() -> None:
    run = Sim(sharing("a", "b"))
    run.cancel("a")
    assert shared(run.grant("a")) == [ReturnShares(0, None), AskShares(1, ("gpu",))]
    assert run.started == []


def test_a_no_that_comes_too_late_changes_nothing() -> None:
    run = Sim(sharing("a", "b"))
    run.cancel("a")
    assert shared(run.refuse("a", TAKEN)) == []
    assert run.waiting("b") == (AsksOthers(("gpu",)),)
    assert shared(run.share_again("gpu")) == [AskShares(1, ("gpu",))]


def test_a_problem_that_comes_too_late_lets_the_next_one_ask() -> None:
    run = Sim(sharing("a", "b"))
    run.cancel("a")
    assert shared(run.refuse("a", problem="no file")) == [AskShares(1, ("gpu",))]


def test_a_task_that_was_refused_leaves_the_queue_only_if_nobody_has_asked_after_it() -> None:
    run = Sim(sharing("a"))
    run.refuse("a", TAKEN)
    run.submit(task("b", limits={"gpu": 1}, priority=HIGH))
    run.share_again("gpu")
    run.refuse("b", TAKEN)
    run.cancel("a")
    assert stopped_asking(run) == []
    run.cancel("b")
    assert stopped_asking(run) == [("gpu",)]


def test_what_it_had_taken_is_free_for_others() -> None:
    run = Sim(plan(task("a", limits={"gpu": 1}), task("b"), limits={"gpu": GPU}), max_concurrent=1)
    assert (run.asking, run.running) == (["a"], [])
    run.cancel("a")
    assert run.running == ["b"]


@pytest.mark.parametrize("is_refused", [False, True])
def test_an_interrupt_skips_those_who_ask(is_refused: bool) -> None:
    run = Sim(sharing("a", "b"))
    if is_refused:
        run.refuse("a", TAKEN)
    run.close()
    run.interrupt(signal=2)
    assert run.outcomes == dict.fromkeys("ab", Skipped(Interrupted(2)))
    assert (run.ended, stopped_asking(run)) == (RunState.INTERRUPTED, [("gpu",)])


def test_the_run_may_end_while_somebody_asks() -> None:
    run = Sim(sharing("a", policy=Policy(timeout_s=5.0)))
    run.close()
    run.pass_to(5.0)
    assert run.outcomes == {"a": Skipped(RunTimedOut(5.0))}
    assert run.ended is RunState.FAILED


def test_the_time_of_a_task_may_be_over_while_it_asks_for_another_attempt() -> None:
    timed = task("a", limits={"gpu": 1}, retry=Retry(5, base_s=0.0), timeout=Timeout(task_s=3.0))
    run = Sim(plan(timed, limits={"gpu": GPU}))
    run.grant("a")
    run.finish("a", failed())
    run.pass_to(2.0)
    assert run.asking == ["a"]
    run.pass_to(3.0)
    assert run.outcomes == {"a": Failed(TimedOut(3.0, True))}
    assert stopped_asking(run) == [("gpu",)]


def test_the_time_of_an_attempt_begins_with_its_start() -> None:
    timed = task("a", limits={"gpu": 1}, timeout=Timeout(attempt_s=3.0))
    run = Sim(plan(timed, limits={"gpu": GPU}))
    run.pass_to(10.0)
    run.grant("a")
    run.pass_to(12.9)
    assert run.state("a") is TaskState.RUNNING
    run.pass_to(13.0)
    assert run.state("a") is TaskState.STOPPING


def test_a_group_that_is_lost_takes_those_who_ask_with_it() -> None:
    members = (task("a", group="g"), task("b", limits={"gpu": 1}, group="g"))
    group = Group(min_required=2, when_lost=Rest.DRAIN)
    run = Sim(plan(*members, limits={"gpu": GPU}, groups={"g": group}))
    run.finish("a", failed())
    run.close()
    assert run.outcomes["b"] == Skipped(GroupLost("g", 0, 2))
    assert stopped_asking(run) == [("gpu",)]


def test_another_attempt_asks_again() -> None:
    run = Sim(plan(task("a", limits={"gpu": 1}, retry=Retry(2, base_s=1.0)), limits={"gpu": GPU}))
    run.grant("a")
    run.finish("a", failed())
    run.pass_to(2.0)
    assert run.asking == ["a"]
    run.grant("a")
    run.finish("a")
    assert run.outcomes == {"a": Succeeded()}


# With circuits


def watched(**limits: Limit) -> Sim:
    """Return a run in which a failure of `a` opens the circuit, for ten seconds, while `b` asks."""
    health = Health(0.5, window=4, min_samples=1, when_unhealthy=WhenUnhealthy.PAUSE, cool_down_s=10.0)
    tasks = (task("a"), task("b", limits={"gpu": 1}), task("c", limits={"tpu": 1}))
    return Sim(plan(*tasks, limits={"gpu": GPU, "tpu": GPU}, policy=Policy(health=health)))


def test_what_is_granted_when_a_circuit_has_opened_is_given_back() -> None:
    run = watched()
    run.finish("a", failed())
    assert shared(run.grant("b")) == [ReturnShares(1, None)]
    assert (run.state("b"), run.running) == (TaskState.READY, [])
    assert run.waiting("b") == (CircuitOpen("the run", 1.0, 10.0),)


def test_the_one_that_asks_is_the_probe_and_no_other() -> None:
    run = watched()
    run.finish("a", failed())
    run.pass_to(10.0)
    run.grant("b")
    assert run.running == [], "it had asked before the circuit opened"
    assert run.asking == ["b", "c"], "one of them as the probe"
    run.refuse("c", TAKEN)
    assert run.asking == ["b"]
    assert CircuitProbing("the run") in run.waiting("c")
    run.grant("b")
    assert run.running == ["b"]
    run.finish("b")
    run.share_again("tpu")
    assert run.asking == ["c"]


def test_a_probe_that_is_refused_lets_another_task_be_the_probe() -> None:
    run = watched()
    run.finish("a", failed())
    run.refuse("b", TAKEN)
    run.refuse("c", TAKEN)
    run.pass_to(10.0)
    run.share_again("tpu")
    assert run.asking == ["c"]
    run.refuse("c", TAKEN)
    run.share_again("gpu")
    assert run.asking == ["b"]
    run.cancel("b")
    run.share_again("tpu")
    assert run.asking == ["c"]


# With speculation


def test_speculation_that_asks_may_be_dropped() -> None:
    guess = task("guess", limits={"gpu": 1}, speculative=True, effects=Effects.PURE)
    run = Sim(plan(guess, task("user", needs=["guess"]), limits={"gpu": GPU}))
    run.cancel("user")
    assert list(run.outcomes) == ["guess", "user"]
    assert stopped_asking(run) == [("gpu",)]


# All of it


def ids(run: Sim, states: Sequence[TaskState]) -> list[str]:
    return [task.id for task in run.plan.tasks if run.state(task.id) in states]


@given(st.data())
def test_whatever_others_answer_all_tasks_come_to_their_end(data: st.DataObject) -> None:
    limits: dict[str, Limit] = {"gpu": GPU, "own": Pool(2), "api": Rate(2, per=1.0)}
    takes = st.dictionaries(st.sampled_from(sorted(limits)), st.integers(1, 2))
    holds = st.dictionaries(st.sampled_from(["deploy", "mine"]), st.sampled_from(Hold))
    tasks = [
        task(
            f"t{number}",
            limits=data.draw(takes),
            locks=data.draw(holds),
            priority=data.draw(st.sampled_from([LOW, HIGH])),
        )
        for number in range(data.draw(st.integers(1, 8)))
    ]
    run = Sim(plan(*tasks, limits=limits, locks=["deploy"]), max_concurrent=3)
    run.close()
    refusals = {name: data.draw(st.integers(0, 2)) for name in (task.id for task in tasks)}
    closed: list[tuple[str, ...]] = []
    while run.ended is None:
        choices = [("grant", name) for name in run.asking] + [("finish", name) for name in run.running]
        choices += [("refuse", name) for name in run.asking if refusals[name]]
        choices += [("again", "")] * bool(closed) + [("time", "")] * (run.wake_at is not None)
        assert choices, f"nothing can happen, and these live: {sorted(run.scheduler.live)}"
        what, name = data.draw(st.sampled_from(choices))
        if what == "refuse":
            refusals[name] -= 1
            closed.append(run.scheduler.admission.shares.of(run.plan.tasks[int(name[1:])]))
            run.refuse(name, TAKEN)
        elif what == "again":
            run.share_again(*closed.pop(0))
        elif what == "time":
            run.wake()
        else:
            getattr(run, what)(name)
    assert run.ended is RunState.SUCCEEDED
    used = [action.task for action in returned(run) if action.costs is not None]
    assert used == [
        fact.attempt.task
        for fact in run.facts
        if isinstance(fact, AttemptEnded)
        and run.scheduler.admission.shares.of(run.plan.tasks[fact.attempt.task])
    ]
