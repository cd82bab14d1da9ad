"""How a quantity changes over a run, in a bounded number of steps of equal length.

The longer the run, the longer the steps: when there are too many, each two become one. Nothing is lost by
that: the sum of all steps is always that of all that was added.
"""

from __future__ import annotations

# As many as a terminal line has room for, and eyes can tell apart.
MOST_STEPS = 64
_SHORTEST_S = 2.0**-10


class Series:
    """Amounts by the time at which they fell due, from 0.0 on.

    >>> series = Series()
    >>> series.spread(0.0, 4.0, 6.0)
    >>> series.total, series.step_s
    (6.0, 0.0625)
    """

    __slots__ = ("_amounts", "step_s")

    def __init__(self) -> None:
        self.step_s = _SHORTEST_S
        self._amounts = [0.0] * MOST_STEPS

    @property
    def total(self) -> float:
        """All that was added."""
        return sum(self._amounts)

    def add(self, at: float, amount: float) -> None:
        """Add what fell due at one moment."""
        self._make_room(at)
        self._amounts[min(int(at / self.step_s), MOST_STEPS - 1)] += amount

    def spread(self, since: float, until: float, amount: float) -> None:
        """Add what came evenly from ``since`` until ``until``."""
        self._make_room(until)
        first, last = int(since / self.step_s), min(int(until / self.step_s), MOST_STEPS - 1)
        if first >= last:
            self._amounts[last] += amount
            return
        per_s = amount / (until - since)
        begin = since
        for place in range(first, last):
            end = (place + 1) * self.step_s
            self._amounts[place] += (end - begin) * per_s
            begin = end
        self._amounts[last] += (until - begin) * per_s

    def until(self, at: float) -> tuple[float, ...]:
        """Return the amounts of all steps that have begun by then."""
        self._make_room(at)
        return tuple(self._amounts[: min(int(at / self.step_s) + 1, MOST_STEPS)])

    def _make_room(self, at: float) -> None:
        while at > self.step_s * MOST_STEPS:
            amounts = self._amounts
            halved = [one + other for one, other in zip(amounts[::2], amounts[1::2], strict=True)]
            self._amounts = halved + [0.0] * (MOST_STEPS // 2)
            self.step_s *= 2.0
