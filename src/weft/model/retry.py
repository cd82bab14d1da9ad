"""Retry: how often, when and after which failures a task is tried again.

Knows what the user declares. The delays are computed, and the choice is made, in `scheduling.retry`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Jitter(StrEnum):
    """How chance spreads retries that would come at the same moment; ``delay`` is the backoff's own.

    The names are those of "Exponential Backoff And Jitter" (M. Brooker, AWS Architecture Blog, 2015).
    """

    NONE = "none"  # the delay itself
    FULL = "full"  # from 0 to the delay
    EQUAL = "equal"  # from half the delay to the delay
    DECORRELATED = "decorrelated"  # from the base to three times the delay before


TIMEOUT = "timeout"  # stands in `retry_on` and `give_up_on` for attempts that took too long

# An exception type; an exit code; the name of a signal such as "SIGKILL", or TIMEOUT.
On = type[BaseException] | int | str


class Retry(msgspec.Struct, frozen=True):
    """How a task is tried again.

    Args:
        max_attempts: the most attempts, the first included.
        base_s: attempt number ``n`` is followed by a delay of ``base_s * factor ** n`` seconds.
        factor: by how much each delay is longer than the one before.
        ceiling_s: the longest delay, in seconds.
        jitter: how chance spreads the delays.
        retry_on: the failures after which to try again: exception types, exit codes, names of
            signals, "timeout". Nothing here means all.
        give_up_on: the failures after which not to; it wins over ``retry_on``.
        budget_s: no attempt is begun when this many seconds have passed since the first one was.
        retry_after_ceiling_s: the longest wait that a failure may ask for by its `Retry-After`.

    The defaults are three attempts and delays of 2 and 4 seconds.

    >>> Retry(max_attempts=5, retry_on=(ConnectionError, 75, "timeout")).max_attempts
    5
    """

    max_attempts: int = 3
    base_s: float = 1.0
    factor: float = 2.0
    ceiling_s: float = 60.0
    jitter: Jitter = Jitter.NONE
    retry_on: tuple[On, ...] = ()
    give_up_on: tuple[On, ...] = ()
    budget_s: float | None = None
    retry_after_ceiling_s: float = 300.0


class RetryBudget(msgspec.Struct, frozen=True):
    """How much of the work of a run may be retries, so that an outage is not made worse by them.

    At most ``share`` (0 to 1) of all attempts are retries; ``at_least`` many are always allowed.
    """

    share: float = 0.2
    at_least: int = 10
