"""Usage: how much of each limit the attempts of a run have used, and when.

Of a pool, units times seconds; of a lock, seconds in which somebody held it; of a rate, units that were
started. Knows numbers. When attempts begin and end is told to it by `metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.limits import MAX_CONCURRENT
from weft.model.rate import Window, costs_in
from weft.scheduling.facts import RunStarted, TaskAdded
from weft.views.gates import GateKind
from weft.views.series import Series


class LimitUse(msgspec.Struct, frozen=True):
    """How much of one limit was used.

    Attributes:
        kind: "pool", "lock" or "rate".
        size: units of the pool; of a rate, units a second in the long run; of a lock 1.
        used: of a pool or lock, units in use times seconds; of a rate, units that were started.
        utilisation: ``used`` as a share (0 to 1) of what could have been used since the run began. Of a rate
            it may be more, as a short run may use up at once what is there for a whole period.
        peak: the most units in use at one moment; of a rate 0.
        over_time: the utilisation in each of ``step_s`` seconds, from the beginning of the run.
        step_s: how long a step of ``over_time`` is, in seconds.
    """

    kind: str
    size: float
    used: float
    utilisation: float
    peak: int
    over_time: tuple[float, ...]
    step_s: float


class _Level:
    """One limit."""

    __slots__ = ("_since", "kind", "level", "peak", "series", "size")

    def __init__(self, kind: GateKind, size: float) -> None:
        self.kind = kind
        self.size = size
        self.level = self.peak = 0
        self.series = Series()
        self._since = 0.0

    def change(self, units: int, now: float) -> None:
        if now != self._since:
            self.pass_to(now)
        self.level += units
        if self.level > self.peak:
            self.peak = self.level

    def pass_to(self, now: float) -> None:
        used = min(self.level, 1) if self.kind is GateKind.LOCK else self.level
        if used and now > self._since:
            self.series.spread(self._since, now, used * (now - self._since))
        self._since = now

    def use(self, now: float) -> LimitUse:
        """Return what was used until ``now``."""
        if self.kind is not GateKind.RATE:
            self.pass_to(now)
        steps, step_s = self.series.until(now), self.series.step_s
        # The last step has only just begun.
        lengths = [min(step_s, now - place * step_s) for place in range(len(steps))]
        over_time = [
            amount / (self.size * length) if length > 0.0 else 0.0
            for amount, length in zip(steps, lengths, strict=True)
        ]
        used = self.series.total
        share = used / (self.size * now) if now > 0.0 else 0.0
        return LimitUse(self.kind, self.size, used, share, self.peak, tuple(over_time), step_s)


class Usage:
    """Follows all limits of a run; moments are seconds since it began."""

    def __init__(self) -> None:
        self._levels: dict[str, _Level] = {}
        self._windows: Mapping[str, tuple[Window, ...]] = {}
        self._max_concurrent: int | None = None
        self._slots: _Level | None = None

    def begin(self, fact: RunStarted) -> None:
        """Take in which limits there are."""
        self._max_concurrent = fact.max_concurrent
        for name, size in {MAX_CONCURRENT: fact.max_concurrent, **fact.pools}.items():
            self._levels[name] = _Level(GateKind.POOL, size)
        self._slots = self._levels[MAX_CONCURRENT]
        self._windows = fact.rates
        for name, windows in fact.rates.items():
            for cost, window in _tightest(windows).items():
                self._levels[_rate(name, cost, windows)] = _Level(GateKind.RATE, window.limit / window.per_s)

    def start(self, task: TaskAdded, now: float) -> None:
        """Take in that an attempt at ``task`` begins."""
        self._change(task, 1, now)
        for name, cost in task.limits.items():
            windows = self._windows.get(name)
            if windows is not None:
                costs = zip(windows, costs_in(windows, cost), strict=True)
                for named, units in {window.cost: units for window, units in costs}.items():
                    self._levels[_rate(name, named, windows)].series.add(now, units)

    def end(self, task: TaskAdded, now: float) -> None:
        """Take in that an attempt at ``task`` is over."""
        self._change(task, -1, now)

    def weight(self, task: TaskAdded) -> int:
        """Return how many slots of the run ``task`` takes: no more than there are."""
        if not task.limits:
            return 1
        weight = task.limits.get(MAX_CONCURRENT, 1)
        assert isinstance(weight, int), f"{weight} slots"
        return weight if self._max_concurrent is None else min(weight, self._max_concurrent)

    def limits(self, now: float) -> dict[str, LimitUse]:
        """Return what was used of each limit by ``now``; locks that were never held are not known."""
        return {name: level.use(now) for name, level in self._levels.items()}

    def _change(self, task: TaskAdded, sign: int, now: float) -> None:
        """Use more, or less, of all that ``task`` takes."""
        if self._slots is not None:
            self._slots.change(sign * self.weight(task), now)
        if not (task.limits or task.locks):
            return
        for name, units in task.limits.items():
            level = self._levels.get(name) if name != MAX_CONCURRENT else None
            if level is not None and level.kind is GateKind.POOL and isinstance(units, int):
                level.change(sign * units, now)
        for name in task.locks:
            key = f"lock {name}"
            if key not in self._levels:
                self._levels[key] = _Level(GateKind.LOCK, 1)
            self._levels[key].change(sign, now)


def _tightest(windows: tuple[Window, ...]) -> dict[str, Window]:
    """Return of each cost the window that allows the least in the long run."""
    found: dict[str, Window] = {}
    for window in windows:
        before = found.get(window.cost)
        if before is None or window.limit / window.per_s < before.limit / before.per_s:
            found[window.cost] = window
    return found


def _rate(name: str, cost: str, windows: tuple[Window, ...]) -> str:
    """Return what one cost of a rate is called."""
    return name if all(window.cost == windows[0].cost for window in windows) else f"{name} {cost}"
