"""Reasons: data that says why. Their sentences are made in `model.sentences`, nowhere else.

A task is named by its id here, so that a Reason can be read without the plan beside it.
"""

from __future__ import annotations

import msgspec


class _Reason(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What all Reasons share: they are values, and carry their own name when written as JSON."""


# Why a task comes after another.
class Needs(_Reason, frozen=True, gc=False):
    """``needs`` says so, or the task takes the other's result as an argument."""

    task: str


class ReadAfterWrite(_Reason, frozen=True, gc=False):
    """It reads ``path``, which the other writes: it can't do without the other's success."""

    writer: str
    reader: str
    path: str


class WriteAfterRead(_Reason, frozen=True, gc=False):
    """It writes ``path``, which the other reads: the other must have read it before."""

    reader: str
    writer: str
    path: str


class WriteAfterWrite(_Reason, frozen=True, gc=False):
    """It writes ``path``, which the other writes too: what ``second`` writes is what must remain."""

    first: str
    second: str
    path: str


class Transaction(_Reason, frozen=True, gc=False):
    """One of the two belongs to the atomic ``group``, and the other conflicts with a member of it."""

    group: str


class NotDeclared(_Reason, frozen=True, gc=False):
    """``task`` declares no accesses: nobody knows what it touches."""

    task: str


# Why two tasks can't run side by side, besides what orders one after the other.
class Through(_Reason, frozen=True, gc=False):
    """One comes after the other by way of ``tasks``, each of which comes after the one before it."""

    tasks: tuple[str, ...]


class PoolTooSmall(_Reason, frozen=True, gc=False):
    """Together they take ``asked`` units of a pool that holds ``size``."""

    pool: str
    size: int
    asked: int


# Why a task is not running yet.
class DependencyPending(_Reason, frozen=True, gc=False):
    """A task that must end first has not ended."""

    task: str


class PoolFull(_Reason, frozen=True, gc=False):
    """Too few units of a pool are free."""

    pool: str
    free: int
    asked: int


class PoolReserved(_Reason, frozen=True, gc=False):
    """Units are free, but a task that comes first is waiting for more of them."""

    pool: str
    by: str


# Why an attempt failed.
class Raised(_Reason, frozen=True, gc=False):
    """The function raised an ``error`` (the name of its type). ``traceback`` is what Python would print."""

    error: str
    message: str
    traceback: str = ""


class Exited(_Reason, frozen=True, gc=False):
    """The command ended with an exit code other than 0."""

    code: int


class Killed(_Reason, frozen=True, gc=False):
    """The command was ended by a signal that Weft did not send, or its worker process died."""

    signal: int


class CouldNotStart(_Reason, frozen=True, gc=False):
    """The work did not begin: no such program, no such directory, too many open files."""

    message: str


class BadResult(_Reason, frozen=True, gc=False):
    """The work was done, but its result can't be read."""

    message: str


# Why a task did not run, or did not run to its end.
class DependencyFailed(_Reason, frozen=True, gc=False):
    """``task`` failed, and this task can't do without it, be it directly or through others."""

    task: str


class DependencyCancelled(_Reason, frozen=True, gc=False):
    """``task`` was cancelled, and this task can't do without it, be it directly or through others."""

    task: str


class CancelAsked(_Reason, frozen=True, gc=False):
    """The user cancelled this task."""


class Interrupted(_Reason, frozen=True, gc=False):
    """The run was interrupted."""

    signal: int | None = None


EdgeReason = Needs | ReadAfterWrite | WriteAfterRead | WriteAfterWrite | Transaction | NotDeclared
PairReason = Through | PoolTooSmall
WaitReason = DependencyPending | PoolFull | PoolReserved
FailureReason = Raised | Exited | Killed | CouldNotStart | BadResult
CancelReason = CancelAsked | Interrupted
SkipReason = DependencyFailed | DependencyCancelled | Interrupted
Reason = EdgeReason | PairReason | WaitReason | FailureReason | CancelReason | SkipReason
