"""The run's own pool, part of which may be lent out to other processes.

Nothing is lent out until the run shares its jobs, as with make. From then on it may use what it was
granted, and never less than one unit. How jobs come and go between processes is up to the runtime.
"""

from __future__ import annotations

from weft.model.reason import JobsLentOut, WaitReason
from weft.scheduling.node import Key, Node
from weft.scheduling.ready import Gate


class LentGate(Gate):
    """A pool of ``size``, of which ``granted`` are the run's for now.

    When nothing of the run uses it, the next task may, whatever it weighs: there may never be more
    for it. Then less than nothing is ``free``, until as much was granted or the task has ended.
    """

    __slots__ = ("granted", "is_shared")

    def __init__(self, name: str, size: int) -> None:
        super().__init__(name, size)
        self.granted = size
        self.is_shared = False

    @property
    def used(self) -> int:
        return self.granted - self.free

    @property
    def is_idle(self) -> bool:
        """Whether nothing of the run uses it."""
        return self.free == self.granted

    def share(self, granted: int) -> None:
        """Share it with others from now on; ``granted`` units are the run's for now."""
        assert not self.is_shared, f"{self.name} is shared already"
        assert 1 <= granted <= self.size, f"{granted} of {self.size} in {self.name}"
        self.free += granted - self.granted
        self.granted, self.is_shared = granted, True

    def grow(self, units: int) -> None:
        """Take in that ``units`` more were granted."""
        assert 0 < units <= self.size - self.granted, f"{units} more than {self.granted} in {self.name}"
        self.granted += units
        self.free += units

    def hand_back(self) -> int:
        """Lend out what is free, but for the last unit and what is kept, and return how much that is."""
        kept = 0 if self.kept is None else self.kept[0]
        units = max(0, min(self.free - kept, self.granted - 1))
        self.granted -= units
        self.free -= units
        return units

    def take(self, units: int) -> None:
        assert units > 0, f"{units} in {self.name}"
        assert units <= self.free or self.is_idle, f"{units} of {self.free} in {self.name}"
        self.free -= units

    def give_back(self, units: int) -> None:
        assert 0 < units <= self.granted - self.free, f"{units} too many for {self.name}"
        self.free += units

    def reason(self, node: Node, units: int) -> WaitReason | None:
        if self.granted == self.size:
            return super().reason(node, units)
        if units > self.free and not self.is_idle:
            return JobsLentOut(max(self.free, 0), units)
        return super().reason(node, min(units, self.free))

    def admits(self, units: int, key: Key) -> bool:
        return super().admits(min(units, self.free) if self.is_idle else units, key)
