from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from weft.model.limits import MAX_CONCURRENT
from weft.model.outcome import Cancelled, Outcome, Skipped, Succeeded
from weft.model.reason import DependencyCancelled, DependencyFailed
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    RunEnded,
    RunInterrupted,
    StopAsked,
    TaskAdded,
    TaskEnded,
)
from weft.scheduling.states import RunState
from weft.testing import Simulation, simulate

N_PLANS = 10_000
CHUNK = 1_000  # small enough to spread over several test processes


def outcomes_of(simulation: Simulation) -> dict[int, Outcome]:
    return {fact.task: fact.outcome for fact in simulation.facts if isinstance(fact, TaskEnded)}


def assert_every_task_ended_once(simulation: Simulation) -> None:
    n_tasks = len(simulation.plan.tasks)
    added = Counter(fact.task for fact in simulation.facts if isinstance(fact, TaskAdded))
    ended = Counter(fact.task for fact in simulation.facts if isinstance(fact, TaskEnded))
    assert added == ended == Counter(range(n_tasks))
    assert isinstance(simulation.facts[-1], RunEnded)


def assert_attempts_are_whole(simulation: Simulation) -> None:
    """What starts ends once, and only what runs is asked to stop."""
    running: set[int] = set()
    began: set[int] = set()
    for fact in simulation.facts:
        match fact:
            case AttemptStarted():
                assert fact.attempt.task not in began
                began.add(fact.attempt.task)
                running.add(fact.attempt.task)
            case StopAsked():
                assert fact.attempt.task in running
            case AttemptEnded():
                running.remove(fact.attempt.task)
            case _:
                pass
    assert not running


def assert_edges_hold(simulation: Simulation) -> None:
    ended: dict[int, Outcome] = {}
    for fact in simulation.facts:
        match fact:
            case AttemptStarted():
                for edge in simulation.tasks[fact.attempt.task].edges:
                    assert edge.before in ended, f"{edge} was not waited for"
                    good = isinstance(ended[edge.before], Succeeded)
                    assert good or not edge.required, f"{edge} is required"
            case TaskEnded():
                ended[fact.task] = fact.outcome
            case _:
                pass


def assert_skips_have_a_cause(simulation: Simulation) -> None:
    """A task is skipped if something it requires did not succeed, and the first cause is told."""
    ids = [task.id for task in simulation.plan.tasks]
    outcomes = outcomes_of(simulation)
    for position, outcome in outcomes.items():
        if isinstance(outcome, Skipped) and isinstance(
            outcome.because, DependencyFailed | DependencyCancelled
        ):
            cause = outcomes[ids.index(outcome.because.task)]
            assert not isinstance(cause, Succeeded | Skipped), f"{outcome} blames {cause}"
            required = [edge.before for edge in simulation.tasks[position].edges if edge.required]
            assert any(not isinstance(outcomes[before], Succeeded) for before in required)


def assert_pools_hold(simulation: Simulation) -> None:
    size = simulation.plan.max_concurrent
    assert size is not None
    sizes = {name: pool.size for name, pool in simulation.plan.limits.items()} | {MAX_CONCURRENT: size}
    used: Counter[str] = Counter()
    for fact in simulation.facts:
        if isinstance(fact, AttemptStarted | AttemptEnded):
            limits = {MAX_CONCURRENT: 1, **simulation.plan.tasks[fact.attempt.task].limits}
            units = {name: min(asked, sizes[name]) for name, asked in limits.items()}
            used.update(units) if isinstance(fact, AttemptStarted) else used.subtract(units)
            assert all(0 <= used[name] <= sizes[name] for name in used), f"{used} of {sizes}"


def assert_nothing_starts_after_an_interrupt(simulation: Simulation) -> None:
    interrupts = [n for n, fact in enumerate(simulation.facts) if isinstance(fact, RunInterrupted)]
    if interrupts:
        later: tuple[Fact, ...] = simulation.facts[interrupts[0] :]
        assert not any(isinstance(fact, AttemptStarted) for fact in later)
        assert simulation.state is RunState.INTERRUPTED


def assert_the_end_is_told(simulation: Simulation) -> None:
    if simulation.state is not RunState.INTERRUPTED:
        good = all(isinstance(outcome, Succeeded) for outcome in outcomes_of(simulation).values())
        assert simulation.state is (RunState.SUCCEEDED if good else RunState.FAILED)


@pytest.mark.parametrize("first", range(0, N_PLANS, CHUNK))
def test_ten_thousand_random_plans_break_no_invariant_and_lose_no_task(first: int) -> None:
    for seed in range(first, first + CHUNK):
        simulation = simulate(seed)
        try:
            assert_every_task_ended_once(simulation)
            assert_attempts_are_whole(simulation)
            assert_edges_hold(simulation)
            assert_skips_have_a_cause(simulation)
            assert_pools_hold(simulation)
            assert_nothing_starts_after_an_interrupt(simulation)
            assert_the_end_is_told(simulation)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


def test_larger_plans_hold_as_well() -> None:
    for seed in range(100):
        simulation = simulate(seed, max_tasks=60)
        assert_every_task_ended_once(simulation)
        assert_edges_hold(simulation)
        assert_pools_hold(simulation)


def test_the_simulator_meets_every_kind_of_fact_and_outcome() -> None:
    facts = [fact for seed in range(200) for fact in simulate(seed).facts]
    assert {type(fact) for fact in facts} == set(Fact.__args__)
    ends = [fact.outcome for fact in facts if isinstance(fact, TaskEnded)]
    assert {type(end) for end in ends} == set(Outcome.__args__)
    reasons = {type(end.because) for end in ends if isinstance(end, Skipped | Cancelled)}
    assert len(reasons) == 4


DIGEST = """
import hashlib, msgspec
from weft.testing import simulate
digest = hashlib.sha256()
for seed in range(300):
    digest.update(msgspec.json.encode(simulate(seed).facts))
print(digest.hexdigest())
"""


def test_the_same_seed_gives_the_same_facts_byte_for_byte_whatever_the_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_gives_another_story() -> None:
    assert simulate(1).facts != simulate(2).facts
