"""The error rate of the latest attempts, and what is done when it is too high."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.attempt import Attempt
from weft.model.group import Group
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Pool
from weft.model.policy import Policy
from weft.model.priority import HIGH, LOW
from weft.model.reason import (
    CircuitOpen,
    CircuitProbing,
    Exited,
    PoolFull,
    Unhealthy,
)
from weft.model.retry import Retry
from weft.model.timeout import Timeout
from weft.scheduling.facts import GroupDecided, HealthChanged, RunStopping
from weft.scheduling.health import Circuit, Monitor
from weft.scheduling.states import RunState
from weft.testing import Sim, cancelled, failed, plan, task

CLOSED, OPEN, HALF_OPEN = Circuit
WARN, PAUSE, STOP = WhenUnhealthy


def pausing(max_error_rate: float = 0.5, min_samples: int = 2, window: int = 4) -> Health:
    return Health(
        max_error_rate, window=window, min_samples=min_samples, when_unhealthy=PAUSE, cool_down_s=10.0
    )


def circuit(run: Sim) -> Circuit:
    return run.scheduler.monitors.all[0].circuit


def told(run: Sim) -> list[tuple[float, Circuit, bool]]:
    """Return when which circuit was told of, and whether all was healthy."""
    facts = [fact for fact in run.facts if isinstance(fact, HealthChanged)]
    return [(fact.at, fact.circuit, fact.healthy) for fact in facts]


def fed(health: Health, *samples: tuple[float, bool]) -> Monitor:
    """Return a monitor that has seen attempts end, each with its moment and its success."""
    monitor = Monitor("the run", health)
    for number, (moment, success) in enumerate(samples):
        monitor.ended(Attempt(number), success, moment)
    return monitor


# What is healthy


@given(
    st.floats(0.01, 1),
    st.integers(1, 8),
    st.integers(1, 8),
    st.lists(st.booleans(), max_size=30),
)
def test_healthy_is_an_error_rate_below_the_largest_of_the_latest_attempts(
    max_error_rate: float, window: int, min_samples: int, successes: list[bool]
) -> None:
    monitor = Monitor("the run", Health(max_error_rate, window=window, min_samples=min_samples))
    for n, success in enumerate(successes, start=1):
        monitor.ended(Attempt(n), success, float(n))
        latest = successes[max(0, n - window) : n]
        error_rate = latest.count(False) / len(latest)
        assert monitor.error_rate == error_rate
        assert monitor.healthy == (len(latest) < min_samples or error_rate < max_error_rate)
        assert (monitor.completed, monitor.failed) == (n, successes[:n].count(False))
        assert monitor.circuit is CLOSED


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 3.0]), st.booleans()), max_size=30))
def test_a_window_of_time_looks_at_the_attempts_that_ended_within_it(
    ends: list[tuple[float, bool]],
) -> None:
    monitor = Monitor("the run", Health(0.5, window_s=2.0, min_samples=2))
    now, samples = 0.0, []
    for number, (span_s, success) in enumerate(ends):
        now += span_s
        samples.append((now, success))
        monitor.ended(Attempt(number), success, now)
        latest = [success for moment, success in samples if moment >= now - 2.0]
        assert monitor.error_rate == latest.count(False) / len(latest)
        assert monitor.healthy == (len(latest) < 2 or latest.count(False) / len(latest) < 0.5)


def test_half_of_the_attempts_is_one_too_many_where_half_is_allowed() -> None:
    health = Health(0.5, min_samples=2)
    assert fed(health, (0.0, True), (0.0, True), (0.0, False)).healthy
    assert not fed(health, (0.0, True), (0.0, False)).healthy


def test_nothing_is_said_about_too_few_attempts() -> None:
    assert fed(Health(0.1, min_samples=3), (0.0, False), (0.0, False)).healthy
    assert not fed(Health(0.1, min_samples=3), (0.0, False), (0.0, False), (0.0, False)).healthy


def test_an_attempt_that_was_cut_short_says_nothing() -> None:
    health = Health(0.5, min_samples=1)
    run = Sim(plan(task("a"), task("b"), policy=Policy(health=health)))
    run.finish("a", cancelled())
    monitor = run.scheduler.monitors.all[0]
    assert (monitor.completed, monitor.error_rate, monitor.healthy) == (0, 0.0, True)


def test_every_attempt_counts_and_not_only_the_last() -> None:
    run = Sim(plan(task("a", retry=Retry()), policy=Policy(health=Health(0.5, min_samples=3))))
    run.play({"a": [failed(), failed()]})
    assert run.ended is RunState.SUCCEEDED
    last = [fact for fact in run.facts if isinstance(fact, HealthChanged)][-1]
    assert (last.healthy, last.completed, last.failed) == (False, 3, 2)


def test_a_timed_out_attempt_is_a_failure() -> None:
    health = Health(0.5, min_samples=1)
    run = Sim(plan(task("a", timeout=Timeout(attempt_s=1.0)), policy=Policy(health=health)))
    run.pass_to(1.0)
    run.finish("a", cancelled())
    assert not run.scheduler.monitors.all[0].healthy


# Warn


def test_a_warning_is_told_when_it_begins_and_when_it_ends_and_changes_nothing() -> None:
    health = Health(0.5, window=2, min_samples=2)
    tasks = [task(f"t{n}") for n in range(5)]
    run = Sim(plan(*tasks, policy=Policy(health=health)), max_concurrent=1)
    run.play({"t0": failed(), "t1": failed()})
    assert told(run) == [(2.0, CLOSED, False), (4.0, CLOSED, True)]
    assert run.started == [one.id for one in tasks]


# Pause


def broken(n_more: int = 3) -> Sim:
    """Return a run whose circuit has opened at 1.0: two attempts failed, three are on their way."""
    names = ["bad", "worse", "slow", "slower", *(f"t{n}" for n in range(n_more))]
    run = Sim(plan(*(task(name) for name in names), policy=Policy(health=pausing())), max_concurrent=4)
    run.clock.advance(1.0)
    run.finish("bad", failed())
    assert circuit(run) is CLOSED
    assert run.running == ["worse", "slow", "slower", "t0"]
    run.finish("worse", failed())
    return run


def test_a_closed_circuit_opens_when_too_many_attempts_fail_and_then_nothing_starts() -> None:
    run = broken()
    assert circuit(run) is OPEN
    assert told(run) == [(1.0, OPEN, False)]
    assert run.running == ["slow", "slower", "t0"]
    assert run.waiting("t1") == (CircuitOpen("the run", 1.0, due=11.0),)
    assert run.wake_at == 11.0


def test_attempts_that_were_on_their_way_when_it_opened_decide_nothing() -> None:
    run = broken()
    run.finish("slow")
    assert circuit(run) is OPEN
    run.pass_to(11.0)
    assert circuit(run) is HALF_OPEN
    assert run.running == ["slower", "t0", "t1"]
    run.finish("slower")
    run.finish("t0", failed())
    assert circuit(run) is HALF_OPEN
    assert told(run) == [(1.0, OPEN, False), (11.0, HALF_OPEN, False)]


def test_after_the_cool_down_exactly_one_attempt_is_let_through() -> None:
    run = broken()
    run.pass_to(10.9)
    assert "t1" not in run.running
    run.pass_to(11.0)
    assert run.running == ["slow", "slower", "t0", "t1"]
    run.finish("slow")
    assert run.running == ["slower", "t0", "t1"], "a slot is free, and t2 does not start"
    assert run.waiting("t2") == (CircuitProbing("the run"),)
    assert run.wake_at is None


def test_the_circuit_closes_when_the_probe_succeeds_and_all_begins_anew() -> None:
    run = broken(n_more=5)
    run.pass_to(11.0)
    run.finish("slow")
    run.finish("t1")
    assert circuit(run) is CLOSED
    assert told(run)[2:] == [(11.0, CLOSED, True)]
    assert run.running == ["slower", "t0", "t2", "t3"]
    run.finish("t2", failed())
    assert circuit(run) is CLOSED, "the failures of before are forgotten"
    run.finish("t3", failed())
    assert circuit(run) is OPEN


def test_the_circuit_opens_again_when_the_probe_fails() -> None:
    run = broken()
    run.pass_to(12.0)
    run.finish("t1", failed())
    assert circuit(run) is OPEN
    assert told(run)[2:] == [(12.0, OPEN, False)]
    assert run.wake_at == 22.0
    run.pass_to(22.0)
    assert run.running == ["slow", "slower", "t0", "t2"]


def test_a_probe_that_is_cancelled_lets_another_through() -> None:
    run = broken()
    run.pass_to(11.0)
    run.cancel("t1")
    assert "t2" not in run.running
    run.finish("t1", cancelled())
    assert circuit(run) is HALF_OPEN
    assert "t2" in run.running


def test_a_probe_that_takes_too_long_has_failed() -> None:
    health = pausing(min_samples=1)
    tasks = [task("bad"), task("probe", timeout=Timeout(attempt_s=5.0))]
    run = Sim(plan(*tasks, policy=Policy(health=health)), max_concurrent=1)
    run.finish("bad", failed())
    run.pass_to(15.0)
    run.finish("probe", cancelled())
    assert circuit(run) is OPEN


def test_when_nobody_waits_a_half_open_circuit_waits_for_the_next_to_come() -> None:
    run = Sim(plan(task("bad"), policy=Policy(health=pausing(min_samples=1))))
    run.finish("bad", failed())
    run.pass_to(100.0)
    assert circuit(run) is HALF_OPEN
    run.submit(task("a"), task("b"))
    assert run.running == ["a"]


def test_the_first_in_the_order_of_choice_is_the_probe() -> None:
    tasks = [task("bad", priority=HIGH), task("low", priority=LOW), task("urgent", priority=HIGH)]
    run = Sim(plan(*tasks, policy=Policy(health=pausing(min_samples=1))), max_concurrent=1)
    run.finish("bad", failed())
    run.pass_to(10.0)
    assert run.running == ["urgent"]


def test_a_retry_is_a_probe_as_well() -> None:
    run = Sim(plan(task("a", retry=Retry()), policy=Policy(health=pausing(min_samples=1))))
    run.finish("a", failed())
    run.pass_to(9.0)
    assert run.running == []
    assert run.waiting("a") == (CircuitOpen("the run", 1.0, 10.0),)
    run.pass_to(10.0)
    run.finish("a")
    assert circuit(run) is CLOSED


def test_without_a_cool_down_the_next_attempt_is_the_probe() -> None:
    health = Health(0.5, min_samples=1, when_unhealthy=PAUSE, cool_down_s=0.0)
    run = Sim(plan(*(task(name) for name in "abc"), policy=Policy(health=health)), max_concurrent=2)
    run.finish("a", failed())
    assert told(run) == [(0.0, OPEN, False), (0.0, HALF_OPEN, False)]
    assert run.running == ["b", "c"]


def test_a_run_under_an_open_circuit_ends_all_the_same() -> None:
    tasks = [task(f"t{n}") for n in range(6)]
    run = Sim(plan(*tasks, policy=Policy(health=pausing())), max_concurrent=1)
    assert run.play(dict.fromkeys(("t0", "t1", "t2"), failed())) == 2 + 10 + 1 + 10 + 3
    assert [state for _, state, _ in told(run)] == [OPEN, HALF_OPEN, OPEN, HALF_OPEN, CLOSED]
    assert run.wake_at is None


# What is watched: the run, a group, a limit


def test_only_what_a_group_holds_is_watched_and_paused() -> None:
    groups = {"g": Group(critical=False, health=pausing())}
    tasks = [task(f"g{n}", group="g") for n in range(4)] + [task(f"t{n}") for n in range(3)]
    run = Sim(plan(*tasks, groups=groups), max_concurrent=2)
    run.finish("g0", failed())
    run.finish("g1", failed())
    assert run.running == ["g2", "t0"], "g2 was on its way"
    assert run.waiting("g3") == (CircuitOpen("group `g`", 1.0, 10.0), PoolFull("max_concurrent", 0, 1))
    run.finish("g2")
    assert run.running == ["t0", "t1"]
    run.finish("t0", failed())
    assert run.scheduler.monitors.all[0].completed == 3


def test_a_group_watches_the_groups_inside_it_and_not_the_one_around_it() -> None:
    groups = {
        "outer": Group(critical=False),
        "middle": Group(group="outer", health=pausing(min_samples=1)),
        "inner": Group(group="middle"),
    }
    tasks = [task("bad", group="inner"), task("in", group="inner"), task("mid", group="middle")]
    run = Sim(plan(*tasks, task("out", group="outer"), groups=groups), max_concurrent=1)
    run.finish("bad", failed())
    assert run.running == ["out"]
    assert run.waiting("in")[0] == run.waiting("mid")[0] == CircuitOpen("group `middle`", 1.0, 10.0)


def test_a_limit_is_watched_with_all_that_use_it() -> None:
    tasks = [task(name, limits={"api": 1}) for name in ("a", "b", "c")] + [task("free")]
    run = Sim(plan(*tasks, limits={"api": Pool(2, health=pausing())}))
    run.finish("a", failed())
    run.finish("b", failed())
    assert run.running == ["c", "free"], "c was on its way"
    run.submit(task("d", limits={"api": 1}), task("e"))
    assert run.running == ["c", "free", "e"]
    assert run.waiting("d") == (CircuitOpen("limit `api`", 1.0, 10.0),)


def test_a_task_under_two_circuits_waits_for_both() -> None:
    groups = {"g": Group(critical=False, health=pausing(min_samples=1))}
    limits: dict[str, int | Pool] = {"api": Pool(2, health=pausing(min_samples=1))}
    both = task("both", group="g", limits={"api": 1})
    run = Sim(plan(task("in", group="g"), task("use", limits={"api": 1}), groups=groups, limits=limits))
    run.finish("in", failed())
    run.clock.advance(5.0)
    run.finish("use", failed())
    run.submit(both)
    assert run.waiting("both") == (
        CircuitOpen("group `g`", 1.0, 10.0),
        CircuitOpen("limit `api`", 1.0, 15.0),
    )
    run.pass_to(10.0)
    assert run.waiting("both") == (CircuitOpen("limit `api`", 1.0, 15.0),)
    run.pass_to(15.0)
    assert run.running == ["both"]
    run.finish("both")
    assert [monitor.circuit for monitor in run.scheduler.monitors.all] == [CLOSED, CLOSED]


def test_a_wide_task_under_an_open_circuit_keeps_no_units_from_others() -> None:
    groups = {"g": Group(critical=False, health=pausing(min_samples=1))}
    bad = task("bad", group="g")
    wide = task("wide", group="g", limits={"gpu": 2}, priority=HIGH)
    run = Sim(plan(bad, task("long", limits={"gpu": 1}), groups=groups, limits={"gpu": 2}))
    run.submit(wide)
    run.submit(task("narrow", limits={"gpu": 1}))
    assert run.waiting("narrow"), "what is free is kept for the wide one"
    run.finish("bad", failed())
    assert run.running == ["long", "narrow"]
    run.finish("narrow")
    run.submit(task("other", limits={"gpu": 1}))
    assert run.running == ["long", "other"]


def test_a_wide_task_behind_a_probe_keeps_no_units_from_others() -> None:
    groups = {"g": Group(critical=False, health=pausing(min_samples=1))}
    tasks = [task("bad", group="g"), task("long", limits={"gpu": 1})]
    run = Sim(plan(*tasks, groups=groups, limits={"gpu": 2}))
    run.finish("bad", failed())
    run.submit(task("wide", group="g", limits={"gpu": 2}, priority=HIGH), task("probe", group="g"))
    run.pass_to(10.0)
    assert run.running == ["long", "probe"], "who lacks units does not keep others from being the probe"
    run.submit(task("narrow", limits={"gpu": 1}))
    assert run.running == ["long", "probe", "narrow"]


# Stop


def stopping(max_error_rate: float = 0.5, min_samples: int = 2) -> Health:
    return Health(max_error_rate, min_samples=min_samples, when_unhealthy=STOP)


def test_an_unhealthy_run_is_given_up() -> None:
    run = Sim(plan(*(task(name) for name in "abcd"), policy=Policy(health=stopping())), max_concurrent=3)
    run.close()
    run.finish("a", failed())
    run.finish("b", failed(Exited(2)))
    because = Unhealthy("the run", 1.0)
    assert RunStopping(0.0, because) in run.facts
    run.finish("c", cancelled())
    run.finish("d", cancelled())
    assert run.outcomes == {
        "a": failed(),
        "b": failed(Exited(2)),
        "c": cancelled(because),
        "d": cancelled(because),
    }
    assert run.ended is RunState.FAILED


def test_a_failure_that_makes_the_run_unhealthy_is_not_tried_again() -> None:
    health = stopping(min_samples=1)
    run = Sim(plan(task("a", retry=Retry()), task("b"), policy=Policy(health=health)), max_concurrent=1)
    run.finish("a", failed())
    assert run.outcomes["a"] == failed()
    assert run.skipped == {"b": Unhealthy("the run", 1.0)}


@pytest.mark.parametrize("tolerated", [True, False])
def test_an_unhealthy_group_is_lost_and_the_rest_goes_on(tolerated: bool) -> None:
    groups = {
        "g": Group(critical=False if tolerated else None, min_required=1, health=stopping()),
        "aside": Group(critical=False),
    }
    members = [task(f"g{n}", group="g") for n in range(4)]
    after = task("after", needs=["g"], group="aside")
    run = Sim(plan(*members, task("out"), after, groups=groups), max_concurrent=3)
    run.finish("g0", failed())
    run.finish("g1", failed())
    because = Unhealthy("group `g`", 1.0)
    assert GroupDecided(0.0, "g", False, because) in run.facts
    assert run.skipped["after"] == because
    for name in ("g2", "g3"):
        if name in run.running:
            run.finish(name, cancelled())
    assert "out" in run.running
    run.play()
    assert run.ended is (RunState.DEGRADED if tolerated else RunState.FAILED)


def test_an_unhealthy_limit_ends_the_run() -> None:
    tasks = [task("a", limits={"api": 1}), task("b")]
    run = Sim(plan(*tasks, limits={"api": Pool(1, health=stopping(min_samples=1))}))
    run.finish("a", failed())
    assert RunStopping(0.0, Unhealthy("limit `api`", 1.0)) in run.facts
    run.finish("b", cancelled())
    assert run.outcomes["b"] == cancelled(Unhealthy("limit `api`", 1.0))


def test_a_group_that_is_met_stays_met_when_it_becomes_unhealthy() -> None:
    groups = {"g": Group(min_required=1, health=stopping(min_samples=3))}
    tasks = [task(f"g{n}", group="g") for n in range(4)]
    run = Sim(plan(*tasks, groups=groups))
    run.close()
    run.finish("g0")
    run.finish("g1", failed())
    run.finish("g2", failed())
    run.finish("g3", cancelled())
    assert [fact.met for fact in run.facts if isinstance(fact, GroupDecided)] == [True]
    assert run.outcomes["g3"] == cancelled(Unhealthy("group `g`", 2 / 3))
    assert run.ended is RunState.DEGRADED


def test_a_run_is_given_up_once() -> None:
    health = Health(0.5, window=1, min_samples=1, when_unhealthy=STOP)
    run = Sim(plan(*(task(name) for name in "abc"), policy=Policy(health=health)))
    run.finish("a", failed())
    run.finish("b")
    run.finish("c", failed())
    assert sum(isinstance(fact, RunStopping) for fact in run.facts) == 1
