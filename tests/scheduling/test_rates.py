"""Rates, in virtual time: the log against a reckoning that remembers everything and asks about every span."""

from __future__ import annotations

from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.model.rate import Aimd, Rate
from weft.model.reason import PoolReserved
from weft.planning.prepare import PreparedTask
from weft.scheduling.admission import Admission
from weft.scheduling.health import Monitors
from weft.scheduling.node import Node
from weft.scheduling.rates import Pacer, RateGate, Reservation, State
from weft.scheduling.states import READY
from weft.testing import Sim, plan, task

# Moments that a float holds exactly, so that the reckoning below and the log can't differ by rounding.
spans = st.sampled_from([0.25, 1.0, 2.0, 8.0])
waits = st.integers(0, 40).map(lambda eighths: eighths / 8)


class Reckoning:
    """Every start and every over-use of one window, for ever."""

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self.spent: list[tuple[float, int]] = []

    def used(self, now: float) -> int:
        return sum(cost for moment, cost in self.spent if moment + self.per_s > now)

    def due(self, cost: int, limit: int, now: float) -> float:
        moments = sorted({now, *(moment + self.per_s for moment, _ in self.spent)})
        return next(
            at for at in moments if at >= now and (self.used(at) + cost <= limit or not self.used(at))
        )

    def fullest_span(self) -> int:
        begins = [moment for moment, _ in self.spent]
        return max(
            sum(cost for moment, cost in self.spent if begin <= moment < begin + self.per_s)
            for begin in begins
        )


@given(st.data(), st.integers(1, 12), spans)
def test_no_span_is_overfull_and_no_start_waits_that_need_not(
    data: st.DataObject, limit: int, per_s: float
) -> None:
    pacer, reckoning, now = Pacer(Rate(limit, per=per_s, adapt=None)), Reckoning(per_s), 0.0
    for _ in range(data.draw(st.integers(1, 30))):
        now += data.draw(waits)
        cost = data.draw(st.integers(1, limit))
        due = pacer.due((cost,), now)
        assert due == reckoning.due(cost, limit, now)
        assert (cost <= pacer.free(0, now)) == (due <= now)
        now = due
        pacer.reserve((cost,), now)
        reckoning.spent.append((now, cost))
    assert reckoning.fullest_span() <= limit


@given(st.data(), st.integers(1, 12), st.integers(1, 12), spans, spans)
def test_all_windows_of_a_rate_hold_at_once(
    data: st.DataObject, requests: int, tokens: int, one_s: float, other_s: float
) -> None:
    rate = Rate({"requests": f"{requests}/{one_s}s", "tokens": f"{tokens}/{other_s}s"}, adapt=None)
    pacer, reckonings, now = Pacer(rate), (Reckoning(one_s), Reckoning(other_s)), 0.0
    for _ in range(data.draw(st.integers(1, 30))):
        now += data.draw(waits)
        costs = (data.draw(st.integers(1, requests)), data.draw(st.integers(0, tokens)))
        now = pacer.due(costs, now)
        pacer.reserve(costs, now)
        for reckoning, cost in zip(reckonings, costs, strict=True):
            reckoning.spent.append((now, cost))
    assert reckonings[0].fullest_span() <= requests
    assert reckonings[1].fullest_span() <= tokens


@given(st.data(), st.integers(1, 12), spans)
def test_what_a_start_cost_in_truth_is_what_counts(data: st.DataObject, limit: int, per_s: float) -> None:
    pacer, now = Pacer(Rate(limit, per=per_s, adapt=None)), 0.0
    truth = Reckoning(per_s)
    running: list[Reservation] = []
    for _ in range(data.draw(st.integers(1, 30))):
        now += data.draw(waits)
        if data.draw(st.booleans()) and running:
            reserved = running.pop(data.draw(st.integers(0, len(running) - 1)))
            actual, was = data.draw(st.integers(0, 2 * limit)), reserved.costs[0]
            pacer.settle(reserved, (actual,), now)
            truth.spent.remove((reserved.moment, was))
            truth.spent += [(reserved.moment, min(actual, was)), (now, max(0, actual - was))]
        else:
            cost = data.draw(st.integers(0, limit))
            due = pacer.due((cost,), now)
            assert due == truth.due(cost, limit, now)
            now = due
            running.append(pacer.reserve((cost,), now))
            truth.spent.append((now, cost))


