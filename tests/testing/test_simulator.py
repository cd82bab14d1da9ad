from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from random import Random
from typing import get_args

import pytest

from weft.model.attempt import Attempt
from weft.model.lock import Hold
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.rate import Rate, costs_of
from weft.model.reason import (
    CancelReason,
    Decided,
    DependencyCancelled,
    DependencyFailed,
    EndReason,
    FailureReason,
    GroupLost,
    GroupMet,
    LastReason,
    NotNeeded,
    NotRecorded,
    Preempted,
    SkipReason,
    TimedOut,
)
from weft.model.work import Bring
from weft.planning.demand import pools_of, sizes_of
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    GaveUp,
    GroupDecided,
    HealthChanged,
    RetryScheduled,
    RunEnded,
    RunInterrupted,
    RunStopping,
    StopAsked,
    TaskAdded,
    TaskEnded,
    TaskTakenUp,
)
from weft.scheduling.health import Circuit
from weft.scheduling.states import RunState
from weft.testing import Sim, Simulation, failed, simulate
from weft.testing.random_plan import random_plan

N_PLANS = 10_000
CHUNK = 1_000  # small enough to spread over several test processes
LATE_S = 0.31  # by which a simulated scheduler is woken too late at most


def outcomes_of(simulation: Simulation) -> dict[int, Outcome]:
    return {fact.task: fact.outcome for fact in simulation.facts if isinstance(fact, TaskEnded)}


def assert_every_task_ended_once(simulation: Simulation) -> None:
    n_tasks = len(simulation.plan.tasks)
    added = Counter(fact.task for fact in simulation.facts if isinstance(fact, TaskAdded))
    ended = Counter(fact.task for fact in simulation.facts if isinstance(fact, TaskEnded))
    assert added == ended == Counter(range(n_tasks))
    assert isinstance(simulation.facts[-1], RunEnded)


def assert_attempts_are_whole(simulation: Simulation) -> None:
    """What starts ends once, only what runs is asked to stop, and nothing runs when its task has ended."""
    running: set[int] = set()
    n_attempts: Counter[int] = Counter()
    ended: set[int] = set()
    for fact in simulation.facts:
        match fact:
            case AttemptStarted():
                assert fact.attempt.task not in running | ended
                n_attempts[fact.attempt.task] += 1
                assert fact.attempt.number == n_attempts[fact.attempt.task]
                running.add(fact.attempt.task)
            case StopAsked():
                assert fact.attempt.task in running
            case AttemptEnded():
                running.remove(fact.attempt.task)
            case TaskEnded():
                assert fact.task not in running
                ended.add(fact.task)
            case _:
                pass
    assert not running


def assert_retries_are_due(simulation: Simulation) -> None:
    """Another attempt was announced, is not early, and is one that the task's `retry` allows."""
    due: dict[int, float] = {}
    n_cut: Counter[int] = Counter()
    cut: set[int] = set()  # speculation that made room goes on when there is room again
    last: set[int] = set()
    for fact in simulation.facts:
        match fact:
            case AttemptStarted(at, attempt):
                retry = simulation.plan.tasks[attempt.task].retry
                assert attempt.task not in last
                if attempt.number > 1 and attempt.task not in cut:
                    assert retry is not None
                    assert attempt.number - n_cut[attempt.task] <= retry.max_attempts
                    assert due.pop(attempt.task) <= at
                cut.discard(attempt.task)
            case AttemptEnded(_, attempt, Cancelled(Preempted())):
                n_cut[attempt.task] += 1
                cut.add(attempt.task)
            case RetryScheduled(_, attempt, moment):
                due[attempt.task] = moment
            case GaveUp():
                last.add(fact.attempt.task)
            case _:
                pass


