"""What the cache has found out about a task, as facts.

Knows words only. Whether a result holds is decided in the world, by looking at files.
"""

from __future__ import annotations

from typing import assert_never

from weft.scheduling.events import ResultDropped, ResultFound, ResultMissed
from weft.scheduling.facts import CacheHit, CacheMissed, NotCached


def fact_of(
    event: ResultFound | ResultMissed | ResultDropped, now: float
) -> CacheHit | CacheMissed | NotCached:
    """Return ``event`` as what has happened at the moment ``now``."""
    match event:
        case ResultFound(attempt):
            return CacheHit(now, attempt)
        case ResultMissed(attempt, because):
            return CacheMissed(now, attempt, because)
        case ResultDropped(task, why):
            return NotCached(now, task, why)
        case _:
            assert_never(event)