@given(st.data(), st.integers(1, 40), spans)
def test_with_refusals_the_declared_limit_holds_and_each_burst_lowers_it_once(
    data: st.DataObject, limit: int, per_s: float
) -> None:
    pacer, reckoning, now = Pacer(Rate(limit, per=per_s)), Reckoning(per_s), 0.0
    running: list[Reservation] = []
    for _ in range(data.draw(st.integers(1, 30))):
        now += data.draw(waits)
        if data.draw(st.booleans()) and running:
            reserved = running.pop(data.draw(st.integers(0, len(running) - 1)))
            before, wait_s = state_at(pacer, now), data.draw(waits)
            pacer.refused(reserved, now, wait_s)
            after = pacer.state()
            first = reserved.epoch == before.epoch
            assert after.epoch == before.epoch + first
            assert after.meters[0].limit == (
                max(1, before.meters[0].limit // 2) if first else limit_of(before)
            )
            assert pacer.due((1,), now) >= now + wait_s
        else:
            cost = data.draw(st.integers(1, limit))
            due = pacer.due((cost,), now)
            assert pacer.due((cost,), due) == due, "due is not a moment at which it may start"
            now = due
            running.append(pacer.reserve((cost,), now))
            reckoning.spent.append((now, cost))
    assert not reckoning.spent or reckoning.fullest_span() <= limit
    assert limit_of(state_at(pacer, now + 1000)) == limit, "it recovers in the end"


@given(st.data(), st.integers(2, 40), spans)
def test_after_refusals_too_no_start_waits_that_need_not(
    data: st.DataObject, limit: int, per_s: float
) -> None:
    pacer, now = Pacer(Rate(limit, per=per_s)), 0.0
    starts: list[Reservation] = []
    for _ in range(data.draw(st.integers(1, 4))):
        cost = data.draw(st.integers(1, limit))
        now = pacer.due((cost,), now + data.draw(waits))
        starts.append(pacer.reserve((cost,), now))
    pacer.refused(starts[-1], now)
    cost = data.draw(st.integers(1, limit))
    due = pacer.due((cost,), now)
    moments = [now + number / 8 for number in range(int((due - now) * 8))]
    assert all(cost > again(pacer).free(0, moment) for moment in moments)
    assert cost <= pacer.free(0, due)


def state_at(pacer: Pacer, now: float) -> State:
    pacer.free(0, now)
    return pacer.state()


def limit_of(state: State) -> int:
    return state.meters[0].limit


def again(pacer: Pacer, rate: Rate | None = None) -> Pacer:
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(pacer.state()), type=State)
    window = pacer.windows[0]
    return Pacer(rate or Rate(window.limit, per=window.per_s, burst=window.burst), state)


def test_the_last_unit_starts_and_the_one_after_it_waits_until_the_first_is_over() -> None:
    pacer = Pacer(Rate(2, per=1.0))
    pacer.reserve((1,), 0.0)
    assert pacer.due((1,), 0.5) == 0.5
    pacer.reserve((1,), 0.5)
    assert pacer.due((1,), 0.5) == 1.0
    assert pacer.due((2,), 0.5) == 1.5
    with pytest.raises(AssertionError, match=r"not due at 0\.5"):
        pacer.reserve((1,), 0.5)


def test_two_spans_that_touch_may_both_be_full_as_neither_holds_the_end_of_the_other() -> None:
    pacer = Pacer(Rate(3, per=1.0))
    for moment in (0.0, 1.0, 2.0):
        pacer.reserve((3,), moment)


@pytest.mark.parametrize("retry_after_s", [0.0, 4.0])
def test_a_burst_of_refusals_halves_the_rate_once_and_the_next_one_halves_it_again(
    retry_after_s: float,
) -> None:
    pacer = Pacer(Rate(8, per=1.0))
    burst = [pacer.reserve((1,), 0.0) for _ in range(4)]
    for reserved in burst:
        pacer.refused(reserved, 0.5, retry_after_s)
    assert limit_of(pacer.state()) == 4
    later = pacer.reserve((1,), pacer.due((1,), 1.0))
    pacer.refused(later, later.moment)
    assert limit_of(pacer.state()) == 2


