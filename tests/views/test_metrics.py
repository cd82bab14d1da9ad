from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.group import Group
from weft.model.limits import MAX_CONCURRENT, Pool
from weft.model.lock import Hold
from weft.model.miss import Forced
from weft.model.outcome import Succeeded
from weft.model.priority import HIGH
from weft.model.rate import Rate
from weft.model.retry import Jitter, Retry
from weft.model.speculation import Effects
from weft.model.workspace import WorkspaceKind
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    CacheHit,
    CacheMissed,
    Fact,
    MergeEnded,
    MergeStarted,
    TaskAdded,
    TaskEnded,
)
from weft.testing import Sim, cancelled, failed, plan, simulate, task
from weft.views.metrics import Metrics, metrics_of, percentiles

CLOSE = 1e-6


def of(run: Sim) -> Metrics:
    return metrics_of(run.facts)


def assert_identities(metrics: Metrics, facts: tuple[Fact, ...], max_concurrent: int) -> None:
    for one in metrics.tasks.values():
        total_s = one.ended - one.submitted
        assert one.service_s + sum(one.waits.values()) == pytest.approx(total_s, abs=CLOSE), one
        assert all(seconds > 0.0 for seconds in one.waits.values())
    started = {fact.attempt: fact.at for fact in facts if isinstance(fact, AttemptStarted)}
    services = [fact.at - started[fact.attempt] for fact in facts if isinstance(fact, AttemptEnded)]
    assert metrics.run.service_s == pytest.approx(sum(services), abs=CLOSE)
    assert metrics.run.attempts == len(services)
    assert metrics.efficiency <= 1.0 + CLOSE
    assert metrics.critical_path_s <= metrics.elapsed_s + CLOSE
    assert metrics.limits[MAX_CONCURRENT].peak <= max_concurrent


@given(st.integers(0, 2**32))
def test_numbers_of_any_run_add_up(seed: int) -> None:
    simulation = simulate(seed)
    metrics = metrics_of(simulation.facts)
    tasks = {one.id: one for one in simulation.plan.tasks}
    max_concurrent = simulation.plan.max_concurrent or 0
    assert_identities(metrics, simulation.facts, max_concurrent)
    used: Counter[str] = Counter()
    for one in metrics.tasks.values():
        task = tasks[one.id]
        for name, units in ({MAX_CONCURRENT: 1} | dict(task.limits)).items():
            if isinstance(units, int) and not isinstance(simulation.plan.limits.get(name), Rate):
                weight = min(units, max_concurrent) if name == MAX_CONCURRENT else units
                used[name] += weight * one.service_s  # type: ignore[assignment] # a Counter adds up
    pools = {name: use.used for name, use in metrics.limits.items() if use.kind == "pool"}
    assert pools == pytest.approx({name: used[name] for name in pools}, abs=CLOSE)
    assert metrics.run.counts == Counter(one.state for one in metrics.tasks.values())


@given(st.integers(0, 2**32))
def test_what_is_taken_in_piece_by_piece_gives_the_same(seed: int) -> None:
    facts = simulate(seed).facts
    again = metrics_of(facts)
    assert metrics_of(facts) == again


def test_a_wait_counts_at_the_gate_that_was_closed() -> None:
    run = Sim(
        plan(
            task("a", duration_s=2.0, limits={"gpu": 1}),
            task("b", duration_s=1.0, limits={"gpu": 1}),
            task("c", duration_s=1.0, needs=["a"]),
            limits={"gpu": Pool(1)},
        ),
        max_concurrent=5,
    )
    run.play()
    tasks = of(run).tasks
    assert [tasks[each].waits for each in "abc"] == [{}, {"pool gpu": 2.0}, {"dependency": 2.0}]


