"""Aging: a task that waits too long moves up, and so starts within the bound that is told."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.limits import MAX_CONCURRENT
from weft.model.policy import Policy
from weft.model.priority import HIGH, LOW, NORMAL, Priority
from weft.model.retry import Retry
from weft.model.task import Task
from weft.scheduling.aging import longest_wait_s
from weft.testing import Sim, failed, plan, task

AGING_S = 10.0


def busy(*tasks: Task, max_concurrent: int = 1, **limits: int) -> Sim:
    """`busy` runs and the rest waits."""
    policy = Policy(aging_s=AGING_S)
    run = Sim(plan(task("busy", priority=HIGH), policy=policy, limits=limits), max_concurrent=max_concurrent)
    run.submit(*tasks)
    return run


def test_who_has_waited_for_so_long_comes_before_those_who_were_above_it() -> None:
    run = busy(task("low", priority=LOW), task("normal"))
    run.pass_to(9.9)
    run.submit(task("late"))
    run.pass_to(10.0)
    run.finish("busy")
    assert run.running == ["normal"], "both have moved up, and it was above"
    run.finish("normal")
    assert run.running == ["low"]


def test_a_task_two_levels_below_needs_twice_as_long_to_the_top() -> None:
    run = busy(task("low", priority=LOW))
    levels = []
    for moment in (9.9, 10.0, 19.9, 20.0):
        run.pass_to(moment)
        levels.append(-run.scheduler.live[1].key[0])
    assert levels == [LOW, NORMAL, NORMAL, HIGH]
    run.submit(task("high", priority=HIGH, duration_s=9.0))
    run.finish("busy")
    assert run.running == ["low"]


def test_the_scheduler_wants_to_be_woken_when_somebody_moves_up() -> None:
    run = busy(task("low", priority=LOW))
    assert run.wake_at == 10.0
    run.wake()
    assert run.wake_at == 20.0
    run.wake()
    assert run.wake_at is None


def test_among_equals_the_longest_remaining_path_comes_first_however_long_others_wait() -> None:
    tasks = [task("busy"), task("waits")]
    run = Sim(plan(*tasks, policy=Policy(aging_s=AGING_S)), max_concurrent=1)
    assert run.wake_at is None
    run.pass_to(1000.0)
    run.submit(task("long", duration_s=9.0))
    run.finish("busy")
    assert run.running == ["long"]


def test_speculation_does_not_age_and_is_no_level_above_which_others_age() -> None:
    tasks = [task("busy"), task("normal"), task("perhaps", speculative=True)]
    run = Sim(plan(*tasks, policy=Policy(aging_s=AGING_S)), max_concurrent=1)
    assert run.wake_at is None
    run.submit(task("high", priority=HIGH))
    run.pass_to(1000.0)
    assert run.scheduler.live[1].key[0] == -HIGH
    assert run.scheduler.live[2].key[0] == 0


def test_those_who_wait_at_the_top_wait_for_a_new_top_from_when_it_comes() -> None:
    run = Sim(plan(task("busy"), task("normal"), policy=Policy(aging_s=AGING_S)), max_concurrent=1)
    run.submit(task("low", priority=LOW))
    run.pass_to(5.0)
    run.submit(task("high", priority=HIGH))
    assert run.wake_at == 10.0, "low has waited since 0"
    run.wake()
    assert run.wake_at == 15.0, "normal since 5"
    run.wake()
    run.finish("busy")
    assert run.running == ["normal"]


def test_only_the_time_in_line_counts_and_not_that_of_an_attempt() -> None:
    stuck = task("stuck", priority=LOW, limits={"gpu": 1})
    run = busy(task("gpu", limits={"gpu": 1}, priority=HIGH), gpu=1, max_concurrent=2)
    run.submit(stuck, task("low", priority=LOW, retry=Retry(base_s=0.0)))
    run.pass_to(2.0)
    run.finish("busy")
    assert run.running == ["gpu", "low"]
    run.pass_to(4.0)
    run.submit(task("next", priority=HIGH))
    run.finish("low", failed())
    assert run.running == ["gpu", "next"]
    levels = []
    for moment in (10.0, 13.9, 14.0):
        run.pass_to(moment)
        levels.append(tuple(-run.scheduler.live[at].key[0] for at in (2, 3)))
    assert levels == [(NORMAL, LOW), (NORMAL, LOW), (NORMAL, NORMAL)]


def test_tasks_that_wait_no_more_are_forgotten() -> None:
    run = busy(*(task(f"t{number}", priority=LOW) for number in range(1000)))
    run.cancel(*(f"t{number}" for number in range(1, 1000)))
    assert run.wake_at == 10.0
    run.finish("busy")
    assert run.scheduler.admission.moments() == (None, None, None)
    run.submit(*(task(f"more{number}", priority=LOW) for number in range(100)))
    run.pass_to(15.0)
    assert run.scheduler.admission.aging.is_mixed
    assert run.wake_at == 20.0


@pytest.mark.parametrize(("priority", "longest_s"), [(HIGH, 0.0), (NORMAL, 10.0), (LOW, 20.0)])
def test_the_bound_counts_the_levels_below_the_top(priority: Priority, longest_s: float) -> None:
    assert longest_wait_s(priority, HIGH, AGING_S) == longest_s


@given(
    chance=st.randoms(use_true_random=False),
    size=st.integers(2, 4),
    priority=st.sampled_from([LOW, NORMAL]),
    pool=st.sampled_from(["gpu", MAX_CONCURRENT]),
)
def test_a_wide_task_starts_within_the_bound_in_an_endless_stream_of_more_urgent_ones(
    chance: Random, size: int, priority: Priority, pool: str
) -> None:
    aging_s, longest_s = chance.choice((2.0, 5.0)), 2.0
    policy = Policy(aging_s=aging_s)
    slots = size if pool == MAX_CONCURRENT else size + chance.randint(0, 2)
    run = Sim(plan(limits={"gpu": size}, policy=policy), max_concurrent=slots)
    limits = {} if pool == MAX_CONCURRENT else {pool: 1}
    ends: dict[str, float] = {}
    n_narrow, comes_at = 0, chance.uniform(0, 3.0)
    bound_s = longest_wait_s(priority, HIGH, aging_s) + longest_s
    while "wide" not in run.started:
        while n_narrow < len(run.started) + 2 * size:  # there are always more of them than can run
            run.submit(task(f"n{n_narrow}", limits=limits, priority=HIGH))
            n_narrow += 1
        if run.clock.now >= comes_at and not any(one.id == "wide" for one in run.plan.tasks):
            comes_at = run.clock.now
            run.submit(task("wide", limits={pool: size}, priority=priority))
        for name in run.running:
            ends.setdefault(name, run.clock.now + chance.uniform(0.1, longest_s))
        name = min(run.running, key=lambda name: ends[name])
        run.pass_to(ends[name])
        assert run.clock.now <= comes_at + bound_s, f"wide has waited since {comes_at}"
        run.finish(name)


def test_tasks_of_all_levels_start_in_an_endless_stream_of_urgent_ones() -> None:
    waiting = [
        task(f"{priority.name} {n}", priority=priority) for n in range(5) for priority in (LOW, NORMAL)
    ]
    run = busy(*waiting)
    for number in range(60):
        run.submit(task(f"high{number}", priority=HIGH))
        run.pass_to(run.clock.now + 1.0)
        run.finish(run.running[0])
    started = [name for name in run.started if not name.startswith(("high", "busy"))]
    assert started == [f"{level} {n}" for level in ("NORMAL", "LOW") for n in range(5)]
    assert run.clock.now == 60.0