def assert_retries_come_soon(simulation: Simulation) -> None:
    """No delay is longer than the task's `retry` allows, nor are all of them together."""
    began: dict[int, float] = {}
    for fact in simulation.facts:
        match fact:
            case AttemptStarted(at, attempt):
                began.setdefault(attempt.task, at)
            case AttemptEnded(_, attempt, Cancelled(Preempted())):
                del began[attempt.task]  # its time begins anew
            case RetryScheduled(at, attempt, moment):
                retry = simulation.plan.tasks[attempt.task].retry
                assert retry is not None
                assert moment - at <= max(retry.ceiling_s, retry.retry_after_ceiling_s) + 1e-9
                assert retry.budget_s is None or moment <= began[attempt.task] + retry.budget_s
            case _:
                pass


def assert_the_retry_budget_holds(simulation: Simulation) -> None:
    budget = simulation.plan.policy.retry_budget
    if budget is None:
        return
    n_attempts = n_retries = 0
    for fact in simulation.facts:
        n_attempts += isinstance(fact, AttemptStarted)
        if isinstance(fact, RetryScheduled):
            n_retries += 1
            assert n_retries <= max(budget.at_least, budget.share * (n_attempts + 1))


def assert_timeouts_hold(simulation: Simulation) -> None:
    """What ended because it took too long did, and it was not cut short before."""
    began: dict[int, float] = {}
    first: dict[int, float] = {}
    for fact in simulation.facts:
        match fact:
            case AttemptStarted(at, attempt):
                began[attempt.task] = at
                first.setdefault(attempt.task, at)
            case AttemptEnded(_, attempt, Cancelled(Preempted())):
                del first[attempt.task]  # its time begins anew
            case AttemptEnded(at, attempt, Failed(TimedOut(limit_s, whole))):
                assert at >= (first if whole else began)[attempt.task] + limit_s
            case StopAsked(at, attempt, False, TimedOut(limit_s, False)):
                assert at - began[attempt.task] <= limit_s + LATE_S
            case _:
                pass


def assert_circuits_hold(simulation: Simulation) -> None:
    """Nothing starts under an open circuit, and one attempt under one that probes."""
    circuits: dict[str, Circuit] = {}
    probing: set[str] = set()
    for fact in simulation.facts:
        if isinstance(fact, HealthChanged):
            legal = {
                Circuit.CLOSED: {Circuit.CLOSED, Circuit.OPEN},
                Circuit.OPEN: {Circuit.HALF_OPEN},
                Circuit.HALF_OPEN: {Circuit.HALF_OPEN, Circuit.OPEN, Circuit.CLOSED},
            }
            before = circuits.get(fact.scope, Circuit.CLOSED)
            assert fact.circuit in legal[before], f"{fact} after {before}"
            circuits[fact.scope] = fact.circuit
            probing.discard(fact.scope)  # it is told when a probe has ended
        elif isinstance(fact, AttemptStarted):
            for scope in scopes(simulation, fact.attempt.task):
                assert circuits.get(scope) is not Circuit.OPEN
                assert scope not in probing
                if circuits.get(scope) is Circuit.HALF_OPEN:
                    probing.add(scope)


def scopes(simulation: Simulation, position: int) -> list[str]:
    """All that may watch the task at ``position``, from what the plan says."""
    plan = simulation.plan
    task = plan.tasks[position]
    found = ["the run", *(f"limit `{name}`" for name in task.limits)]
    group = task.group
    while group is not None:
        found.append(f"group `{group}`")
        group = plan.groups[group].group
    return found


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
            dropped = isinstance(cause, Skipped) and isinstance(cause.because, NotNeeded | Decided)
            assert dropped or not isinstance(cause, Succeeded | Skipped), f"{outcome} blames {cause}"
            required = [edge.before for edge in simulation.tasks[position].edges if edge.required]
            assert any(not isinstance(outcomes[before], Succeeded) for before in required)


def assert_pools_hold(simulation: Simulation) -> None:
    size = simulation.plan.max_concurrent
    assert size is not None
    sizes = sizes_of(simulation.plan.limits, size)
    used: Counter[str] = Counter()
    for fact in simulation.facts:
        if isinstance(fact, AttemptStarted | AttemptEnded):
            units = pools_of(simulation.plan.tasks[fact.attempt.task], simulation.plan.limits, size)
            used.update(units) if isinstance(fact, AttemptStarted) else used.subtract(units)
            assert all(0 <= used[name] <= sizes[name] for name in used), f"{used} of {sizes}"


