"""How long a failure itself asks to wait before the next attempt, as a server does by `Retry-After`.

An exception says it by an attribute ``retry_after``, a command by a line at its end. What makes no sense is
passed over: a wait that is asked for in vain is no reason to fail otherwise. Whether the wish is
granted, and up to which length, is decided in `scheduling.retry`.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta

from weft.executors.last_words import last_words

_LINE = re.compile(rb"weft: retry-after\s+(\S+)")


def asked_by(error: BaseException) -> float | None:
    """Return how many seconds an exception asks to wait.

    >>> error = ConnectionError("too many requests")
    >>> error.retry_after = "12"
    >>> asked_by(error)
    12.0
    """
    try:
        asked = getattr(error, "retry_after", None)
        return None if asked is None else _seconds(asked)
    except Exception:  # the user's property or class, which can raise anything
        return None


def asked_in(stderr: str, stdout: str) -> float | None:
    """Return how many seconds the end of ``stderr``, else that of ``stdout``, asks to wait.

    Args:
        stderr: a file, or the place of one that is not there.
        stdout: another, or the same.
    """
    for output in dict.fromkeys((stderr, stdout)):
        for line in last_words(output):
            found = _LINE.fullmatch(line)
            asked = _seconds(found[1].decode("latin-1")) if found else None
            if asked is not None:
                return asked
    return None


def _seconds(asked: object) -> float | None:
    if isinstance(asked, timedelta):
        asked = asked.total_seconds()
    if isinstance(asked, bool) or not isinstance(asked, int | float | str):
        return None
    try:
        seconds = float(asked)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0.0 else None
