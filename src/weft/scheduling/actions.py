"""What the scheduler tells the world to do. Actions are in the imperative."""

from __future__ import annotations

import msgspec

from weft.model.attempt import Attempt


class StartAttempt(msgspec.Struct, frozen=True, gc=False):
    """Begin this attempt; everything that it takes is reserved already."""

    attempt: Attempt


class StopAttempt(msgspec.Struct, frozen=True, gc=False):
    """End this attempt: politely, or by ``force``."""

    attempt: Attempt
    force: bool = False


Action = StartAttempt | StopAttempt
