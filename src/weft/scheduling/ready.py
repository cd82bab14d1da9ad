"""Ready tasks in lines, and the gates at which lines wait.

Tasks that ask for the same units of the same pools stand in one line, best first: when the head
of a line can't start, none behind it can. Knows the order inside a line; which line is next is
decided in `admission`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import chain
from operator import attrgetter

from weft.model.reason import CircuitOpen, CircuitProbing, PoolFull, PoolReserved, WaitReason
from weft.scheduling.health import Circuit, Monitor
from weft.scheduling.node import Key, Node
from weft.scheduling.slots import Slots
from weft.scheduling.states import READY

_key = attrgetter("key")
_UNBOUNDED = 1 << 60  # tasks that may pass a closed circuit at once


class Line:
    """Ready tasks with equal demands.

    Most tasks become ready in the order of choice, and stand in a row; only those that overtake
    others need a heap. Tasks that become ready together are put in order together.
    """

    __slots__ = ("_arrived", "_overtaking", "_row", "announced", "demand", "number", "parked_at")

    def __init__(self, number: int, demand: tuple[tuple[Gate, int], ...]) -> None:
        self.number = number
        self.demand = demand
        self.parked_at: Gate | None = None
        self.announced: Node | None = None  # the head that admission knows of
        self._arrived: list[Node] = []
        self._row: deque[Node] = deque()
        self._overtaking: list[tuple[Key, Node]] = []

    def join(self, node: Node) -> bool:
        """Let ``node`` wait here; tell whether it is the first to come since `head` was asked for."""
        self._arrived.append(node)
        return len(self._arrived) == 1

    def head(self) -> Node | None:
        """Return the best task; those that were taken back meanwhile drop out here."""
        row, overtaking = self._row, self._overtaking
        if self._arrived:
            self._line_up()
        while row and row[0].state is not READY:
            row.popleft()
        while overtaking and overtaking[0][1].state is not READY:
            heappop(overtaking)
        if overtaking and (not row or overtaking[0][0] < row[0].key):
            return overtaking[0][1]
        return row[0] if row else None

    def leave(self) -> None:
        """Let the head go."""
        row, overtaking = self._row, self._overtaking
        if overtaking and (not row or overtaking[0][0] < row[0].key):
            heappop(overtaking)
        else:
            row.popleft()

    def _line_up(self) -> None:
        arrived, row = self._arrived, self._row
        if len(arrived) > 1:
            arrived.sort(key=_key)
        if not row or row[-1].key < arrived[0].key:
            row.extend(arrived)
        else:
            for node in arrived:
                heappush(self._overtaking, (node.key, node))
        arrived.clear()

    def __iter__(self) -> Iterator[Node]:
        """Walk over the ready tasks, in no order that means anything."""
        overtaking = (node for _, node in self._overtaking)
        return (node for node in chain(self._arrived, self._row, overtaking) if node.state is READY)


class Gate(Slots):
    """A pool, the lines that wait for it, and the head for which its free units are kept."""

    __slots__ = ("lines", "reserved_for")

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name, size)
        self.lines: dict[Line, None] = {}  # a dict for its order
        self.reserved_for: Node | None = None

    def reason(self, node: Node, units: int) -> WaitReason | None:
        """Return why ``node`` can't take ``units`` now, or None when it can."""
        if units > self.free:
            return PoolFull(self.name, self.free, units)
        if self.reserved_for is not None and self.reserved_for.key < node.key:
            return PoolReserved(self.name, self.reserved_for.prepared.task.id)
        return None

    def admits(self, units: int, key: Key) -> bool:
        """Tell whether the task with ``key`` may take ``units`` now."""
        return units <= self.free and (self.reserved_for is None or key <= self.reserved_for.key)


class CircuitGate(Gate):
    """Lets all pass while the circuit is closed, none while it is open, and one as a probe in between."""

    __slots__ = ("_monitor",)

    def __init__(self, name: str, monitor: Monitor) -> None:
        super().__init__(name, _UNBOUNDED)
        self._monitor = monitor

    def take(self, units: int) -> None:
        if self._monitor.circuit is Circuit.HALF_OPEN:
            self.free = 0

    def give_back(self, units: int) -> None:
        """Nothing: who has passed does not come back through."""

    def look(self) -> None:
        """Open or close as the circuit does."""
        match self._monitor.circuit:
            case Circuit.CLOSED:
                self.free = _UNBOUNDED
            case Circuit.OPEN:
                self.free = 0
            case Circuit.HALF_OPEN:
                self.free = 1 if self._monitor.probe is None else 0

    def reason(self, node: Node, units: int) -> WaitReason | None:
        if self.free:
            return None
        monitor = self._monitor
        if monitor.circuit is Circuit.OPEN:
            return CircuitOpen(monitor.scope, monitor.error_rate, monitor.due)
        return CircuitProbing(monitor.scope)