def test_each_window_without_a_refusal_gives_a_part_of_the_rate_back() -> None:
    pacer = Pacer(Rate(100, per=1.0, adapt=Aimd(decrease=0.5, increase=0.2)))
    pacer.refused(pacer.reserve((1,), 0.0), 0.0)
    seen = [limit_of(state_at(pacer, now)) for now in (0.0, 0.875, 1.0, 2.0, 3.0, 4.0)]
    assert seen == [50, 50, 70, 90, 100, 100]


def test_a_refusal_closes_the_gate_for_as_long_as_the_other_side_asks() -> None:
    pacer = Pacer(Rate(100, per=1.0))
    pacer.refused(pacer.reserve((1,), 0.0), 0.5, retry_after_s=30.0)
    assert pacer.due((1,), 1.0) == 30.5
    assert pacer.free(0, 30.25) == -1
    pacer.reserve((1,), 30.5)
    assert pacer.free(0, 30.5) == 49


def test_a_cost_above_a_lowered_rate_goes_alone_and_does_not_wait_for_ever() -> None:
    pacer = Pacer(Rate(10, per=8.0))
    first = pacer.reserve((6,), 0.0)
    pacer.refused(first, 0.0)
    assert limit_of(pacer.state()) == 5
    assert pacer.due((8,), 1.0) == 8.0


def test_a_rate_that_does_not_adapt_is_closed_by_a_refusal_and_not_lowered() -> None:
    pacer = Pacer(Rate(10, per=1.0, adapt=None))
    pacer.refused(pacer.reserve((1,), 0.0), 0.0, retry_after_s=2.0)
    assert (pacer.free(0, 1.0), pacer.free(0, 2.0)) == (-1, 10)


def test_use_beyond_what_was_reserved_delays_what_starts_later() -> None:
    pacer = Pacer(Rate(10, per=1.0))
    pacer.settle(pacer.reserve((1,), 0.0), (25,), 4.0)
    assert pacer.free(0, 4.5) == -1  # not even what is thought to cost nothing
    assert pacer.due((0,), 4.5) == 5.0


def test_what_is_settled_after_its_span_is_over_changes_nothing() -> None:
    pacer = Pacer(Rate(2, per=1.0))
    early = pacer.reserve((2,), 0.0)
    pacer.reserve((2,), 1.0)
    pacer.settle(early, (0,), 1.5)
    assert pacer.free(0, 1.5) == 0


def test_a_burst_is_all_that_starts_at_once_and_the_rest_is_spread_evenly() -> None:
    pacer, starts = Pacer(Rate(8, per=1.0, burst=2)), list[float]()
    for _ in range(16):
        starts.append(pacer.due((1,), starts[-1] if starts else 0.0))
        pacer.reserve((1,), starts[-1])
    assert starts[:8] == [0.0, *(number / 8 for number in range(7))]
    assert starts[8:] == [1.0, *(1 + number / 8 for number in range(7))]


@given(st.data(), st.integers(1, 12), st.sampled_from([0.7, 1.0, 60.0]))
def test_what_a_bucket_says_is_free_is_what_is_due(data: st.DataObject, limit: int, per_s: float) -> None:
    burst = data.draw(st.integers(1, limit))
    pacer, now = Pacer(Rate(limit, per=per_s, burst=burst)), 0.0
    for _ in range(20):
        now += data.draw(st.floats(0, 2 * per_s))
        cost = data.draw(st.integers(0, burst))
        assert (cost <= pacer.free(0, now)) == (pacer.due((cost,), now) <= now)
        now = pacer.due((cost,), now)
        pacer.reserve((cost,), now)


