"""What the cache has of a task, as a page."""

from __future__ import annotations

import time

from weft.planning.prepare import PreparedPlan
from weft.runtime.verdict import verdict_on
from weft.views.cached import Cached, missed
from weft.views.what_if import position_of


def page_about(prepared: PreparedPlan, task: str) -> Cached:
    """Return whether ``task`` would run if the plan were run now, and why.

    Raises:
        UsageError: it is not in the plan, is a fan-out of several, or can't be fingerprinted.
    """
    found = verdict_on(prepared, position_of(prepared, task))
    if found.because is not None:
        return missed(found.task, found.because)
    if found.waits_for is not None:
        return Cached(found.task, "unknown", waits_for=found.waits_for)
    if found.hit is None:
        return Cached(found.task, "not cached")
    entry = found.hit.entry
    return Cached(
        found.task,
        "hit",
        age_s=time.time() - entry.stored_at,
        expires_at=entry.expires_at,
        file_mtimes=entry.file_mtimes,
        outputs=tuple(entry.outputs),
        to_restore=found.hit.to_restore,
    )
