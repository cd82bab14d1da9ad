"""The run's own clock: seconds since it began, never going back."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


def running_clock() -> Clock:
    """Return a clock that stands at 0.0 now."""
    start = time.monotonic()
    return lambda: time.monotonic() - start
