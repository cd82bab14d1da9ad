"""What is shared with other processes: who may ask for it, and what was answered.

A task that has passed all gates of its run asks the others for the rest, all at once; if it gets that, it
starts, and if not, it gives back what it has taken and waits again. One task at a time asks for the same
things, so that the best comes first. Who is asked, and how, is up to the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping

from weft.model.limits import Limit
from weft.model.lock import Lock
from weft.model.reason import AsksOthers, WaitReason
from weft.model.scope import Scope
from weft.model.task import Task
from weft.scheduling.barrier import Barrier
from weft.scheduling.node import Node


class SharedGate(Barrier):
    """Lets one through to ask; closed while it asks, and after a no until there may be something free.

    Attributes:
        asker: the task that asks, or was the last to be told no: the run stands in the queue for it.
    """

    __slots__ = ("_because", "asker", "shares")

    is_told = True

    def __init__(self, name: str, shares: tuple[str, ...]) -> None:
        super().__init__(name, 1)
        self.shares = shares
        self.asker: Node | None = None
        self._because: tuple[WaitReason, ...] = ()

    def take(self, units: int) -> None:
        self.free = 0

    def passed(self, node: Node, units: int) -> None:
        self.asker = node

    def open(self) -> None:
        """Let the next one ask."""
        self.free = 1
        self._because = ()

    def refused(self, because: tuple[WaitReason, ...]) -> None:
        """Remember what was answered."""
        self._because = because

    def reason(self, node: Node, units: int) -> WaitReason | None:
        if self.admits(units, node.key):
            return None
        return self._because[0] if self._because else AsksOthers(self.shares)


class Shares:
    """Which limits and locks of a run are shared with other processes."""

    def __init__(self, limits: Mapping[str, Limit], locks: Mapping[str, Lock]) -> None:
        self._limits = frozenset(name for name, limit in limits.items() if limit.scope is Scope.MACHINE)
        self._locks = frozenset(name for name, lock in locks.items() if lock.scope is Scope.MACHINE)
        self.is_used = bool(self._limits or self._locks)

    def holds(self, name: str) -> bool:
        """Tell whether the limit ``name`` is shared."""
        return name in self._limits

    def holds_lock(self, name: str) -> bool:
        """Tell whether the lock ``name`` is shared."""
        return name in self._locks

    def of(self, task: Task) -> tuple[str, ...]:
        """Return the names of what ``task`` must ask others for."""
        return (*self.limits_of(task), *self.locks_of(task))

    def limits_of(self, task: Task) -> list[str]:
        """Return the shared ones among the limits of ``task``."""
        return sorted(name for name in task.limits if name in self._limits)

    def locks_of(self, task: Task) -> list[str]:
        """Return the shared ones among the locks of ``task``."""
        return sorted(name for name in task.locks if name in self._locks)
