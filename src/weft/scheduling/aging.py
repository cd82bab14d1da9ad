"""Aging: a task that waits too long moves up one level, and so starts within a bound that can be told.

Only where tasks of several levels meet: among equals the order of choice stays as it is. A task waits at
its level from the moment on at which there is one above it. At the level of the most urgent tasks seen,
those that have come there by waiting go first, in program order. So a task that is ``n`` levels below
waits at most ``n`` times ``after_s`` for tasks of a higher priority that come later; what it then still
waits for is what runs, and what has waited as long. Speculation waits for idle slots, however long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from math import inf

from weft.model.priority import Priority
from weft.scheduling.node import SPECULATIVE, Node
from weft.scheduling.states import READY

_FEW = 64  # outdated entries that are not worth looking for

# Since when a task waits, how many attempts at it had begun by then, and the task.
_Wait = tuple[float, int, Node]


class Aging:
    """Knows since when tasks wait at their level.

    Args:
        after_s: how long a task waits before it moves up, in seconds.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self.top: int | None = None  # the most urgent level seen, which is the smallest number
        self.is_mixed = False  # tasks of several levels have been seen
        self._waiting: dict[int, deque[_Wait]] = {}
        self._clean_at: dict[int, int] = {}

    def overtops(self, level: int) -> int | None:
        """Take in the level of a task; return the one that was the top so far, if this one is above it."""
        before = self.top
        if level == SPECULATIVE or (before is not None and level >= before):
            return None
        self.top = level
        return before

    def add(self, nodes: Iterable[Node], now: float) -> None:
        """Let tasks that have become READY, or moved up a level, wait from ``now`` on."""
        for node in nodes:
            level = node.key[0]
            if level not in (self.top, SPECULATIVE):
                self.is_mixed = True
                waiting = self._waiting.setdefault(level, deque())
                waiting.append((now, _n_begun(node), node))
                if len(waiting) > self._clean_at.get(level, _FEW):
                    kept = [wait for wait in waiting if _lasts(wait, level)]
                    self._waiting[level] = deque(kept)
                    self._clean_at[level] = 2 * len(kept) + _FEW

    def next(self) -> float | None:
        """Return the moment at which a task moves up."""
        moments = [waiting[0][0] for level, waiting in self._waiting.items() if self._clean(level, waiting)]
        return min(moments) + self._after_s if moments else None

    def moved(self, now: float) -> Iterator[Node]:
        """Yield the tasks that have waited long enough; the caller lets them `rise`."""
        for level, waiting in self._waiting.items():
            while self._clean(level, waiting) and waiting[0][0] + self._after_s <= now:
                yield waiting.popleft()[2]

    def rise(self, node: Node) -> None:
        """Move ``node`` up one level."""
        level, path, position = node.key
        above = level - 1
        node.key = (above, -inf if above == self.top else path, position)

    def _clean(self, level: int, waiting: deque[_Wait]) -> bool:
        """Forget those at the front that wait no more; tell whether any are left."""
        while waiting and not _lasts(waiting[0], level):
            waiting.popleft()
        return bool(waiting)


def longest_wait_s(priority: Priority, top: Priority, aging_s: float) -> float:
    """Return how long a task waits at most for tasks of a higher priority that come after it.

    Args:
        priority: of the task.
        top: the highest of the run.
        aging_s: as the policy says.

    >>> longest_wait_s(Priority.LOW, Priority.HIGH, 300.0)
    600.0
    """
    return (top - priority) * aging_s


def _n_begun(node: Node) -> int:
    return 0 if node.tries is None else node.tries.n


def _lasts(wait: _Wait, level: int) -> bool:
    """Tell whether a task still waits as it did: not at another level, or for another attempt."""
    _, n_begun, node = wait
    return node.state is READY and node.key[0] == level and _n_begun(node) == n_begun
