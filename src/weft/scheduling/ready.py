"""Ready tasks in lines, and the gates at which lines wait.

Tasks of one level that ask for the same stand in one line, best first: when the head of a line can't
start, none behind it can. Knows the order inside a line; which line is next is decided in `admission`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import chain
from operator import attrgetter

from weft.model.reason import PoolFull, PoolReserved, WaitReason
from weft.scheduling.node import SPECULATIVE, Key, Node
from weft.scheduling.slots import Slots
from weft.scheduling.states import READY

_key = attrgetter("key")


class Line:
    """Ready tasks of one level with equal demands.

    Most tasks become ready in the order of choice, and stand in a row; only those that overtake
    others need a heap. Tasks that become ready together are put in order together. A task that was
    taken back, or has changed its level, stands here no more: it drops out when it comes to the head.
    """

    __slots__ = (
        "_arrived",
        "_overtaking",
        "_row",
        "announced",
        "demand",
        "heads",
        "held_by",
        "level",
        "number",
        "parked_at",
        "told",
    )

    def __init__(self, number: int, level: int, demand: tuple[tuple[Gate, int], ...], heads: Heads) -> None:
        self.number = number
        self.level = level
        self.demand = demand
        self.heads = heads  # where its head is announced
        self.told = tuple([(gate, units) for gate, units in demand if gate.is_told])  # who passes
        self.parked_at: Gate | None = None
        self.held_by: Gate | None = None  # as it was told last; None is the run's own pool
        self.announced: Node | None = None  # the head that admission knows of
        self._arrived: list[Node] = []
        self._row: deque[Node] = deque()
        self._overtaking: list[tuple[Key, Node]] = []

    def join(self, node: Node) -> bool:
        """Let ``node`` wait here; tell whether it is the first to come since `head` was asked for."""
        self._arrived.append(node)
        return len(self._arrived) == 1

    def head(self) -> Node | None:
        """Return the best task."""
        row, overtaking, level = self._row, self._overtaking, self.level
        if self._arrived:
            self._line_up()
        while row and (row[0].state is not READY or row[0].key[0] != level):
            row.popleft()
        while overtaking and (overtaking[0][1].state is not READY or overtaking[0][1].key[0] != level):
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
        while row and row[-1].key[0] != self.level:  # its key says nothing of those before it
            row.pop()
        if not row or row[-1].key < arrived[0].key:
            row.extend(arrived)
        else:
            for node in arrived:
                heappush(self._overtaking, (node.key, node))
        arrived.clear()

    def __len__(self) -> int:
        """Return how many tasks stand here; those that wait no more may be among them."""
        return len(self._arrived) + len(self._row) + len(self._overtaking)

    def __iter__(self) -> Iterator[Node]:
        """Walk over the ready tasks, in no order that means anything."""
        overtaking = (node for _, node in self._overtaking)
        found = chain(self._arrived, self._row, overtaking)
        return (node for node in found if node.state is READY and node.key[0] == self.level)


class Gate(Slots):
    """A pool, the lines that wait for it, and the head for which its free units are kept.

    Attributes:
        kept: how many of the free units speculation must leave, and to whom: to a task for which other
            speculation makes room.
    """

    __slots__ = ("kept", "lines", "reserved_for")

    is_told = False  # which tasks have passed
    is_counted = True  # each unit that was taken is given back

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name, size)
        self.lines: dict[Line, None] = {}  # a dict for its order
        self.reserved_for: Node | None = None
        self.kept: tuple[int, Node] | None = None

    def passed(self, node: Node, units: int) -> None:
        """Take in who has just taken ``units``, where the gate wants to be told."""

    def reason(self, node: Node, units: int) -> WaitReason | None:
        """Return why ``node`` can't take ``units`` now, or None when it can."""
        if units > self.free:
            return PoolFull(self.name, self.free, units)
        better = self.spared_for(units, node.key)
        return None if better is None else PoolReserved(self.name, better.prepared.task.id)

    def admits(self, units: int, key: Key) -> bool:
        """Tell whether the task with ``key`` may take ``units`` now."""
        return units <= self.free and self.spared_for(units, key) is None

    def spared_for(self, units: int, key: Key) -> Node | None:
        """Return for whom ``units`` that are free are kept, where the one with ``key`` may not have them."""
        if self.reserved_for is not None and self.reserved_for.key < key:
            return self.reserved_for
        return self.kept_from_speculation(units) if key[0] == SPECULATIVE else None

    def kept_from_speculation(self, units: int) -> Node | None:
        """Return for whom ``units`` that are free are kept, where speculation may not have them."""
        if self.kept is None:
            return None
        kept, better = self.kept
        return better if units > self.free - kept else None


# Of lines: their keys, the numbers of the lines, and these.
Heads = list[tuple[Key, int, Line]]
