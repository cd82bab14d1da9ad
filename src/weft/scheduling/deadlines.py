"""Deadlines: what becomes due at which moment.

Knows kinds and numbers only; what is done when a deadline has come is decided in `scheduler`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from heapq import heapify, heappop, heappush

_MOST_OUTDATED = 64  # entries of the heap that may be outdated, whatever its size


class Due(IntEnum):
    """What a deadline is for. Of what is due at one moment, the first of these comes first."""

    RUN_TIMEOUT = 0
    TASK_TIMEOUT = 1
    ATTEMPT_TIMEOUT = 2
    KILL = 3  # the grace of an attempt that was asked to end is over
    PROBE = 4  # the cool-down of a circuit is over
    RETRY = 5


class Deadlines:
    """At most one deadline of each kind for each number: a task's position, or that of a circuit.

    >>> deadlines = Deadlines()
    >>> deadlines.set(Due.RETRY, 3, 2.0)
    >>> deadlines.next()
    2.0
    >>> list(deadlines.reached(2.0))
    [(<Due.RETRY: 5>, 3)]
    """

    __slots__ = ("_heap", "moments")

    def __init__(self) -> None:
        self.moments: dict[tuple[Due, int], float] = {}
        self._heap: list[tuple[float, Due, int]] = []  # some outdated

    def __len__(self) -> int:
        return len(self.moments)

    def set(self, due: Due, number: int, moment: float) -> None:
        """Let ``due`` come at ``moment``, whatever was set before."""
        self.moments[due, number] = moment
        heappush(self._heap, (moment, due, number))
        if len(self._heap) > 2 * len(self.moments) + _MOST_OUTDATED:
            # Or an attempt that ended early would be remembered until its timeout.
            self._heap = [(moment, *key) for key, moment in self.moments.items()]
            heapify(self._heap)

    def clear(self) -> None:
        """Let nothing come any more."""
        self.moments.clear()
        self._heap.clear()

    def drop(self, due: Due, number: int) -> None:
        """Let ``due`` not come; nothing if it was not set."""
        self.moments.pop((due, number), None)

    def moment(self, due: Due, number: int) -> float:
        """Return when ``due`` comes; it must be set."""
        return self.moments[due, number]

    def numbers(self, due: Due) -> list[int]:
        """Return for which numbers ``due`` is set."""
        return [number for kind, number in self.moments if kind is due]

    def next(self) -> float | None:
        """Return the moment of the earliest deadline."""
        heap = self._heap
        while heap and self.moments.get(heap[0][1:]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def reached(self, now: float) -> Iterator[tuple[Due, int]]:
        """Yield what is due by ``now``, in order, and forget it; more may be set and dropped meanwhile."""
        while (moment := self.next()) is not None and moment <= now:
            _, due, number = heappop(self._heap)
            del self.moments[due, number]
            yield due, number
