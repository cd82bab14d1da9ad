"""Reasons: data that says why. Their sentences are made in `views.sentences`, nowhere else.

A task is named by its id here, so that a Reason can be read without the plan beside it.
"""

from __future__ import annotations

import msgspec


class _Reason(msgspec.Struct, frozen=True, tag=True):
    """What all Reasons share: they are values, and carry their own name when written as JSON."""


# Why a task comes after another.
class Needs(_Reason, frozen=True):
    """``needs`` says so, or the task takes the other's result as an argument."""

    task: str


# Why a task is not running yet.
class DependencyPending(_Reason, frozen=True):
    """A task that must end first has not ended."""

    task: str


class PoolFull(_Reason, frozen=True):
    """Too few units of a pool are free."""

    pool: str
    free: int
    asked: int


class PoolReserved(_Reason, frozen=True):
    """Units are free, but a task that comes first is waiting for more of them."""

    pool: str
    by: str


# Why an attempt failed.
class Raised(_Reason, frozen=True):
    """The function raised an ``error`` (the name of its type). ``traceback`` is what Python would print."""

    error: str
    message: str
    traceback: str = ""


class Exited(_Reason, frozen=True):
    """The command ended with an exit code other than 0."""

    code: int


class Killed(_Reason, frozen=True):
    """The command was ended by a signal that Weft did not send, or its worker process died."""

    signal: int


class CouldNotStart(_Reason, frozen=True):
    """The work did not begin: no such program, no such directory, too many open files."""

    message: str


class BadResult(_Reason, frozen=True):
    """The work was done, but its result can't be read."""

    message: str


# Why a task did not run, or did not run to its end.
class DependencyFailed(_Reason, frozen=True):
    """``task`` failed, and this task can't do without it, be it directly or through others."""

    task: str


class DependencyCancelled(_Reason, frozen=True):
    """``task`` was cancelled, and this task can't do without it, be it directly or through others."""

    task: str


class CancelAsked(_Reason, frozen=True):
    """The user cancelled this task."""


class Interrupted(_Reason, frozen=True):
    """The run was interrupted."""

    signal: int | None = None


EdgeReason = Needs
WaitReason = DependencyPending | PoolFull | PoolReserved
FailureReason = Raised | Exited | Killed | CouldNotStart | BadResult
CancelReason = CancelAsked | Interrupted
SkipReason = DependencyFailed | DependencyCancelled | Interrupted
Reason = EdgeReason | WaitReason | FailureReason | CancelReason | SkipReason
