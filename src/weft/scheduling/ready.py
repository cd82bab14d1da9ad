"""Ready tasks in lines, and the gates at which lines wait.

Tasks that ask for the same units of the same pools stand in one line, best first: when the head
of a line can't start, none behind it can. Knows the order inside a line; which line is next is
decided in `admission`.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from weft.scheduling.node import Demand, Key, Node
from weft.scheduling.slots import Slots
from weft.scheduling.states import READY


class Line:
    """Ready tasks with equal demands."""

    __slots__ = ("_waiting", "demand", "number", "parked_at")

    def __init__(self, number: int, demand: Demand) -> None:
        self.number = number
        self.demand = demand
        self.parked_at: Gate | None = None
        self._waiting: list[tuple[Key, Node]] = []

    def join(self, node: Node) -> bool:
        """Let ``node`` wait here; tell whether it is the head now."""
        heappush(self._waiting, (node.key, node))
        return self._waiting[0][1] is node

    def head(self) -> Node | None:
        """Return the best task; those that were taken back meanwhile drop out here."""
        waiting = self._waiting
        while waiting and waiting[0][1].state is not READY:
            heappop(waiting)
        return waiting[0][1] if waiting else None

    def leave(self) -> None:
        """Let the head go."""
        heappop(self._waiting)

    def drop(self, node: Node) -> bool:
        """Let ``node`` go, which is READY no more; tell whether it was the head."""
        was_head = self._waiting[0][1] is node
        if was_head:
            self.leave()
        return was_head  # else it drops out when it has become the head

    def __iter__(self) -> Iterator[Node]:
        """Walk over the ready tasks, in no order that means anything."""
        return (node for _, node in self._waiting if node.state is READY)


class Gate(Slots):
    """A pool, the lines that wait for it, and the head for which its free units are kept."""

    __slots__ = ("lines", "reserved_for")

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name, size)
        self.lines: dict[Line, None] = {}  # a dict for its order
        self.reserved_for: Node | None = None

    def admits(self, units: int, key: Key) -> bool:
        """Tell whether the task with ``key`` may take ``units`` now."""
        return units <= self.free and (self.reserved_for is None or key <= self.reserved_for.key)
