"""Retry: whether a failed attempt is followed by another, and when.

Pure: chance comes from a hash of the run's seed, the task's id and the attempt's number, so that one
task more does not move the delays of the others.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from weft.model.outcome import Failed
from weft.model.reason import (
    AttemptsUsedUp,
    Exited,
    Killed,
    LastReason,
    NotRetried,
    Raised,
    RetryBudgetSpent,
    TimeBudgetSpent,
    TimedOut,
)
from weft.model.retry import TIMEOUT, Jitter, On, Retry, RetryBudget
from weft.model.signals import NUMBERS
from weft.scheduling.node import Tries

_ENDLESS = 1e300  # not infinity, which times a base of 0 is not a number


class TryAgain(msgspec.Struct, frozen=True):
    """The next attempt is due at the moment ``at``."""

    at: float


class GiveUp(msgspec.Struct, frozen=True):
    """There will be no other attempt."""

    because: LastReason


class Spending:
    """How many of the attempts of a run were retries, held against its budget."""

    __slots__ = ("_budget", "n_attempts", "n_retries")

    def __init__(self, budget: RetryBudget | None) -> None:
        self._budget = budget
        self.n_attempts = 0
        self.n_retries = 0  # those that are due later, too: what is promised is spent

    def allows(self) -> bool:
        """Tell whether one more retry is within the budget."""
        budget = self._budget
        if budget is None or self.n_retries < budget.at_least:
            return True
        return self.n_retries + 1 <= budget.share * (self.n_attempts + 1)

    @property
    def share(self) -> float:
        """The largest part of all attempts that may be retries."""
        return self._budget.share if self._budget is not None else 1.0


def decide(
    retry: Retry, outcome: Failed, task: str, tries: Tries, now: float, seed: str, spending: Spending
) -> TryAgain | GiveUp:
    """Return what follows a failed attempt.

    Args:
        retry: what the user declares.
        outcome: of the attempt.
        task: its id.
        tries: the attempts so far.
        now: the present moment.
        seed: of the run; the same seed gives the same delays.
        spending: of the run.
    """
    if not _is_retried(retry, outcome):
        return GiveUp(NotRetried())
    n_made = tries.n - tries.n_cut
    if n_made >= retry.max_attempts:
        return GiveUp(AttemptsUsedUp(n_made))
    delay_s = _last_delay(retry, task, seed, n_made)
    if outcome.retry_after_s is not None:
        delay_s = max(delay_s, min(outcome.retry_after_s, retry.retry_after_ceiling_s))
    if retry.budget_s is not None and now + delay_s > tries.began + retry.budget_s:
        return GiveUp(TimeBudgetSpent(retry.budget_s))
    if not spending.allows():
        return GiveUp(RetryBudgetSpent(spending.share))
    return TryAgain(now + delay_s)


def delays(retry: Retry, task: str, seed: str, attempts: int) -> list[float]:
    """Return the delays after each of the first ``attempts``, in seconds.

    >>> delays(Retry(), "fetch", "", 3)
    [2.0, 4.0, 8.0]
    """
    found = [retry.base_s]
    for attempt in range(1, attempts + 1):
        found.append(_delay(retry, task, seed, attempt, found[-1]))
    return found[1:]


def _last_delay(retry: Retry, task: str, seed: str, attempt: int) -> float:
    """Return the delay after ``attempt``; only decorrelated ones have to look back."""
    if retry.jitter is Jitter.DECORRELATED:
        return delays(retry, task, seed, attempt)[-1]
    return _delay(retry, task, seed, attempt, retry.base_s)


def _delay(retry: Retry, task: str, seed: str, attempt: int, before_s: float) -> float:
    low, high = bounds(retry, attempt, before_s)
    return low + (high - low) * chance(seed, task, attempt) if low < high else low


def bounds(retry: Retry, attempt: int, before_s: float) -> tuple[float, float]:
    """Return between which delays chance chooses after ``attempt``; ``before_s`` is the delay before."""
    delay_s = min(retry.ceiling_s, retry.base_s * _growth(retry.factor, attempt))
    match retry.jitter:
        case Jitter.NONE:
            return delay_s, delay_s
        case Jitter.FULL:
            return 0.0, delay_s
        case Jitter.EQUAL:
            return delay_s / 2, delay_s
        case Jitter.DECORRELATED:
            return min(retry.base_s, retry.ceiling_s), min(retry.ceiling_s, max(retry.base_s, 3 * before_s))


def _growth(factor: float, attempt: int) -> float:
    try:
        return float(factor) ** attempt  # as an int it would be exact, and fill the memory
    except OverflowError:
        return _ENDLESS


def chance(seed: str, task: str, attempt: int) -> float:
    """Return a number from 0 up to 1 that is always the same for the same arguments.

    >>> chance("run-7", "fetch", 1) == chance("run-7", "fetch", 1)
    True
    """
    digest = blake2b(f"{seed}\0{task}\0{attempt}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def _is_retried(retry: Retry, outcome: Failed) -> bool:
    if any(_matches(on, outcome) for on in retry.give_up_on):
        return False
    return not retry.retry_on or any(_matches(on, outcome) for on in retry.retry_on)


def _matches(on: On, outcome: Failed) -> bool:
    because = outcome.because
    if isinstance(on, type):
        # An exception that could not come back from its process is known by its name alone.
        named = isinstance(because, Raised) and because.error in (
            on.__qualname__,
            f"{on.__module__}.{on.__qualname__}",
        )
        return isinstance(outcome.exception, on) or named
    if isinstance(on, int):
        return isinstance(because, Exited) and because.code == on
    if on == TIMEOUT:
        return isinstance(because, TimedOut)
    return isinstance(because, Killed) and because.signal == NUMBERS[on]