def test_memory_is_bounded_and_still_no_span_is_overfull() -> None:
    most, limit = 64, 10_000
    pacer, reckoning, now = Pacer(Rate(limit, per=1.0), most=most), Reckoning(1.0), 0.0
    kept = 0
    for _ in range(3000):
        now += 1 / 4096
        now = pacer.due((7,), now)
        pacer.reserve((7,), now)
        reckoning.spent.append((now, 7))
        kept = max(kept, len(pacer.state().meters[0].moments))
    assert kept <= most
    last = reckoning.spent[-2000:]
    assert max(sum(cost for at, cost in last if begin <= at < begin + 1) for begin, _ in last[::50]) <= limit
    # What was merged is late by no more than a cell, a thirty-second of the span.
    assert now <= 3000 * 7 / limit + 3 / 32


def test_a_start_may_be_taken_for_a_while_and_counts_as_if_it_came_at_the_end_of_it() -> None:
    pacer = Pacer(Rate(1, per=1.0))
    assert pacer.reserve((1,), 0.0, until=0.25).moment == 0.25
    assert pacer.due((1,), 0.5) == 1.25


@given(st.data(), st.integers(1, 12), spans)
def test_a_pacer_goes_on_from_what_another_has_remembered(
    data: st.DataObject, limit: int, per_s: float
) -> None:
    rate = Rate(limit, per=per_s)
    one, other, now = Pacer(rate), Pacer(rate), 0.0
    for _ in range(10):
        now += data.draw(waits)
        cost = data.draw(st.integers(1, limit))
        assert one.due((cost,), now) == other.due((cost,), now)
        now = one.due((cost,), now)
        reserved = one.reserve((cost,), now)
        other.reserve((cost,), now)
        if data.draw(st.booleans()):
            one.refused(reserved, now)
            other.refused(reserved, now)
        other = again(other, rate)


def test_a_gate_opens_as_time_passes_and_not_as_tasks_end() -> None:
    gate = RateGate("api", "api", Pacer(Rate(2, per=1.0)))
    gate.look(0.0)
    gate.take(2)
    gate.give_back(2)
    assert gate.free == 0
    assert gate.due(1) == 1.0
    gate.look(1.0)
    assert gate.free == 2


def test_before_it_has_looked_at_the_clock_a_gate_lets_nobody_through() -> None:
    assert RateGate("api", "api", Pacer(Rate(2, per=1.0))).due(1) == -inf


def test_admission_starts_what_the_rate_allows_in_the_order_of_choice() -> None:
    gate = RateGate("api", "api", Pacer(Rate(3, per=1.0)))
    gate.look(0.0)
    admission = Admission(10, {}, Monitors(None, {}, {}), 300.0)
    admission.gates["api"] = gate
    for position, cost in enumerate([2, 2, 1]):
        node = Node(PreparedTask(position, task(f"t{position}", limits={"api": cost})))
        node.become(READY)
        admission.enqueue(node, 0.0)
    assert [node.prepared.position for node in admission.start_all(0.0)] == [0]
    assert gate.reserved_for is not None, "the small one that comes later does not overtake"
    assert gate.due(2) == 1.0


@given(st.data(), st.integers(1, 12), spans)
def test_a_gate_lets_through_what_its_pacer_would(data: st.DataObject, limit: int, per_s: float) -> None:
    alone, gate = Pacer(Rate(limit, per=per_s)), RateGate("api", "api", Pacer(Rate(limit, per=per_s)))
    now = 0.0
    for _ in range(20):
        now += data.draw(waits)
        gate.look(now)
        cost = data.draw(st.integers(1, limit))
        assert gate.due(cost) == alone.due((cost,), now)
        if cost <= gate.free:
            gate.take(cost)
            alone.reserve((cost,), now)


def test_a_run_is_woken_when_the_rate_has_room_and_not_for_those_who_wait_for_a_better_one() -> None:
    tasks = [task(name, limits={"api": cost}) for name, cost in (("a", 2), ("b", 2), ("c", 1))]
    run = Sim(msgspec.structs.replace(plan(*tasks), limits={"api": Rate(3, per=10.0)}))
    assert run.running == ["a"]
    assert run.waiting("c") == (PoolReserved("api", by="b"),)
    assert run.wake_at == 10.0
