"""Lines of ready tasks, and how long each gate has held them.

Knows moments and gates, as the facts `LineHeld` tell them. Who stands in which line is known to `waits`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

from weft.model.reason import WaitReason
from weft.views.gates import SLOTS, Gate

# How long each gate of a line had held it when a task came, in the order of `HeldLine.gates`.
Mark = tuple[float, ...]


class HeldLine:
    """One line, and what it was held by so far: at first by the run's own pool."""

    __slots__ = ("_held_s", "_last", "_log", "gates")

    def __init__(self, now: float) -> None:
        self.gates: list[Gate] = [SLOTS]
        self._held_s = [0.0]
        self._log: list[tuple[float, Gate, WaitReason | None]] = [(now, SLOTS, None)]
        self._last: tuple[float, Mark] = (now, (0.0,))

    @property
    def held_by(self) -> Gate:
        """The gate that holds it now."""
        return self._log[-1][1]

    def hold(self, gate: Gate, because: WaitReason | None, now: float) -> None:
        """Let ``gate`` hold the line from ``now`` on, for the reason that it gives."""
        since, before, _ = self._log[-1]
        self._held_s[self.gates.index(before)] += now - since
        if gate not in self.gates:
            self.gates.append(gate)
            self._held_s.append(0.0)
        self._log.append((now, gate, because))

    def mark(self, now: float) -> Mark:
        """Return what to remember of a task that comes ``now``; those that come together share it."""
        if self._last[0] != now or len(self._last[1]) != len(self.gates):
            since, gate, _ = self._log[-1]
            held_s = list(self._held_s)
            held_s[self.gates.index(gate)] += now - since
            self._last = (now, tuple(held_s))
        return self._last[1]

    def held_since(self, mark: Mark, now: float) -> Iterator[tuple[Gate, float]]:
        """Yield how long each gate has held a task that came when ``mark`` was made, in seconds."""
        for place, held_s in enumerate(self.mark(now)):
            yield self.gates[place], held_s - (mark[place] if place < len(mark) else 0.0)

    def pieces(self, since: float, now: float) -> Iterator[tuple[Gate, WaitReason | None, float]]:
        """Yield the gates that held the line from ``since`` until ``now``, each with why and until when."""
        first = bisect_right(self._log, since, key=itemgetter(0)) - 1
        for place in range(max(first, 0), len(self._log)):
            ends = self._log[place + 1][0] if place + 1 < len(self._log) else now
            _, gate, because = self._log[place]
            yield gate, because, ends
