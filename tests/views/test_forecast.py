from __future__ import annotations

import pytest
from hypothesis import given

from weft.model.limits import Limit, Pool
from weft.model.plan import Plan
from weft.model.rate import Rate
from weft.model.scope import Scope
from weft.model.task import Task
from weft.model.timeout import Timeout
from weft.planning.prepare import prepare
from weft.testing import plan, task
from weft.testing.strategies import plans
from weft.views.forecast import Forecast, Span, forecast


def run(*tasks: Task, at_once: int = 5, limits: dict[str, int | Limit] | None = None) -> Forecast:
    return forecast(prepare(plan(*tasks, limits=limits)), at_once)


def test_tasks_start_when_those_before_them_have_ended() -> None:
    expected = run(task("a", duration_s=2.0), task("b", needs=["a"], duration_s=3.0), task("c"))
    assert expected == Forecast((Span(0.0, 2.0), Span(2.0, 5.0), Span(0.0, 1.0)), 5.0, 2, 2)


def test_a_plan_without_tasks_takes_no_time() -> None:
    assert run() == Forecast((), 0.0, 0, 0)


@pytest.mark.parametrize(("at_once", "makespan_s"), [(1, 4.0), (2, 2.0), (3, 2.0), (4, 1.0)])
def test_no_more_run_at_once_than_may(at_once: int, makespan_s: float) -> None:
    expected = run(*(task(f"t{n}") for n in range(4)), at_once=at_once)
    assert expected.makespan_s == makespan_s
    assert expected.widest <= at_once


def test_a_pool_is_kept() -> None:
    gpu = [task(f"t{n}", limits={"gpu": 1}) for n in range(3)]
    assert run(*gpu, limits={"gpu": 1}).makespan_s == 3.0


def test_a_rate_is_kept() -> None:
    asked = run(*(task(f"t{n}", limits={"api": 1}) for n in range(5)), limits={"api": Rate("2/min")})
    assert [span.start_s for span in asked.spans] == [0.0, 0.0, 60.0, 60.0, 120.0]
    assert (asked.makespan_s, asked.widest) == (121.0, 2)


def test_a_burst_spreads_the_starts() -> None:
    limits: dict[str, int | Limit] = {"api": Rate("4/s", burst=1)}
    asked = run(*(task(f"t{n}", limits={"api": 1}) for n in range(3)), limits=limits)
    assert [span.start_s for span in asked.spans] == [0.0, 0.25, 0.5]


def test_a_lock_is_held_by_one_alone_or_shared() -> None:
    held = run(task("a", locks=["x"]), task("b", locks={"x": "shared"}), task("c", locks={"x": "shared"}))
    assert [span.start_s for span in held.spans] == [0.0, 1.0, 1.0]


def test_what_is_shared_with_other_processes_is_taken_as_free() -> None:
    limits: dict[str, int | Limit] = {"gpu": Pool(1, scope=Scope.MACHINE)}
    assert run(*(task(f"t{n}", limits={"gpu": 1}) for n in range(2)), limits=limits).makespan_s == 2.0


def test_nothing_fails_by_taking_longer_than_it_may() -> None:
    slow = task("a", duration_s=9.0, timeout=Timeout(1.0, 2.0))
    assert run(slow, task("b", needs=["a"]), task("c")).spans == (
        Span(0.0, 9.0),
        Span(9.0, 10.0),
        Span(0.0, 1.0),
    )


def test_speculation_makes_room_and_is_dropped_at_the_end() -> None:
    tasks = [
        task("work", duration_s=3.0),
        task("guess", duration_s=50.0, speculative=True),
        task("more", needs=["work"]),
        task("other", needs=["work"]),
    ]
    expected = run(*tasks, at_once=2)
    assert expected.makespan_s == 4.0
    assert expected.spans[1] == Span(0.0, 3.0)


def test_what_ends_makes_room_for_what_starts_at_the_same_moment() -> None:
    first = [task(f"a{n}") for n in range(3)]
    then = [task(f"b{n}", needs=["a0", "a1", "a2"]) for n in range(3)]
    assert run(*first, *then, at_once=10).widest == 3


def test_sums_of_durations_in_whatever_order_give_the_same_moment() -> None:
    tasks = [task("a", duration_s=0.1), task("b", duration_s=0.2, needs=["a"]), task("c", duration_s=0.3)]
    after = [task("d", needs=["b"]), task("e", needs=["c"])]
    assert run(*tasks, *after).widest == 2


def test_tasks_that_take_no_time_are_there_at_their_moment() -> None:
    assert run(task("a", duration_s=0.0), task("b", duration_s=0.0)).widest == 2


def test_a_task_that_weighs_more_takes_more_slots() -> None:
    expected = run(task("a", limits={"max_concurrent": 3}), task("b"), at_once=4)
    assert (expected.widest, expected.widest_slots) == (2, 4)


@given(given=plans())
def test_every_task_runs_for_its_duration_after_what_it_needs(given: Plan) -> None:
    prepared = prepare(given)
    expected = forecast(prepared, given.max_concurrent or 5)
    for prepared_task, span in zip(prepared.tasks, expected.spans, strict=True):
        duration_s = prepared_task.task.duration_s
        assert span.end_s - span.start_s == pytest.approx(1.0 if duration_s is None else duration_s)
        assert all(expected.spans[edge.before].end_s <= span.start_s for edge in prepared_task.edges)
    assert expected.widest_slots <= (given.max_concurrent or 5)
    assert expected.makespan_s == max((span.end_s for span in expected.spans), default=0.0)
