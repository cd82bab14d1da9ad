"""Pool slots: how many units of one pool are in use.

Knows counts and names only. Which task deserves a slot is decided in `admission`.
"""

from __future__ import annotations


class Slots:
    """The units of one pool.

    >>> gpu = Slots("gpu", 2)
    >>> gpu.take(2)
    >>> gpu.free
    0
    """

    __slots__ = ("free", "name", "size")

    def __init__(self, name: str, size: int) -> None:
        assert size >= 1, f"pool {name} has size {size}"
        self.name = name
        self.size = size
        self.free = size

    @property
    def used(self) -> int:
        """How many units are in use."""
        return self.size - self.free

    def take(self, units: int) -> None:
        """Use ``units`` more; the caller has seen that they are free."""
        assert 0 < units <= self.free, f"{units} of {self.free} in {self.name}"
        self.free -= units

    def give_back(self, units: int) -> None:
        """Use ``units`` less."""
        assert 0 < units <= self.size - self.free, f"{units} too many for {self.name}"
        self.free += units
