from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Pool
from weft.model.outcome import Failed, Succeeded
from weft.model.plan import Plan
from weft.model.rate import Rate
from weft.model.reason import CircuitOpen, Exited, LockHeld, PoolFull, RateDue, WaitReason
from weft.model.retry import Jitter, Retry
from weft.model.workspace import WorkspaceKind
from weft.scheduling.facts import AttemptEnded, AttemptStarted, RetryScheduled, TaskAdded, TaskEnded
from weft.testing import Sim, failed, plan, simulate, task
from weft.views.gates import BACKOFF, DEPENDENCY, FINISH, HAZARD, MERGE, SLOTS
from weft.views.metrics import metrics_of
from weft.views.story import Happened, Story, WaitedAt, story_of

PROMPT = Retry(base_s=1.0, factor=1.0, jitter=Jitter.NONE)


def told_of(run: Sim, id: str) -> Story:
    told = story_of(id, run.facts)
    assert told is not None
    return told


def story(of: Plan, id: str, max_concurrent: int = 9, outcomes: Any = None) -> Story:
    run = Sim(of, max_concurrent=max_concurrent)
    run.play(outcomes)
    return told_of(run, id)


def waits(told: Story) -> list[WaitedAt]:
    return [passage for passage in told.passages if isinstance(passage, WaitedAt)]


def shortly(told: Story) -> list[tuple[float, float, str, WaitReason | None]]:
    return [(wait.at, round(wait.seconds, 6), str(wait.gate), wait.because) for wait in waits(told)]


def test_a_task_that_runs_at_once_has_waited_for_nothing() -> None:
    told = story(plan(task("a")), "a")
    assert waits(told) == []
    assert told.outcome == Succeeded()
    kinds = [type(each.fact) for each in told.passages if isinstance(each, Happened)]
    assert kinds == [TaskAdded, AttemptStarted, AttemptEnded, TaskEnded]


def test_a_run_without_that_task_has_no_story_of_it() -> None:
    assert story_of("b", Sim(plan(task("a"))).facts) is None


def test_the_task_before_it_that_ended_last_is_told() -> None:
    of = plan(task("a", duration_s=3.0), task("b", duration_s=1.0), task("c", needs=["a", "b"]))
    assert waits(story(of, "c")) == [WaitedAt(0.0, 3.0, DEPENDENCY, None, ("a", "b"), "a")]


def test_a_task_that_has_never_run_tells_what_it_waited_for() -> None:
    of = plan(task("a"), task("slow", duration_s=5.0), task("b", needs=["a", "slow"]))
    told = story(of, "b", outcomes={"a": failed()})
    assert waits(told) == [WaitedAt(0.0, 1.0, DEPENDENCY, None, ("slow",))]


def test_what_it_needs_and_what_it_conflicts_with_are_told_apart() -> None:
    of = plan(
        task("needed", duration_s=1.0),
        task("writes", duration_s=3.0, writes=["x"]),
        task("a", needs=["needed"], writes=["x"]),
    )
    assert waits(story(of, "a")) == [
        WaitedAt(0.0, 1.0, DEPENDENCY, None, ("needed",), "needed"),
        WaitedAt(1.0, 2.0, HAZARD, None, ("writes",), "writes"),
    ]


def test_tasks_that_the_plan_has_later_are_told_by_their_names() -> None:
    of = plan(task("a", needs=["b"]), task("b", duration_s=2.0))
    assert waits(story(of, "a")) == [WaitedAt(0.0, 2.0, DEPENDENCY, None, ("b",), "b")]


def test_each_gate_is_told_with_its_time_and_what_it_said() -> None:
    of = plan(
        task("wide", duration_s=5.0, limits={"gpu": 2}),
        task("long", duration_s=2.0, locks=["prod"]),
        task("late", limits={"gpu": 1}, locks=["prod"]),
        limits={"gpu": Pool(2)},
    )
    assert shortly(story(of, "late")) == [
        (0.0, 2.0, "lock prod", LockHeld("prod", ("long",))),
        (2.0, 3.0, "pool gpu", PoolFull("gpu", 0, 1)),
    ]


def test_the_slots_of_the_run_are_a_gate_like_others() -> None:
    of = plan(task("a", duration_s=2.0), task("b", duration_s=1.0))
    assert waits(story(of, "b", max_concurrent=1)) == [WaitedAt(0.0, 2.0, SLOTS)]


def test_a_rate_without_room_is_told() -> None:
    of = plan(*(task(name, limits={"api": 1}) for name in "ab"), limits={"api": Rate(1, per="10s")})
    assert shortly(story(of, "b")) == [(0.0, 10.0, "rate api", RateDue("api", 1.0, 10.0))]


def test_the_delay_before_another_attempt_is_told_and_what_follows() -> None:
    of = plan(
        task("a", limits={"gpu": 1}, retry=PROMPT, duration_s=5.0),
        task("b", limits={"gpu": 1}, duration_s=4.0),
        limits={"gpu": Pool(1)},
    )
    told = story(of, "a", outcomes={"a": [failed()]})
    kinds = [type(each.fact if isinstance(each, Happened) else each) for each in told.passages]
    assert kinds[3:6] == [RetryScheduled, WaitedAt, WaitedAt]
    assert shortly(told) == [
        (5.0, 1.0, str(BACKOFF), None),
        (6.0, 3.0, "pool gpu", PoolFull("gpu", 0, 1)),
    ]


def test_an_open_circuit_is_a_gate() -> None:
    health = Health(0.5, min_samples=1, when_unhealthy=WhenUnhealthy.PAUSE, cool_down_s=7.0)
    of = plan(
        task("a", limits={"api": 1}),
        task("b", limits={"api": 1}, needs=["slow"]),
        task("slow", duration_s=2.0),
        limits={"api": Pool(5, health)},
    )
    told = story(of, "b", outcomes={"a": Failed(Exited(1))})
    (circuit,) = shortly(told)[1:]
    assert circuit[:3] == (2.0, 6.0, "health limit `api`")
    assert isinstance(circuit[3], CircuitOpen)


def test_what_waits_to_be_brought_back_is_told_apart_from_the_time_that_takes() -> None:
    run = Sim(
        plan(
            task("first", writes=["x"], workspace=WorkspaceKind.COPY),
            task("a", writes=["x"], workspace=WorkspaceKind.COPY),
        )
    )
    run.pass_to(1.0)
    run.finish("a")
    run.pass_to(3.0)
    run.finish("first")
    run.bring("first")
    run.pass_to(3.5)
    run.bring("a")
    assert waits(told_of(run, "a")) == [
        WaitedAt(1.0, 2.0, MERGE, None, ("first",), "first"),
        WaitedAt(3.0, 0.5, FINISH),
    ]


def test_a_story_goes_as_far_as_the_facts() -> None:
    run = Sim(plan(task("a"), task("b", needs=["a"])))
    run.pass_to(3.0)
    run.submit(task("late"))
    assert waits(told_of(run, "b")) == [WaitedAt(0.0, 3.0, DEPENDENCY, None, ("a",))]
    assert told_of(run, "b").outcome is None


@given(st.integers(0, 2**32))
def test_stories_tell_the_waits_that_metrics_count(seed: int) -> None:
    facts = simulate(seed).facts
    for id, one in metrics_of(facts).tasks.items():
        told = story_of(id, facts)
        assert told is not None
        waited: dict[str, float] = {}
        for wait in waits(told):
            waited[str(wait.gate)] = waited.get(str(wait.gate), 0.0) + wait.seconds
        assert waited == pytest.approx(one.waits)
        assert [passage.at for passage in told.passages] == sorted(passage.at for passage in told.passages)