def assert_rates_hold(simulation: Simulation) -> None:
    """No start makes any span of any window hold more than its limit, with what starts have cost in truth."""
    for name, rate in simulation.plan.limits.items():
        for number, window in enumerate(rate.windows if isinstance(rate, Rate) else ()):
            assert isinstance(rate, Rate)
            spent: list[tuple[float, int]] = []
            taken: dict[Attempt, tuple[int, int]] = {}  # where it stands in `spent`, and the cost
            for fact in simulation.facts:
                if isinstance(fact, AttemptStarted):
                    limits = simulation.plan.tasks[fact.attempt.task].limits
                    if name in limits:
                        cost = costs_of(rate, limits[name])[number]
                        used = sum(units for at, units in spent if at + window.per_s > fact.at)
                        assert used + cost <= window.limit, f"{fact} with {used} of {window} in use"
                        taken[fact.attempt] = len(spent), cost
                        spent.append((fact.at, cost))
                elif isinstance(fact, AttemptEnded) and fact.attempt in taken:
                    at, reserved = taken[fact.attempt]
                    actual = simulation.costs.get(fact.attempt, {}).get(window.cost or name, reserved)
                    spent[at] = spent[at][0], min(reserved, actual)
                    spent.append((fact.at, max(0, actual - reserved)))


def assert_locks_hold(simulation: Simulation) -> None:
    """Who holds a lock alone is alone with it."""
    held: dict[str, list[Hold]] = {}
    for fact in simulation.facts:
        if isinstance(fact, AttemptStarted | AttemptEnded):
            for name, hold in simulation.plan.tasks[fact.attempt.task].locks.items():
                holds = held.setdefault(name, [])
                holds.append(hold) if isinstance(fact, AttemptStarted) else holds.remove(hold)
                assert len(holds) < 2 or set(holds) == {Hold.SHARED}, f"{fact}: {holds}"


def assert_only_speculation_makes_room(simulation: Simulation) -> None:
    for fact in simulation.facts:
        if isinstance(fact, StopAsked | AttemptEnded | TaskEnded):
            outcome = None if isinstance(fact, StopAsked) else fact.outcome
            because = fact.because if isinstance(fact, StopAsked) else getattr(outcome, "because", None)
            if isinstance(because, Preempted | NotNeeded):
                position = fact.task if isinstance(fact, TaskEnded) else fact.attempt.task
                assert simulation.plan.tasks[position].speculative
                assert not (isinstance(fact, TaskEnded) and isinstance(because, Preempted))


def assert_nothing_starts_after_the_end_was_decided(simulation: Simulation) -> None:
    ends = [n for n, fact in enumerate(simulation.facts) if isinstance(fact, RunInterrupted | RunStopping)]
    if ends:
        later: tuple[Fact, ...] = simulation.facts[ends[0] :]
        assert not any(isinstance(fact, AttemptStarted | RetryScheduled) for fact in later)
        interrupted = any(isinstance(fact, RunInterrupted) for fact in later)
        assert simulation.state is (RunState.INTERRUPTED if interrupted else RunState.FAILED)


def assert_groups_are_decided_once(simulation: Simulation) -> None:
    decided = Counter(fact.group for fact in simulation.facts if isinstance(fact, GroupDecided))
    assert all(times == 1 for times in decided.values()), decided
    assert set(decided) <= set(simulation.plan.groups)


def assert_the_end_is_told(simulation: Simulation) -> None:
    ended_early = any(isinstance(fact, RunInterrupted | RunStopping) for fact in simulation.facts)
    if not ended_early and not simulation.plan.groups:
        good = all(is_good(outcome) for outcome in outcomes_of(simulation).values())
        assert simulation.state is (RunState.SUCCEEDED if good else RunState.FAILED)
    if simulation.state is RunState.SUCCEEDED:
        for position, outcome in outcomes_of(simulation).items():
            left_out = isinstance(outcome, Skipped | Cancelled) and isinstance(outcome.because, GroupMet)
            assert left_out or is_good(outcome) or is_of_a_lost_group(simulation, position, outcome)


