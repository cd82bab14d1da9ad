"""Preemption: which speculative tasks have to make room for those that wait.

A slot is wanted by a task that could start if it had it: who waits for something that no speculation
holds, for a rate or for a circuit, takes nobody's place. What such a task will take is kept from all
speculation until it has it: else what frees up first would be given back before the rest is there. Knows
lines, gates and units; what speculation is needed is known in `speculation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from weft.scheduling.node import SPECULATIVE, Node
from weft.scheduling.rates import RateGate
from weft.scheduling.ready import Gate, Line
from weft.scheduling.slots import Slots
from weft.scheduling.states import STOPPING


def room_for(lines: Iterable[Line], speculative: Sequence[Node]) -> Room:
    """Return the room that ``speculative`` tasks, which all hold slots, make for those who wait in ``lines``.

    Of several that would do, the last in program order goes. What is being stopped already makes room
    without being asked again.
    """
    room = Room(speculative)
    if not speculative:
        return room
    heads = [(head.key, line) for line in lines if (head := line.head())]
    better = sorted((key, line.number, line) for key, line in heads if line.level != SPECULATIVE)
    is_kept = len(better) < len(heads)  # from speculation that waits
    for _, _, line in better:
        for _ in line:
            if not room.left and not is_kept:
                return room
            if not room.has_place_for(line):
                break
    return room


class Room:
    """What would be free if some speculative tasks were gone.

    Attributes:
        left: those that may stay so far.
        emptied: those that have to go.
    """

    def __init__(self, speculative: Sequence[Node]) -> None:
        staying = (node for node in speculative if node.state is not STOPPING)
        self.left = sorted(staying, key=lambda node: -node.prepared.position)
        self.emptied: list[Node] = []
        self._dues: list[float] = []  # when rates have room for those who wait
        self._free: dict[Slots, int] = {}  # in place of what gates say
        self._held = Counter[Slots]()  # by those that may stay
        self._kept: set[Slots] = set()  # for somebody who comes first, and has to wait all the same
        self._served: dict[Node, None] = {}  # for whom nothing has to be kept any more
        self._users: dict[Gate, Node] = {}  # the first of those who have a place, by what they will take
        for node in self.left:
            self._held.update(dict(_given_back(node)))
        for node in speculative:
            if node.state is STOPPING:
                self._free_up(node)

    @property
    def due(self) -> float | None:
        """When others may have to go, as a rate has room for those who wait."""
        return min(self._dues, default=None) if self.left else None

    def kept(self) -> dict[Gate, tuple[int, Node]]:
        """Return how many units that are free already will be taken, and for whom."""
        taken = {gate: (gate.free - self._free_of(gate), node) for gate, node in self._users.items()}
        return {gate: (units, node) for gate, (units, node) in taken.items() if units > 0}

    def has_place_for(self, line: Line) -> bool:
        """Make room for the next of a line, if that can be done; tell whether it is there."""
        head = line.head()
        assert head is not None, f"nobody waits in line {line.number}"
        if any(gate in self._kept or self._is_reserved(gate, head) for gate, _ in line.demand):
            return False
        lacking = [(gate, units) for gate, units in line.demand if units > self._free_of(gate)]
        if any(units > self._free_of(gate) + self._held[gate] for gate, units in lacking):
            self._keep([gate for gate, _ in lacking], main=line.demand[-1][0])
            self._dues += [
                gate.due(units) for gate, units in lacking if isinstance(gate, RateGate) and units > gate.free
            ]
            return False
        for gate, units in lacking:
            for node in tuple(self.left):
                if units > self._free_of(gate) and any(slots is gate for slots, _ in node.demand):
                    self._empty(node)
        for gate, units in line.demand:
            self._free[gate] = self._free_of(gate) - units
            self._users.setdefault(gate, head)
        self._served[head] = None
        return True

    def _is_reserved(self, gate: Gate, node: Node) -> bool:
        """Tell whether what is free of ``gate`` is kept for a better one than ``node``."""
        holder = gate.reserved_for
        return holder is not None and holder.key < node.key and holder not in self._served

    def _keep(self, lacking: Sequence[Gate], main: Gate) -> None:
        """Keep what is lacked for the one that lacks it, as admission will."""
        barred = [gate for gate in lacking if not gate.is_counted]
        pools = [gate for gate in lacking if gate is not main]
        self._kept.update(barred or pools or lacking)

    def _free_of(self, gate: Slots) -> int:
        return self._free.get(gate, gate.free)

    def _empty(self, node: Node) -> None:
        self.left.remove(node)
        self.emptied.append(node)
        self._held.subtract(dict(_given_back(node)))
        self._free_up(node)

    def _free_up(self, node: Node) -> None:
        for slots, units in _given_back(node):
            self._free[slots] = self._free_of(slots) + units


def _given_back(node: Node) -> Iterator[tuple[Slots, int]]:
    """Yield what is free once ``node`` has ended."""
    return ((slots, units) for slots, units in node.demand if isinstance(slots, Gate) and slots.is_counted)
