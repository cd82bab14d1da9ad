"""Health: how many failures are too many, and what is done then.

Knows what the user declares. The counting is done in `scheduling.health`.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class WhenUnhealthy(Enum):
    """What is done when the error rate is too high."""

    WARN = "warn"  # it is told, and nothing else
    PAUSE = "pause"  # the circuit opens: nothing starts until one attempt has been seen to succeed
    STOP = "stop"  # the run, or the group, is given up


class Health(msgspec.Struct, frozen=True):
    """What counts as healthy.

    Args:
        max_error_rate: healthy is an error rate (failed attempts divided by all) below this, 0 to 1.
        window: how many of the latest attempts are looked at.
        window_s: looks at the attempts that ended in the last seconds, in place of a number of them.
        min_samples: with fewer attempts than this nothing is said.
        when_unhealthy: what is done.
        cool_down_s: how long a circuit is open before one attempt is let through as a probe, in seconds.
    """

    max_error_rate: float = 0.5
    window: int = 20
    window_s: float | None = None
    min_samples: int = 10
    when_unhealthy: WhenUnhealthy = WhenUnhealthy.WARN
    cool_down_s: float = 30.0
