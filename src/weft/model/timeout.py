"""Timeouts of one task. That of a whole run stands in `model.policy`."""

from __future__ import annotations

import msgspec


class Timeout(msgspec.Struct, frozen=True):
    """How long a task may take, in seconds.

    ``attempt_s`` bounds each attempt; one that takes longer has failed, and may be tried again.
    ``task_s`` bounds all attempts and the waits between them, counted from the start of the first.
    """

    attempt_s: float | None = None
    task_s: float | None = None


def timeout_of(attempt_s: float | None, task_s: float | None) -> Timeout | None:
    """Return the timeout that a caller asks for, or None where nothing is bounded.

    >>> timeout_of(None, 60.0)
    Timeout(attempt_s=None, task_s=60.0)
    """
    return None if attempt_s is None and task_s is None else Timeout(attempt_s, task_s)