def is_of_a_lost_group(simulation: Simulation, position: int, outcome: Outcome) -> bool:
    """Tell whether a task had nothing to bring back: who was left out in its group, was by one around it."""
    match simulation.tasks[position].task.work, outcome:
        case Bring(group), Skipped(GroupLost(lost)):
            return group == lost
        case _:
            return False


def is_good(outcome: Outcome) -> bool:
    """Tell whether a run is none the worse for it."""
    dropped = isinstance(outcome, Skipped | Cancelled) and isinstance(outcome.because, NotNeeded | Decided)
    return dropped or isinstance(outcome, Succeeded)


@pytest.mark.parametrize("first", range(0, N_PLANS, CHUNK))
def test_ten_thousand_random_plans_break_no_invariant_and_lose_no_task(first: int) -> None:
    for seed in range(first, first + CHUNK):
        simulation = simulate(seed)
        try:
            assert_every_task_ended_once(simulation)
            assert_attempts_are_whole(simulation)
            assert_retries_are_due(simulation)
            assert_retries_come_soon(simulation)
            assert_the_retry_budget_holds(simulation)
            assert_timeouts_hold(simulation)
            assert_circuits_hold(simulation)
            assert_groups_are_decided_once(simulation)
            assert_edges_hold(simulation)
            assert_skips_have_a_cause(simulation)
            assert_pools_hold(simulation)
            assert_rates_hold(simulation)
            assert_locks_hold(simulation)
            assert_only_speculation_makes_room(simulation)
            assert_nothing_starts_after_the_end_was_decided(simulation)
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
        assert_rates_hold(simulation)
        assert_locks_hold(simulation)
        assert_circuits_hold(simulation)


@pytest.mark.parametrize("n_failing", [0, 3])
def test_random_plans_can_be_played_to_their_end(n_failing: int) -> None:
    """Where other processes give all that they are asked for, and whoever is asked to end does so at once."""
    for seed in range(2_000):
        chance = Random(seed)
        run = Sim(random_plan(chance))
        names = [task.id for task in run.plan.tasks]
        try:
            run.play(dict.fromkeys(chance.sample(names, min(n_failing, len(names))), failed()))
            assert run.ended is not None, f"{run.running} never end, {run.asking} ask in vain"
            assert set(run.outcomes) == set(names)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


def test_the_simulator_meets_every_kind_of_fact_and_outcome() -> None:
    facts = [fact for seed in range(1_000) for fact in simulate(seed).facts]
    # What an earlier run has done and a lost journal are tried in tests/scheduling/test_taken_up.py.
    assert {type(fact) for fact in facts} == set(get_args(Fact)) - {TaskTakenUp}
    ends = [fact.outcome for fact in facts if isinstance(fact, TaskEnded)]
    assert {type(end) for end in ends} == set(get_args(Outcome))
    assert {type(end.because) for end in ends if isinstance(end, Skipped)} == set(get_args(SkipReason)) - {
        NotRecorded
    }
    cut = [fact.outcome for fact in facts if isinstance(fact, AttemptEnded)]
    reasons = {type(end.because) for end in (*ends, *cut) if isinstance(end, Cancelled)}
    assert reasons == set(get_args(CancelReason)) - {NotRecorded}
    assert {type(end.because) for end in ends if isinstance(end, Failed)} <= set(get_args(FailureReason))
    assert {type(fact.because) for fact in facts if isinstance(fact, GaveUp)} == set(get_args(LastReason))
    assert {type(fact.because) for fact in facts if isinstance(fact, RunStopping)} <= set(get_args(EndReason))
    assert {fact.circuit for fact in facts if isinstance(fact, HealthChanged)} == set(Circuit)


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
