"""Locks: named gates that one task passes alone, or many share.

Who shares a lock takes one unit and who wants it alone takes all, so that admission takes it together
with a task's other limits or not at all, and keeps it for the first in the order of choice: one that
waits to be alone is not overtaken by later ones that share.

Knows one lock of one run. Locks among runs and processes are in `sharing`.
"""

from __future__ import annotations

from weft.model.lock import Hold
from weft.model.reason import LockHeld, WaitReason
from weft.scheduling.node import Node
from weft.scheduling.ready import Gate
from weft.scheduling.states import ASKING, RUNNING, STOPPING

_ALL = 1 << 60  # more than will ever share
_FEW = 64  # that have let go and are not worth looking for

UNITS = {Hold.SHARED: 1, Hold.EXCLUSIVE: _ALL}
_HOLDING = (ASKING, RUNNING, STOPPING)


class LockGate(Gate):
    """One lock, which users call ``lock``."""

    __slots__ = ("_clean_at", "_passed", "lock")

    is_told = True

    def __init__(self, name: str, lock: str) -> None:
        super().__init__(name, _ALL)
        self.lock = lock
        self._passed: dict[Node, None] = {}  # some of them have let go
        self._clean_at = _FEW

    @property
    def holders(self) -> tuple[str, ...]:
        """The tasks that hold it, in the order in which they came first."""
        return tuple([node.prepared.task.id for node in self._passed if node.state in _HOLDING])

    def passed(self, node: Node, units: int) -> None:
        if len(self._passed) >= self._clean_at:
            self._passed = {node: None for node in self._passed if node.state in _HOLDING}
            self._clean_at = 2 * len(self._passed) + _FEW
        self._passed[node] = None

    def reason(self, node: Node, units: int) -> WaitReason | None:
        if units > self.free:
            return LockHeld(self.lock, self.holders)
        better = self.spared_for(units, node.key)
        return None if better is None else LockHeld(self.lock, (), better.prepared.task.id)
