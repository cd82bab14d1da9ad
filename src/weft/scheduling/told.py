"""What was found out in the world about a task, as facts: nothing follows from them.

Whether a result of earlier holds, and what a task has written, is seen by looking at files.
"""

from __future__ import annotations

from typing import assert_never

from weft.scheduling.events import ResultDropped, ResultFound, ResultMissed, WritesSeen
from weft.scheduling.facts import CacheHit, CacheMissed, NotCached, UndeclaredWrites

Told = ResultFound | ResultMissed | ResultDropped | WritesSeen


def fact_of(event: Told, now: float) -> CacheHit | CacheMissed | NotCached | UndeclaredWrites:
    """Return ``event`` as what has happened at the moment ``now``."""
    match event:
        case ResultFound(attempt):
            return CacheHit(now, attempt)
        case ResultMissed(attempt, because):
            return CacheMissed(now, attempt, because)
        case ResultDropped(task, why):
            return NotCached(now, task, why)
        case WritesSeen(task, undeclared):
            return UndeclaredWrites(now, task, undeclared)
        case _:
            assert_never(event)
