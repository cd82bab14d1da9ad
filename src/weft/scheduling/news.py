"""What is told of the lines of ready tasks: who stands in which, and which gate holds each.

A gate is told when another one than before holds a line, not each time that it lets somebody through; and of
the line in which most tasks stand only what is unusual. So a task that waits for a slot costs no fact.
"""

from __future__ import annotations

from collections.abc import Iterator

from weft.model.reason import WaitReason
from weft.scheduling.facts import LineHeld, TaskQueued
from weft.scheduling.node import Node
from weft.scheduling.ready import Gate, Line
from weft.scheduling.states import READY


class LineNews:
    """Gathers in each step what there is to tell; ``usual`` holds a line of which nothing is told."""

    __slots__ = ("_joined", "_moved", "_usual")

    def __init__(self, usual: Gate) -> None:
        self._usual = usual
        self._joined: list[tuple[Node, Line]] = []
        self._moved: list[Line] = []

    def __bool__(self) -> bool:
        return bool(self._joined or self._moved)

    def joined(self, node: Node, line: Line) -> None:
        """Take in that ``node`` stands in ``line`` from now on, if it does not start in this step."""
        self._joined.append((node, line))

    def parked(self, line: Line, gate: Gate) -> None:
        """Take in that ``gate`` holds ``line``."""
        if line.held_by is not (None if gate is self._usual else gate):
            self._moved.append(line)

    def unparked(self, line: Line) -> None:
        """Take in that no gate holds ``line``, as far as is known."""
        if line.held_by is not None:
            self._moved.append(line)

    def tell(self, now: float) -> Iterator[TaskQueued | LineHeld]:
        """Yield what is new, once all that can start has started."""
        for node, line in self._joined:
            if node.state is READY:
                yield TaskQueued(now, node.prepared.position, line.number)
        self._joined.clear()
        for line in self._moved:
            head = line.head()
            gate = line.parked_at if head is not None and line.parked_at is not self._usual else None
            if gate is not line.held_by:
                line.held_by = gate
                yield LineHeld(now, line.number, _reason(gate, line, head))
        self._moved.clear()


def _reason(gate: Gate | None, line: Line, head: Node | None) -> WaitReason | None:
    if gate is None or head is None:
        return None
    (units,) = [units for each, units in line.demand if each is gate]
    return gate.reason(head, units)
