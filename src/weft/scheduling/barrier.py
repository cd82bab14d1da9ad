"""A barrier: a gate at which a task may wait for long, and so keeps nothing of other gates meanwhile."""

from __future__ import annotations

from weft.scheduling.ready import Gate


class Barrier(Gate):
    """Barriers come first in a demand. Who has passed does not come back through."""

    __slots__ = ()

    is_counted = False

    def give_back(self, units: int) -> None:
        """Nothing."""
