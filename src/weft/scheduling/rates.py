"""Rates: when the next start is due, so that no span of time sees more than its limit.

A log of all starts of the last `per` decides, as a token bucket would let up to twice the limit through
in some spans. It is exact: a start is refused if, and only if, some span of length `per` (half-open,
wherever it begins) would hold more than the limit. Very many starts in one span are told apart by no
more than some thousandth of it, and then err to the late side: memory is bounded.

Knows costs and moments of one rate. Who starts next is decided in `admission`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from math import floor, inf

import msgspec

from weft.model.rate import Aimd, Rate, Window
from weft.model.reason import PoolReserved, RateDue, WaitReason
from weft.scheduling.node import Node
from weft.scheduling.ready import Gate

# Up to so many starts in one span are remembered one by one: a megabyte at most.
MOST_STARTS = 16384


class Reservation(msgspec.Struct, frozen=True):
    """What a start has taken of each window at ``moment``; the rate had been lowered ``epoch`` times then."""

    moment: float
    costs: tuple[int, ...]
    epoch: int = 0


class Meter(msgspec.Struct):
    """What one window has to remember."""

    limit: int  # at present: the declared one, or less after refusals
    clean_since: float = -inf  # no refusal from then on that the limit has not been raised for
    even_at: float = -inf  # when the bucket of the burst is full again
    moments: list[float] = []
    costs: list[int] = []


class State(msgspec.Struct):
    """What a `Pacer` has to remember, for those who keep it outside of this process."""

    meters: list[Meter]
    closed_until: float = -inf
    epoch: int = 0


class Log:
    """The starts of the last ``per_s`` seconds: moments in order, and costs."""

    __slots__ = ("_costs", "_head", "_moments", "_most", "_per_s", "used")

    def __init__(self, per_s: float, meter: Meter, most: int) -> None:
        self._per_s = per_s
        self._most = most
        self._moments = meter.moments
        self._costs = meter.costs
        self._head = 0  # those before it are over
        self.used = sum(meter.costs)

    def add(self, moment: float, cost: int) -> None:
        """Remember a start."""
        if not cost:
            return
        moments = self._moments
        at = len(moments)
        if at > self._head and moment <= moments[-1]:
            at = bisect_left(moments, moment, self._head)
        if at < len(moments) and moments[at] == moment:
            self._costs[at] += cost
        else:
            moments.insert(at, moment)
            self._costs.insert(at, cost)
        self.used += cost
        if len(moments) - self._head > self._most:
            self._compact()

    def forget(self, now: float) -> None:
        """Let go of the starts that are over by ``now``."""
        moments, head = self._moments, self._head
        while head < len(moments) and moments[head] + self._per_s <= now:
            self.used -= self._costs[head]
            head += 1
        self._head = head
        if 2 * head >= len(moments):  # so that each entry is moved once at most
            del moments[:head], self._costs[:head]
            self._head = 0

    def take_back(self, moment: float, units: int, now: float) -> None:
        """Let the start at ``moment`` have cost less, unless it is over by ``now``."""
        if moment + self._per_s > now:
            self.used -= units
            at = bisect_left(self._moments, moment, self._head)  # it may have been moved, but never back
            while units:
                taken = min(units, self._costs[at])
                self._costs[at] -= taken
                units -= taken
                at += 1

    def coming(self) -> Iterator[tuple[float, int]]:
        """Yield when each start will be over, and its cost."""
        for at in range(self._head, len(self._moments)):
            yield self._moments[at] + self._per_s, self._costs[at]

    def kept(self) -> tuple[list[float], list[int]]:
        """Return moments and costs."""
        return self._moments[self._head :], self._costs[self._head :]

    def _compact(self) -> None:
        # Cells that do not move keep an entry from drifting further with each time this is done.
        cell_s = 2 * self._per_s / self._most
        merged: dict[int, list[float]] = {}
        for moment, cost in zip(*self.kept(), strict=True):
            cell = merged.setdefault(floor(moment / cell_s), [moment, 0])
            cell[0] = moment
            cell[1] += cost
        self._moments[:] = [moment for moment, _ in merged.values()]
        self._costs[:] = [int(cost) for _, cost in merged.values()]
        self._head = 0


class Pace:
    """One window of a rate: its log, its limit as it is at present, and the bucket of its burst."""

    __slots__ = ("_adapt", "_log", "_meter", "_window")

    def __init__(self, window: Window, adapt: Aimd | None, meter: Meter, most: int) -> None:
        self._window = window
        self._adapt = adapt
        self._meter = meter
        self._log = Log(window.per_s, meter, most)

    def due(self, cost: int, now: float) -> float:
        """Return the earliest moment from ``now`` on at which ``cost`` may be started."""
        assert 0 <= cost <= self._window.largest, f"{cost} never fits into {self._window}"
        self._catch_up(now)
        log = self._log
        # What is more than a lowered limit, but not more than the declared one, goes alone.
        room_at = now if not log.used or log.used + cost <= self._meter.limit else self._room_at(cost)
        return max(now, room_at, self._bucket_at(cost))

    def free(self, now: float) -> int:
        """Return the largest cost that may be started at ``now``; -1 when not even 0 may."""
        self._catch_up(now)
        used = self._log.used
        free = max(-1, self._meter.limit - used) if used else self._window.limit
        if self._window.burst is None or free < 0:
            return free
        return min(free, self._in_bucket(self._window.burst, now))

    def spend(self, cost: int, moment: float) -> None:
        """Remember a start."""
        self._log.add(moment, cost)
        if self._window.burst is not None:
            self._meter.even_at = max(self._meter.even_at, moment) + cost * self._interval_s

    def give_back(self, cost: int, moment: float, now: float) -> None:
        """Let the start at ``moment`` have cost less."""
        self._log.take_back(moment, cost, now)
        if self._window.burst is not None:
            self._meter.even_at -= cost * self._interval_s

    def refused(self, now: float, closed_until: float, first: bool) -> None:
        """Take in that a start was refused; the ``first`` refusal of a burst lowers the limit."""
        self._catch_up(now)
        self._meter.clean_since = max(now, closed_until)
        if first and self._adapt is not None:
            self._meter.limit = max(1, int(self._meter.limit * self._adapt.decrease))

    def meter(self) -> Meter:
        """Return what is to be remembered."""
        moments, costs = self._log.kept()
        return msgspec.structs.replace(self._meter, moments=moments, costs=costs)

    @property
    def _interval_s(self) -> float:
        return self._window.per_s / self._window.limit

    def _bucket_at(self, cost: int) -> float:
        """Return when the bucket holds ``cost`` (the generic cell rate algorithm: a bucket in one number)."""
        if self._window.burst is None:
            return -inf
        return self._meter.even_at - (self._window.burst - cost) * self._interval_s

    def _in_bucket(self, burst: int, now: float) -> int:
        """Return the largest cost that the bucket holds; -1 when it owes some."""
        missing = (self._meter.even_at - now) / self._interval_s
        cost = floor(min(burst, max(-1, burst - missing)))
        if cost < burst and self._bucket_at(cost + 1) <= now:  # rounding
            return cost + 1
        return cost - 1 if cost >= 0 and self._bucket_at(cost) > now else cost

    def _raised(self, limit: int) -> int:
        assert self._adapt is not None, f"{limit} was never lowered"
        declared = self._window.limit
        return min(declared, limit + max(1, int(declared * self._adapt.increase)))

    def _catch_up(self, now: float) -> None:
        self._log.forget(now)
        meter, per_s = self._meter, self._window.per_s
        while meter.limit < self._window.limit and meter.clean_since + per_s <= now:
            meter.clean_since += per_s
            meter.limit = self._raised(meter.limit)

    def _room_at(self, cost: int) -> float:
        used, limit, clean_since = self._log.used, self._meter.limit, self._meter.clean_since
        for over_at, spent in self._log.coming():
            while limit < self._window.limit and clean_since + self._window.per_s <= over_at:
                clean_since += self._window.per_s
                limit = self._raised(limit)
                if used + cost <= limit:
                    return clean_since
            used -= spent
            if not used or used + cost <= limit:
                return over_at
        raise AssertionError(f"{cost} does not fit into an empty {self._window}")


class Pacer:
    """One rate: all its windows, and what the other side has refused.

    Args:
        rate: as it was declared.
        state: what an earlier `Pacer` of the same windows has remembered.
        most: how many starts of one span are told apart.

    >>> pacer = Pacer(Rate(2, per=1.0))
    >>> first = pacer.reserve((1,), now=0.0)
    >>> second = pacer.reserve((1,), now=0.25)
    >>> pacer.due((1,), now=0.5)
    1.0
    >>> pacer.settle(second, (0,), now=0.5)
    >>> pacer.due((1,), now=0.5)
    0.5
    """

    __slots__ = ("_closed_until", "_epoch", "_most", "paces", "rate", "windows")

    def __init__(self, rate: Rate, state: State | None = None, most: int = MOST_STARTS) -> None:
        self.rate = rate
        self.windows = rate.windows
        self._most = most
        state = state or State([Meter(window.limit) for window in self.windows])
        self._closed_until = state.closed_until
        self._epoch = state.epoch
        meters = zip(self.windows, state.meters, strict=True)
        self.paces = tuple(Pace(window, rate.adapt, meter, most) for window, meter in meters)

    def due(self, costs: Sequence[int], now: float) -> float:
        """Return the earliest moment from ``now`` on at which ``costs``, one for each window, may be started.

        It holds as long as nothing else is started, settled or refused.
        """
        dues = [pace.due(cost, now) for pace, cost in zip(self.paces, costs, strict=True)]
        return max(self._closed_until, *dues)

    def free(self, number: int, now: float) -> int:
        """Return the largest cost that window ``number`` lets start at ``now``; -1 when not even 0 may."""
        return self.paces[number].free(now) if self._closed_until <= now else -1

    def reserve(self, costs: Sequence[int], now: float, until: float | None = None) -> Reservation:
        """Take ``costs`` for a start at ``now``, or at some moment from ``now`` to ``until``."""
        assert self.due(costs, now) <= now, f"{costs} is not due at {now}"
        moment = now if until is None else until
        for pace, cost in zip(self.paces, costs, strict=True):
            pace.spend(cost, moment)
        return self.reservation(costs, moment)

    def reservation(self, costs: Sequence[int], moment: float) -> Reservation:
        """Return what a start is known by that has taken ``costs`` from the gates of its windows."""
        return Reservation(moment, tuple(costs), self._epoch)

    def settle(self, reserved: Reservation, actual: Sequence[int], now: float) -> None:
        """Take in what a start has cost in truth; once for each, when its work has ended.

        What it cost less is free at once. What it cost more counts from ``now`` on.
        """
        for pace, was, cost in zip(self.paces, reserved.costs, actual, strict=True):
            if cost < was:
                pace.give_back(was - cost, reserved.moment, now)
            elif cost > was:
                pace.spend(cost - was, now)

    def refused(self, reserved: Reservation, now: float, retry_after_s: float = 0.0) -> None:
        """Take in that the other side has refused a start: nothing starts for so long, and less from then on.

        Refusals of starts that were made before the rate was lowered belong to the same burst, and
        don't lower it again.
        """
        self._closed_until = max(self._closed_until, now + retry_after_s)
        first = reserved.epoch == self._epoch
        for pace in self.paces:
            pace.refused(now, self._closed_until, first)
        self._epoch += first

    def state(self) -> State:
        """Return what another `Pacer` of the same windows needs to go on from here."""
        return State([pace.meter() for pace in self.paces], self._closed_until, self._epoch)

    def copy(self) -> Pacer:
        """Return another one, to try with it what would be."""
        return Pacer(self.rate, self.state(), self._most)


class RateGate(Gate):
    """One window of a rate as admission sees it: what is free comes back with time alone.

    Args:
        name: that no other gate has.
        label: of the limit, and of the cost where it has several; what users call it.
        pacer: of the rate; all its windows share it.
        number: of the window.
    """

    __slots__ = ("_label", "_now", "_number", "_pacer")

    is_counted = False

    def __init__(self, name: str, label: str, pacer: Pacer, number: int = 0) -> None:
        super().__init__(name, pacer.windows[number].largest)
        self._label = label
        self._pacer = pacer
        self._number = number
        self._now = -inf

    def look(self, now: float) -> None:
        """See what is free at ``now``."""
        self._now = now
        self.free = self._pacer.free(self._number, now)

    def take(self, units: int) -> None:
        assert 0 <= units <= self.free, f"{units} of {self.free} in {self.name}"
        self._pacer.paces[self._number].spend(units, self._now)
        self.look(self._now)

    def give_back(self, units: int) -> None:
        """Nothing: a start was a start."""

    def reason(self, node: Node, units: int) -> WaitReason | None:
        if units > self.free:
            return RateDue(self._label, units, self.due(units))
        better = self.spared_for(units, node.key)
        return None if better is None else PoolReserved(self._label, better.prepared.task.id)

    def due(self, units: int) -> float:
        """Return when ``units`` are free, as it looks now."""
        costs = [units if number == self._number else 0 for number in range(len(self._pacer.windows))]
        return self._pacer.due(costs, self._now)
