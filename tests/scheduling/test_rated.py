"""Rates in a run: the real scheduler, in virtual time, against one that does everything by the book."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.limits import MAX_CONCURRENT
from weft.model.outcome import Cancelled, Failed, Outcome
from weft.model.priority import HIGH, LOW, Priority
from weft.model.rate import Aimd, Rate, costs_of
from weft.model.reason import CancelAsked, Exited, PoolFull, PoolReserved, RateDue, TimedOut
from weft.model.retry import Retry
from weft.model.timeout import Timeout
from weft.scheduling.facts import AttemptStarted
from weft.scheduling.rates import Pacer, Reservation
from weft.testing import Sim, cancelled, failed, plan, refused, succeeded, task

# Moments that a float holds exactly.
eighths = st.integers(0, 24).map(lambda number: number / 8)


Limit = Mapping[str, str | tuple[str, ...]]


class Story(msgspec.Struct, frozen=True):
    """A task that comes at some moment, what it says that it costs, and what becomes of it."""

    comes_at: float
    takes_s: float
    priority: Priority
    cost: Mapping[str, int]
    told: Mapping[str, int]
    outcome: Outcome


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """Rates with one window, or several, some of them of other costs."""
    requests, tokens = draw(st.integers(1, 6)), draw(st.integers(2, 12))
    spans = st.sampled_from(["0.5s", "1s", "2s"])
    one, other = f"{requests}/{draw(spans)}", f"{draw(st.integers(1, 9))}/{draw(spans)}"
    several = {"requests": one, "tokens": f"{tokens}/1s"}
    limits: list[Limit] = [{"requests": one}, {"requests": (one, other)}, several]
    limit = draw(st.sampled_from(limits))
    burst = draw(st.none() | st.integers(1, requests))
    return Rate(limit, burst=burst, adapt=draw(st.sampled_from([None, Aimd(), Aimd(0.5, 0.5)])))


def largest(rate: Rate, cost: str) -> int:
    return min(window.largest for window in rate.windows if window.cost == cost)


@st.composite
def stories(draw: st.DrawFn, rate: Rate) -> Story:
    names = list(dict.fromkeys(window.cost for window in rate.windows))
    ends: list[Outcome] = [succeeded(), succeeded(), failed(), refused(), refused(0.5), refused(3.0)]
    return Story(
        comes_at=draw(eighths),
        takes_s=draw(eighths),
        priority=draw(st.sampled_from(Priority)),
        cost={name: draw(st.integers(0, largest(rate, name))) for name in names},
        told=draw(st.dictionaries(st.sampled_from(names), st.integers(0, 12))),
        outcome=draw(st.sampled_from(ends)),
    )


def by_the_book(rate: Rate, told: list[Story]) -> dict[int, float]:
    """Return when each task starts: the best of those that have come, as soon as the rate has room for it."""
    pacer, starts = Pacer(rate), dict[int, float]()
    running: dict[int, Reservation] = {}
    waiting: list[tuple[int, float, int]] = []
    to_come = [(story.comes_at, 0, number) for number, story in enumerate(told)]
    heapify(to_come)
    now = 0.0
    while to_come or waiting:
        due = pacer.due(costs_of(rate, told[waiting[0][2]].cost), now) if waiting else None
        if due is not None and (due <= now or not to_come or due < to_come[0][0]):
            now = max(now, due)
            _, _, number = heappop(waiting)
            running[number] = pacer.reserve(costs_of(rate, told[number].cost), now)
            starts[number] = now
            heappush(to_come, (now + told[number].takes_s, 1 + len(starts), number))
            continue
        now, kind, number = heappop(to_come)
        story = told[number]
        if kind == 0:
            heappush(waiting, (-story.priority, -story.takes_s, number))
            continue
        costs = {**costs_by_name(rate, story), **story.told}
        pacer.settle(running[number], [costs[window.cost] for window in rate.windows], now)
        if isinstance(story.outcome, Failed) and story.outcome.exception is not None:
            pacer.refused(running[number], now, story.outcome.retry_after_s or 0.0)
    return starts


def costs_by_name(rate: Rate, story: Story) -> dict[str, int]:
    windows = zip(rate.windows, costs_of(rate, story.cost), strict=True)
    return {window.cost: units for window, units in windows}


def by_the_scheduler(rate: Rate, told: list[Story]) -> dict[int, float]:
    """Return when each task starts, woken at no other moment than the scheduler wants."""
    run = Sim(plan(limits={"api": rate}))
    to_come = [(story.comes_at, 0, number) for number, story in enumerate(told)]
    heapify(to_come)
    names: list[int] = []
    n_started = 0
    while to_come or run.wake_at is not None:
        if run.wake_at is not None and (not to_come or run.wake_at < to_come[0][0]):
            run.wake()
        else:
            moment, kind, number = heappop(to_come)
            run.clock.advance_to(moment)
            story = told[number]
            if kind == 0:
                names.append(number)
                limits = {"api": story.cost}
                run.submit(
                    task(f"t{number}", limits=limits, priority=story.priority, duration_s=story.takes_s)
                )
            else:
                run.finish(f"t{number}", story.outcome)
        for name in run.started[n_started:]:
            n_started += 1
            number = int(name[1:])
            run.tell(name, **told[number].told)
            heappush(to_come, (run.clock.now + told[number].takes_s, n_started + 1, number))
    return {names[fact.attempt.task]: fact.at for fact in run.facts if isinstance(fact, AttemptStarted)}


@given(st.data())
def test_every_task_starts_at_the_very_moment_at_which_it_may_and_in_the_order_of_choice(
    data: st.DataObject,
) -> None:
    rate = data.draw(rates())
    told = data.draw(st.lists(stories(rate), min_size=1, max_size=14))
    # Of tasks that are equal otherwise, the first to come is the first in program order.
    told.sort(key=lambda story: story.comes_at)
    expected, starts = by_the_book(rate, told), by_the_scheduler(rate, told)
    assert starts == expected
    assert len(starts) == len(told)
    for number, window in enumerate(rate.windows):
        spent: list[tuple[float, int]] = []
        for at, task_at in sorted((at, task_at) for task_at, at in starts.items()):
            cost, story = costs_of(rate, told[task_at].cost)[number], told[task_at]
            true = min(cost, story.told.get(window.cost, cost))
            used = sum(units for before, units in spent if before + window.per_s > at)
            assert used + true <= window.limit, "a span holds more than the limit"
            spent.append((at, true))


# Costs


def test_what_it_cost_less_is_free_at_once_and_a_task_starts_in_that_very_step() -> None:
    rate = Rate({"requests": "10/min", "tokens": "1000/min"})
    limits = {"model": {"tokens": 800}}
    run = Sim(plan(task("a", limits=limits), task("b", limits=limits), limits={"model": rate}))
    assert run.waiting("b") == (RateDue("model.tokens", 800, 60.0),)
    run.tell("a", tokens=150)
    run.pass_to(2.0)
    assert run.running == ["a"], "it may yet cost more"
    run.finish("a")
    assert run.running == ["b"]


def test_what_it_cost_more_counts_from_its_end_on() -> None:
    run = Sim(plan(task("a", limits={"api": 1}), limits={"api": Rate(10, per=60.0)}))
    run.pass_to(5.0)
    run.tell("a", api=25)
    run.finish("a")
    run.submit(task("b", limits={"api": 1}))
    assert run.waiting("b") == (RateDue("api", 1, 65.0),)
    run.pass_to(65.0)
    assert run.running == ["b"]


def test_of_what_is_told_twice_the_last_word_counts() -> None:
    run = Sim(plan(task("a", limits={"api": 5}), limits={"api": Rate(10, per=60.0)}))
    run.tell("a", api=9)
    run.tell("a", api=1)
    run.finish("a")
    run.submit(task("b", limits={"api": 9}))
    assert run.running == ["b"]


def test_what_a_task_tells_that_uses_no_rate_is_of_no_consequence() -> None:
    run = Sim(plan(task("a"), limits={"api": Rate(1, per=60.0)}))
    run.tell("a", api=9)
    run.finish("a")
    run.submit(task("b", limits={"api": 1}))
    assert run.running == ["b"]


def test_a_start_was_a_start_also_if_it_is_taken_back() -> None:
    run = Sim(plan(task("a", limits={"api": 1}), limits={"api": Rate(1, per=60.0)}))
    run.cancel("a")
    run.finish("a", cancelled())
    run.submit(task("b", limits={"api": 1}))
    assert run.wake_at == 60.0


def test_each_attempt_costs_anew() -> None:
    a = task("a", limits={"api": 1}, retry=Retry(base_s=0.0))
    run = Sim(plan(a, limits={"api": Rate(2, per=60.0)}))
    run.finish("a", failed())
    run.finish("a", failed())
    assert run.waiting("a") == (RateDue("api", 1, 60.0),)
    assert run.wake_at == 60.0


def test_when_nobody_waits_for_a_rate_any_more_nobody_wants_to_be_woken() -> None:
    tasks = [task(name, limits={"api": 1}) for name in "ab"]
    run = Sim(plan(*tasks, limits={"api": Rate(1, per=60.0)}))
    assert run.wake_at == 60.0
    run.cancel("b")
    assert run.wake_at is None


# Refusals


def busy_api(n_running: int, rate: Rate) -> Sim:
    return Sim(plan(*(task(f"a{n}", limits={"api": 1}) for n in range(n_running)), limits={"api": rate}))


def n_free(run: Sim) -> int:
    """How many units start at once now."""
    before = len(run.started)
    number = len(run.plan.tasks)
    run.submit(*(task(f"b{number + n}", limits={"api": 1}) for n in range(20)))
    free = len(run.started) - before
    run.cancel(*(f"b{number + n}" for n in range(20)))
    for name in run.running:
        run.finish(name, cancelled())
    return free


def test_a_refusal_closes_the_rate_until_the_other_side_wants_to_see_us_again() -> None:
    run = busy_api(2, Rate(8, per=1.0))
    run.finish("a0", refused(30.0))
    run.submit(task("b", limits={"api": 1}))
    run.pass_to(29.9)
    assert run.waiting("b") == (RateDue("api", 1, 30.0),)
    run.pass_to(30.0)
    assert run.running == ["a1", "b"]


@pytest.mark.parametrize("n_refused", [1, 2, 8])
def test_a_burst_of_refusals_halves_the_rate_once(n_refused: int) -> None:
    run = busy_api(8, Rate(8, per=1.0, adapt=Aimd(increase=0.125)))
    for number in range(n_refused):
        run.finish(f"a{number}", refused(1.0))
    run.pass_to(1.0)
    assert n_free(run) == 4


def test_the_next_burst_halves_it_again_and_it_recovers_step_by_step() -> None:
    run = busy_api(8, Rate(8, per=1.0, adapt=Aimd(increase=0.25)))
    run.finish("a0", refused())
    run.pass_to(1.0)
    run.submit(task("again", limits={"api": 1}))
    run.finish("again", refused())
    found = []
    for moment in (2.0, 3.0, 4.0, 5.0):
        run.pass_to(moment)
        found.append(n_free(run))
    assert found == [5, 7, 8, 8]


def test_an_exit_code_of_the_plans_choice_is_a_refusal_and_others_are_not() -> None:
    rate = Rate(8, per=1.0, refused_on=(75,), adapt=Aimd(increase=0.125))
    for code, free in ((75, 5), (1, 8)):
        run = busy_api(8, rate)
        run.finish("a0", failed(Exited(code)))
        run.pass_to(1.0)
        assert n_free(run) == free


def test_a_refused_task_is_tried_again_when_both_its_delay_and_the_rate_allow_it() -> None:
    for base_s, due in ((1.0, 10.0), (8.0, 16.0)):
        a = task("a", limits={"api": 1}, retry=Retry(base_s=base_s))
        run = Sim(plan(a, limits={"api": Rate(8, per=1.0)}))
        run.finish("a", refused(10.0))
        while not run.running:
            run.wake()
        assert run.clock.now == due


def test_a_refusal_counts_also_of_an_attempt_that_was_asked_to_end() -> None:
    run = Sim(
        plan(task("a", limits={"api": 1}, timeout=Timeout(attempt_s=5.0)), limits={"api": Rate(8, per=1.0)})
    )
    run.pass_to(5.0)
    run.finish("a", refused(30.0))
    assert run.outcomes == {"a": failed(TimedOut(5.0))}
    run.submit(task("b", limits={"api": 1}))
    assert run.wake_at == 35.0


# Together with others


def test_who_waits_for_a_rate_does_not_hold_up_those_who_do_not_use_it() -> None:
    tasks = [
        task("a", limits={"api": 1}),
        task("b", limits={"api": 1}, priority=HIGH),
        task("c", priority=LOW),
    ]
    run = Sim(plan(*tasks, limits={"api": Rate(1, per=60.0)}), max_concurrent=2)
    assert run.running == ["b", "c"]


def test_no_units_of_a_pool_are_kept_for_a_task_that_its_rate_stops() -> None:
    tasks = [
        task("first", limits={"api": 1, "gpu": 1}),
        task("both", limits={"api": 1, "gpu": 1}, priority=LOW),
    ]
    run = Sim(plan(*tasks, limits={"api": Rate(1, per=60.0), "gpu": 1}), max_concurrent=4)
    run.submit(task("gpu", limits={"gpu": 1}, priority=LOW))
    run.finish("first")
    assert run.running == ["gpu"]
    assert run.waiting("both") == (RateDue("api", 1, 60.0), PoolFull("gpu", 0, 1))


def test_units_that_were_kept_are_given_up_when_the_rate_closes() -> None:
    tasks = [task("a", limits={"gpu": 1}), task("n0", limits={"gpu": 1})]
    run = Sim(plan(*tasks, limits={"api": Rate(1, per=60.0), "gpu": 2}))
    run.submit(task("wide", limits={"api": 1, "gpu": 2}, priority=HIGH))
    run.finish("a")
    run.submit(task("n1", limits={"gpu": 1}))
    assert run.waiting("n1") == (PoolReserved("gpu", by="wide"),)
    run.submit(task("urgent", limits={"api": 1}, priority=HIGH, duration_s=9.0))
    run.finish("n0")
    assert run.running == ["n1", "urgent"]


def test_the_rate_is_kept_for_a_task_that_waits_for_a_pool_after_it() -> None:
    run = Sim(plan(task("a", limits={"api": 1}), limits={"api": Rate(1, per=10.0), "gpu": 2}))
    run.submit(task("wide", limits={"api": 1, "gpu": 2}, priority=HIGH), task("b", limits={"api": 1}))
    for number in range(100):
        run.submit(task(f"n{number}", limits={"gpu": 1}))
    while "wide" not in run.started:
        run.pass_to(run.clock.now + 3.0)
        run.finish(run.running[-1])
    assert run.clock.now <= 10.0 + 2 * 3.0
    assert "b" not in run.started


def test_slots_are_not_kept_for_a_heavy_task_that_its_rate_stops() -> None:
    run = Sim(plan(task("a", limits={"api": 1}), limits={"api": Rate(1, per=60.0)}), max_concurrent=2)
    run.submit(task("heavy", limits={"api": 1, MAX_CONCURRENT: 2}, priority=HIGH), task("b"), task("c"))
    run.finish("a")
    assert run.running == ["b", "c"]


def test_who_waits_behind_a_better_one_at_a_rate_is_told_for_whom() -> None:
    tasks = [task(name, limits={"api": cost}) for name, cost in (("a", 3), ("b", 3), ("c", 1))]
    run = Sim(plan(*tasks, limits={"api": Rate(4, per=10.0)}))
    assert run.waiting("c") == (PoolReserved("api", by="b"),)
    assert run.wake_at == 10.0


def test_a_task_that_is_taken_back_leaves_the_rate_to_others() -> None:
    tasks = [task(name, limits={"api": cost}) for name, cost in (("a", 3), ("b", 3), ("c", 1))]
    run = Sim(plan(*tasks, limits={"api": Rate(4, per=10.0)}))
    run.cancel("b")
    assert run.running == ["a", "c"]
    assert run.outcomes == {"b": Cancelled(CancelAsked())}
