from __future__ import annotations

from typing import Any

from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Pool
from weft.model.outcome import Failed, Succeeded
from weft.model.plan import Plan
from weft.model.rate import Rate
from weft.model.reason import CircuitOpen, Exited, LockHeld, Needs, PoolFull
from weft.model.retry import Jitter, Retry
from weft.planning.outline import outline_of
from weft.planning.prepare import prepare
from weft.scheduling.facts import AttemptStarted, RetryScheduled
from weft.testing import Sim, failed, plan, task
from weft.views.story import Happened, Story, WaitedAt, WaitedFor, story_of

PROMPT = Retry(base_s=1.0, factor=1.0, jitter=Jitter.NONE)


def story(of: Plan, id: str, max_concurrent: int = 9, outcomes: Any = None) -> Story:
    run = Sim(of, max_concurrent=max_concurrent)
    run.play(outcomes)
    told = story_of(id, run.facts, outline_of(prepare(of), max_concurrent))
    assert told is not None
    return told


def waits(told: Story) -> list[tuple[float, float, object]]:
    return [
        (wait.at, round(wait.seconds, 6), wait.because)
        for wait in told.passages
        if isinstance(wait, WaitedAt | WaitedFor)
    ]


def test_a_task_that_runs_at_once_has_waited_for_nothing() -> None:
    told = story(plan(task("a")), "a")
    assert waits(told) == []
    assert told.outcome == Succeeded()
    kinds = [type(each.fact).__name__ for each in told.passages if isinstance(each, Happened)]
    assert kinds == ["TaskAdded", "AttemptStarted", "AttemptEnded", "TaskEnded"]


def test_a_run_without_that_task_has_no_story_of_it() -> None:
    of = plan(task("a"))
    assert story_of("b", Sim(of).facts, outline_of(prepare(of), 1)) is None


def test_the_task_before_it_that_ended_last_is_told_with_the_reason() -> None:
    of = plan(task("a", duration_s=1.0), task("b", duration_s=3.0), task("c", needs=["a", "b"]))
    told = story(of, "c")
    assert [each for each in told.passages if isinstance(each, WaitedFor)] == [
        WaitedFor(0.0, 3.0, ("a", "b"), "b", Needs("b"))
    ]


def test_a_task_that_has_never_run_tells_what_it_waited_for() -> None:
    of = plan(task("a"), task("slow", duration_s=5.0), task("b", needs=["a", "slow"]))
    told = story(of, "b", outcomes={"a": failed()})
    assert [each for each in told.passages if isinstance(each, WaitedFor)] == [WaitedFor(0.0, 1.0, ("slow",))]


def test_each_gate_is_told_with_the_time_during_which_it_was_closed() -> None:
    of = plan(
        task("wide", duration_s=2.0, limits={"gpu": 2}),
        task("long", duration_s=5.0, locks=["prod"]),
        task("late", limits={"gpu": 1}, locks=["prod"]),
        limits={"gpu": Pool(2)},
    )
    assert waits(story(of, "late")) == [
        (0.0, 5.0, LockHeld("prod", ("long",))),
        (0.0, 2.0, PoolFull("gpu", 0, 1)),
    ]


def test_the_slots_of_the_run_are_a_gate_like_others() -> None:
    of = plan(task("a", duration_s=2.0), task("b", duration_s=1.0))
    assert waits(story(of, "b", max_concurrent=1)) == [(0.0, 2.0, PoolFull("max_concurrent", 0, 1))]


def test_a_wait_that_no_fact_explains_names_the_rates() -> None:
    of = plan(*(task(name, limits={"api": 1}) for name in "ab"), limits={"api": Rate(1, per="10s")})
    told = story(of, "b")
    assert [each for each in told.passages if isinstance(each, WaitedAt)] == [
        WaitedAt(0.0, 10.0, None, ("api",))
    ]


def test_the_delay_before_another_attempt_is_no_wait_at_a_gate_and_what_follows_is() -> None:
    of = plan(
        task("a", limits={"gpu": 1}, retry=PROMPT, duration_s=5.0),
        task("b", limits={"gpu": 1}, duration_s=4.0),
        limits={"gpu": Pool(1)},
    )
    told = story(of, "a", outcomes={"a": [failed()]})
    due = [
        each.fact.due
        for each in told.passages
        if isinstance(each, Happened) and isinstance(each.fact, RetryScheduled)
    ]
    assert due == [6.0]
    assert waits(told) == [(6.0, 3.0, PoolFull("gpu", 0, 1))]


def test_an_open_circuit_is_a_gate() -> None:
    health = Health(0.5, min_samples=1, when_unhealthy=WhenUnhealthy.PAUSE, cool_down_s=7.0)
    of = plan(
        task("a", limits={"api": 1}),
        task("b", limits={"api": 1}, needs=["slow"]),
        task("slow", duration_s=2.0),
        limits={"api": Pool(5, health)},
    )
    told = story(of, "b", outcomes={"a": Failed(Exited(1))})
    (circuit,) = waits(told)[1:]
    assert circuit[:2] == (2.0, 6.0)
    assert isinstance(circuit[2], CircuitOpen)


def test_without_an_outline_the_facts_are_told_alone() -> None:
    run = Sim(plan(task("a", duration_s=2.0), task("b", needs=["a"])), max_concurrent=1)
    run.play()
    told = story_of("b", run.facts, None)
    assert told is not None
    assert waits(told) == []
    started = [
        each for each in told.passages if isinstance(each, Happened) and type(each.fact) is AttemptStarted
    ]
    assert [each.at for each in started] == [2.0]