def test_a_gate_that_gives_way_to_another_divides_the_wait() -> None:
    run = Sim(
        plan(
            task("a", limits={"gpu": 1}),
            task("c", limits={"gpu": 1}),
            limits={"gpu": Pool(1)},
            max_concurrent=2,
        )
    )
    run.pass_to(1.0)
    run.submit(task("b"))
    run.submit(task("urgent", priority=HIGH))
    run.pass_to(3.0)
    run.finish("a")
    run.pass_to(4.0)
    run.finish("urgent")
    run.finish("c")
    tasks = of(run).tasks
    assert tasks["c"].waits == {"pool gpu": 3.0, "pool max_concurrent": 1.0}
    assert tasks["urgent"].waits == {"pool max_concurrent": 2.0}


def test_hazards_locks_rates_and_backoff_are_told_apart() -> None:
    run = Sim(
        plan(
            task("w", duration_s=1.0, writes=["x"]),
            task("r", duration_s=1.0, reads=["x"]),
            task("l1", duration_s=2.0, locks={"deploy": Hold.EXCLUSIVE}),
            task("l2", duration_s=2.0, locks={"deploy": Hold.EXCLUSIVE}),
            task("f", duration_s=1.0, limits={"api": 1}),
            task("g", duration_s=1.0, limits={"api": 1}),
            task("again", duration_s=1.0, retry=Retry(2, base_s=3.0, jitter=Jitter.NONE)),
            limits={"api": Rate("1/min")},
        )
    )
    run.play({"again": [failed()]})
    tasks = of(run).tasks
    assert tasks["r"].waits == {"hazard": 1.0}
    assert tasks["l2"].waits == {"lock deploy": 2.0}
    assert tasks["g"].waits == {"rate api": 60.0}
    assert (tasks["again"].attempts, tasks["again"].retried_s) == (2, 1.0)
    assert list(tasks["again"].waits) == ["backoff"]
    assert of(run).run.retries == 1


def test_the_critical_path_is_the_longest_chain_of_what_attempts_took() -> None:
    run = Sim(
        plan(
            task("a", duration_s=1.0),
            task("b", duration_s=5.0),
            task("c", duration_s=2.0, needs=["a", "b"]),
            max_concurrent=2,
        )
    )
    run.play()
    metrics = of(run)
    assert (metrics.critical_path, metrics.critical_path_s) == (("b", "c"), 7.0)
    assert (metrics.work_s, metrics.elapsed_s, metrics.efficiency) == (8.0, 7.0, 1.0)
    assert metrics.speed_up == pytest.approx(8 / 7)


def test_groups_have_numbers_of_their_own() -> None:
    run = Sim(plan(task("a", group="g", duration_s=1.0), task("b", duration_s=2.0), groups={"g": Group()}))
    run.play({"a": failed()})
    metrics = of(run)
    assert metrics.groups["g"].counts == {"failed": 1}
    assert metrics.groups["g"].error_rate == 1.0
    assert metrics.run.error_rate == 0.5


def test_a_run_that_goes_on_tells_what_waits_and_what_runs() -> None:
    run = Sim(plan(task("a"), task("b"), task("c", needs=["a"])), max_concurrent=1)
    assert of(run).run.counts == {"running": 1, "waiting": 2}


def test_no_facts_give_no_numbers() -> None:
    assert metrics_of(()) == Metrics(0.0, metrics_of(()).run)


def test_percentiles_are_values_that_there_were() -> None:
    assert percentiles(range(1, 101)) == {50: 50, 90: 90, 95: 95, 99: 99, 100: 100}
    assert percentiles([]) == {}


def test_a_rate_a_lock_and_a_pool_are_used_as_far_as_they_are() -> None:
    run = Sim(
        plan(
            task("a", duration_s=30.0, limits={"api": 30, "gpu": 2}, locks={"deploy": Hold.SHARED}),
            task("b", duration_s=60.0, limits={"api": {"": 30}}, locks={"deploy": Hold.SHARED}),
            limits={"api": Rate("60/min"), "gpu": Pool(4)},
        )
    )
    run.play()
    limits = of(run).limits
    assert (limits["api"].kind, limits["api"].used, limits["api"].utilisation) == ("rate", 60.0, 1.0)
    assert (limits["gpu"].used, limits["gpu"].utilisation, limits["gpu"].peak) == (60.0, 0.25, 2)
    assert (limits["lock deploy"].used, limits["lock deploy"].peak) == (60.0, 2)
    steps = limits["gpu"].over_time
    assert steps[0] == pytest.approx(0.5)
    assert steps[-1] == 0.0


