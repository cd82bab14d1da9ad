"""The critical path of a run: the longest chain of tasks each of which had to wait for the one before.

Measured by what the attempts took. What was expected before a run is the matter of `planning.priority`.
"""

from __future__ import annotations

from array import array

from weft.views.waits import Life

_NONE = -1


class CriticalPath:
    """Grows with each task that holds back nobody any more; what comes before a task is told before it.

    Attributes:
        seconds: the length of the path.
    """

    __slots__ = ("_before", "_ended_last", "_path_s", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ended_last = _NONE
        # Of each task: the longest chain that ends with it, and which task is before it there.
        self._path_s = array("d")
        self._before = array("q")

    def lengthen(self, life: Life) -> None:
        """Take in the longest chain that ends with a task: the longest of those before it, and itself."""
        position = life.added.task
        while len(self._path_s) <= position:
            self._path_s.append(0.0)
            self._before.append(_NONE)
        before = max((*life.added.needs, *life.added.hazards), key=self._path_s.__getitem__, default=_NONE)
        self._before[position] = before
        seconds = life.service_s - life.wasted_s + (self._path_s[before] if before != _NONE else 0.0)
        self._path_s[position] = seconds
        if seconds > self.seconds:
            self.seconds, self._ended_last = seconds, position

    def positions(self) -> list[int]:
        """Return where the tasks of the path stand in program order, in the order in which they ran."""
        path = []
        position = self._ended_last
        while position != _NONE:
            path.append(position)
            position = self._before[position]
        return path[::-1]
