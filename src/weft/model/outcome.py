"""Outcome: how an attempt, and with its last attempt a task, ended."""

from __future__ import annotations

from typing import Any

import msgspec

from weft.model.reason import CancelReason, FailureReason, SkipReason


class Succeeded(msgspec.Struct, frozen=True, tag=True):
    """The work was done; ``value`` is its result."""

    value: Any = None


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The work was tried and not done.

    ``exception`` is the original, when Python raised one. ``retry_after_s`` is how many seconds the
    work itself asks to wait before it is tried again, as a server does by `Retry-After`.
    """

    because: FailureReason
    exception: BaseException | None = None
    retry_after_s: float | None = None


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """The work was stopped, or taken back before it began."""

    because: CancelReason


class Skipped(msgspec.Struct, frozen=True, tag=True):
    """The work was never tried, because of what happened elsewhere."""

    because: SkipReason


Outcome = Succeeded | Failed | Cancelled | Skipped