def test_speculation_for_nothing_is_no_work() -> None:
    run = Sim(plan(task("maybe", duration_s=9.0, speculative=True, effects=Effects.PURE)), max_concurrent=1)
    run.pass_to(4.0)
    run.submit(task("a", duration_s=2.0))
    run.finish("maybe", cancelled())
    run.play()
    metrics = of(run)
    assert metrics.run.wasted_s == 4.0
    assert metrics.work_s == 2.0


@given(st.integers(0, 2**32))
def test_what_was_done_apart_waits_to_be_brought_back_and_then_is(seed: int) -> None:
    facts = simulate(seed).facts
    ids = {fact.task: fact.id for fact in facts if isinstance(fact, TaskAdded)}
    waiting: Counter[str] = Counter()
    under_way: Counter[str] = Counter()
    since: dict[int, float] = {}
    for fact in facts:
        match fact:
            case AttemptEnded(at, attempt, Succeeded()):
                since[attempt.task] = at
            case MergeStarted(at, task):
                waiting[ids[task]] += at - since[task]  # type: ignore[assignment] # a Counter adds up
                since[task] = at
            case MergeEnded(at, task):
                under_way[ids[task]] += at - since.pop(task)  # type: ignore[assignment]
            case TaskEnded(at, task) if task in since:  # it was taken back before its turn
                waiting[ids[task]] += at - since.pop(task)  # type: ignore[assignment]
    for id, one in metrics_of(facts).tasks.items():
        assert one.waits.get("merge", 0.0) == pytest.approx(waiting[id], abs=CLOSE)
        assert one.waits.get("finish", 0.0) == pytest.approx(under_way[id], abs=CLOSE)


def test_speculation_that_is_done_and_that_nobody_needs_is_no_work_either() -> None:
    first = task("first", writes=["x"], workspace=WorkspaceKind.COPY)
    maybe = task("maybe", writes=["x"], workspace=WorkspaceKind.COPY, speculative=True, effects=Effects.PURE)
    run = Sim(plan(first, maybe, task("user", needs=["maybe"])))
    run.pass_to(4.0)
    run.finish("maybe")
    run.pass_to(5.0)
    run.cancel("user")
    it = of(run).tasks["maybe"]
    assert (it.state, it.wasted_s, it.waits) == ("cancelled", 4.0, {"merge": 1.0})


def test_a_retry_that_is_taken_back_after_it_was_due_has_waited_for_a_slot() -> None:
    run = Sim(plan(task("again", retry=Retry(2, base_s=3.0, jitter=Jitter.NONE))))
    run.finish("again", failed())
    run.clock.advance_to(8.0)  # it is woken too late
    run.cancel("again")
    assert of(run).tasks["again"].waits == {"backoff": 6.0, "pool max_concurrent": 2.0}


def test_hits_of_the_cache_are_counted_against_what_was_looked_up() -> None:
    run = Sim(plan(task("a", group="g"), task("b"), task("c"), groups={"g": Group()}))
    first, second, _ = [fact.attempt for fact in run.facts if isinstance(fact, AttemptStarted)]
    told = metrics_of([*run.facts, CacheHit(0.0, first), CacheMissed(0.0, second, Forced())])
    assert (told.run.cache_hits, told.run.cache_misses, told.run.cache_hit_rate) == (1, 1, 0.5)
    assert told.groups["g"].cache_hit_rate == 1.0
    assert of(Sim(plan(task("a")))).run.cache_hit_rate is None
