"""Jobs that are shared with other processes: what a run takes of them, wants, and hands back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from weft.model.limits import MAX_CONCURRENT
from weft.model.plan import Plan
from weft.model.priority import HIGH
from weft.model.reason import JobsLentOut, PoolFull
from weft.scheduling.events import Event, JobsShared, TokensCame
from weft.scheduling.lent import LentGate
from weft.scheduling.scheduler import Step
from weft.scheduling.states import RunState, TaskState
from weft.testing import Sim, cancelled, plan, task
from weft.testing.strategies import plans


class Sharing(Sim):
    """A run that shares ``size`` jobs, of which ``granted`` are its own at first."""

    def __init__(self, of: Plan, *, size: int = 4, granted: int = 1) -> None:
        super().__init__(replace(of, tasks=()), max_concurrent=size)
        self.tokens: int | None = None
        self.granted = granted
        self.step(JobsShared(granted))
        self.submit(*of.tasks)

    def step(self, event: Event) -> Step:
        if isinstance(event, TokensCame):
            self.granted += event.units
        step = super().step(event)
        assert step.tokens is not None
        self.granted += min(step.tokens, 0)
        self.tokens = step.tokens
        return step

    def come(self, units: int = 1) -> None:
        self.step(TokensCame(units))

    @property
    def used(self) -> int:
        return self.scheduler.admission.gates[MAX_CONCURRENT].used


def heavy(name: str, units: int) -> Plan:
    return plan(task(name, limits={MAX_CONCURRENT: units}))


ABC = plan(task("a"), task("b"), task("c"))


def test_a_run_that_shares_nothing_wants_nothing_and_has_all_its_slots() -> None:
    run = Sim(ABC, max_concurrent=2)
    assert run.running == ["a", "b"]
    assert run.step(JobsShared(2)).tokens == 0


def test_one_job_is_the_runs_own_and_more_are_wanted_while_somebody_waits() -> None:
    run = Sharing(ABC)
    assert (run.running, run.tokens) == (["a"], 3)
    assert run.waiting("b") == (JobsLentOut(free=0, asked=1),)


def test_who_waits_starts_in_the_step_in_which_a_token_comes() -> None:
    run = Sharing(ABC)
    run.come()
    assert (run.running, run.tokens) == (["a", "b"], 2)


def test_when_all_is_granted_the_reason_is_a_full_pool() -> None:
    run = Sharing(ABC, size=2)
    run.come()
    assert (run.running, run.tokens) == (["a", "b"], 0)
    assert run.waiting("c") == (PoolFull(MAX_CONCURRENT, free=0, asked=1),)


def test_what_nobody_waits_for_is_handed_back_at_once() -> None:
    run = Sharing(plan(task("a"), task("b")))
    run.come(3)
    assert (run.running, run.tokens) == (["a", "b"], -2)


def test_a_slot_that_the_next_task_takes_is_not_handed_back() -> None:
    run = Sharing(ABC)
    run.come()
    run.finish("a")
    assert (run.running, run.tokens) == (["b", "c"], 0)
    run.finish("b")
    assert (run.running, run.tokens) == (["c"], -1)
    run.finish("c")
    assert (run.running, run.tokens) == ([], 0)


def test_all_is_handed_back_when_the_run_ends() -> None:
    run = Sharing(ABC)
    run.come(2)
    run.close()
    for name in "abc":
        run.finish(name)
    assert run.ended is RunState.SUCCEEDED
    assert run.granted == 1


def test_nothing_more_is_wanted_after_an_interruption() -> None:
    run = Sharing(ABC)
    run.interrupt()
    assert (run.running, run.tokens) == (["a"], 0)


def test_jobs_are_not_kept_for_tasks_that_wait_for_something_else() -> None:
    gpu = [task(name, limits={"gpu": 1}) for name in "ab"]
    run = Sharing(plan(*gpu, limits={"gpu": 1}))
    run.come(2)
    assert (run.running, run.tokens) == (["a"], -2)
    assert run.waiting("b") == (PoolFull("gpu", free=0, asked=1), JobsLentOut(free=0, asked=1))
    run.finish("a")
    assert (run.running, run.tokens) == (["b"], 0)


def test_a_job_that_is_kept_for_a_task_for_which_speculation_makes_room_is_not_handed_back() -> None:
    guesses = [task("p", limits={"gpu": 1}, speculative=True), task("q", speculative=True)]
    wide = task("wide", needs=["a"], limits={"gpu": 1, MAX_CONCURRENT: 2})
    run = Sharing(plan(task("a"), *guesses, wide, limits={"gpu": 1}), size=3)
    run.come(2)
    run.finish("a")
    assert (run.state("p"), run.state("q")) == (TaskState.STOPPING, TaskState.RUNNING)
    assert run.granted == 3
    run.finish("p", cancelled())
    assert run.running == ["q", "wide"]


def test_a_wide_task_collects_jobs_and_keeps_those_that_have_come() -> None:
    run = Sharing(plan(task("a"), task("b")))
    run.come()
    run.submit(task("wide", limits={MAX_CONCURRENT: 2}, priority=HIGH), task("c"))
    run.finish("a")
    assert (run.running, run.tokens) == (["b"], 2)
    assert run.waiting("wide") == (JobsLentOut(free=1, asked=2),)
    run.come()
    assert run.running == ["b", "wide"]


def test_a_wide_task_that_finds_nothing_running_does_not_wait_for_jobs_that_may_never_come() -> None:
    run = Sharing(plan(task("a")))
    run.submit(task("wide", limits={MAX_CONCURRENT: 3}), task("b"))
    run.finish("a")
    assert (run.running, run.tokens) == (["wide"], 3)
    assert run.waiting("b") == (JobsLentOut(free=0, asked=1),)


def test_what_a_wide_task_uses_beyond_what_is_granted_is_wanted_from_others() -> None:
    run = Sharing(heavy("wide", 3))
    assert (run.running, run.tokens) == (["wide"], 2)
    run.come()
    assert run.tokens == 1
    run.come()
    assert run.tokens == 0
    run.finish("wide")
    assert run.tokens == -2


def test_jobs_can_be_shared_when_more_run_than_are_granted() -> None:
    run = Sim(ABC, max_concurrent=2)
    assert run.step(JobsShared(1)).tokens == 1
    run.finish("a")
    assert run.running == ["b"], "one runs, and one is granted"


@pytest.mark.parametrize("units", [0, 4])
def test_no_more_is_taken_in_than_there_is(units: int) -> None:
    gate = LentGate("jobs", 4)
    gate.share(1)
    with pytest.raises(AssertionError, match="more than 1 in jobs"):
        gate.grow(units)


def test_all_units_can_be_given_back_and_not_one_more() -> None:
    gate = LentGate("jobs", 4)
    gate.share(1)
    gate.take(3)
    gate.give_back(3)
    with pytest.raises(AssertionError, match="too many for jobs"):
        gate.give_back(1)


def test_a_gate_in_use_is_not_taken_beyond_what_is_granted() -> None:
    gate = LentGate("jobs", 4)
    gate.share(1)
    gate.take(1)
    with pytest.raises(AssertionError, match="1 of 0 in jobs"):
        gate.take(1)


@given(st.lists(plans(), min_size=1, max_size=3), st.integers(1, 4), st.randoms(use_true_random=False))
def test_runs_that_share_jobs_never_use_more_than_there_are_and_all_come_to_their_end(
    of: list[Plan], n_jobs: int, chance: Random
) -> None:
    """As under a make that has started each of them, and so has a job for it."""
    runs = [Sharing(one, size=n_jobs) for one in of]
    for run in runs:
        run.close()
    n_free = n_jobs - 1
    while any(run.ended is None for run in runs):
        run = chance.choice([run for run in runs if run.ended is None])
        before = run.granted
        if n_free and (run.tokens or 0) > 0 and chance.random() < 0.7:
            run.come(chance.randint(1, min(n_free, run.tokens or 0)))
        else:
            assert run.running, f"{run.granted} jobs, and nothing runs"
            run.finish(chance.choice(run.running))
        n_free += before - run.granted
        assert n_free + sum(run.granted - 1 for run in runs) == n_jobs - 1
        assert run.used <= run.granted or len(run.running) == 1
    assert n_free == n_jobs - 1
