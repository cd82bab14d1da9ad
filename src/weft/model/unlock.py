"""Unlocks: data that says what would let two tasks run side by side.

Their sentences are made in `model.sentences`. Whether one of them is worth it is asked in `views.what_if`.
"""

from __future__ import annotations

import msgspec


class _Unlock(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What all unlocks share: they are values, and carry their own name when written as JSON."""


class DropNeed(_Unlock, frozen=True, gc=False):
    """``task`` goes without ``needed``."""

    task: str
    needed: str


class NarrowerPattern(_Unlock, frozen=True, gc=False):
    """``task`` declares less than ``pattern``: only what it really touches."""

    task: str
    pattern: str


class PrivateWorkspace(_Unlock, frozen=True, gc=False):
    """``task`` writes to a place of its own, which is merged when it has ended."""

    task: str


class LeaveGroup(_Unlock, frozen=True, gc=False):
    """``task`` is no member of the atomic group."""

    task: str
    group: str


class LargerLimit(_Unlock, frozen=True, gc=False):
    """The limit holds ``size`` units."""

    name: str
    size: int


class LargerRate(_Unlock, frozen=True, gc=False):
    """The rate ``name`` lets ``limit`` units start in one span."""

    name: str
    limit: int


class ShareLock(_Unlock, frozen=True, gc=False):
    """Tasks that only look hold the lock ``shared``."""

    lock: str


class Declare(_Unlock, frozen=True, gc=False):
    """``task`` says what it reads and writes, even if that is nothing."""

    task: str


Unlock = (
    DropNeed
    | NarrowerPattern
    | PrivateWorkspace
    | LeaveGroup
    | LargerLimit
    | LargerRate
    | ShareLock
    | Declare
)
