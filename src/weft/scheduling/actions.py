"""What the scheduler tells the world to do. Actions are in the imperative."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.attempt import Attempt


class StartAttempt(msgspec.Struct, frozen=True, gc=False):
    """Begin this attempt; everything that it takes is reserved already."""

    attempt: Attempt


class StopAttempt(msgspec.Struct, frozen=True, gc=False):
    """End this attempt: politely, or by ``force``."""

    attempt: Attempt
    force: bool = False


class AskShares(msgspec.Struct, frozen=True, gc=False):
    """Ask other processes for ``shares``, as much as the task at ``task`` needs; answer by an event."""

    task: int
    shares: tuple[str, ...]


class StopAsking(msgspec.Struct, frozen=True, gc=False):
    """Leave the queue for ``shares``: the task that has asked for them last needs them no more."""

    shares: tuple[str, ...]


class ReturnShares(msgspec.Struct, frozen=True):
    """Give back what the task at ``task`` has got from other processes.

    ``costs`` is what its attempt has told of its costs, None when there was no attempt. The other side of
    the rates in ``refused`` has refused it, and wants to be left alone for ``retry_after_s`` seconds.
    """

    task: int
    costs: Mapping[str, int] | None = None
    refused: tuple[str, ...] = ()
    retry_after_s: float = 0.0


class BringBack(msgspec.Struct, frozen=True, gc=False):
    """Bring back what the last attempt at the task at ``task`` has made in its workspace."""

    task: int


Action = StartAttempt | StopAttempt | AskShares | StopAsking | ReturnShares | BringBack
