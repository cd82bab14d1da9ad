"""Reasons: data that says why. Their sentences are made in `model.sentences`, nowhere else.

A task is named by its id here, so that a Reason can be read without the plan beside it.
"""

from __future__ import annotations

import msgspec

from weft.model.miss import MissReason, NotKeptReason


class _Reason(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What all Reasons share: they are values, and carry their own name when written as JSON."""


# Why a task comes after another.
class Needs(_Reason, frozen=True, gc=False):
    """``needs`` says so, or the task takes the other's result as an argument."""

    task: str


class NeedsGroup(_Reason, frozen=True, gc=False):
    """``needs`` names ``group``, and the other belongs to it: it must end, however it ends."""

    group: str
    member: str


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


class BringsBack(_Reason, frozen=True, gc=False):
    """It brings back what was made in workspaces, when ``task`` has ended."""

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


class RateTooSmall(_Reason, frozen=True, gc=False):
    """Together they cost ``asked`` units of a rate that lets ``limit`` start in each span."""

    rate: str
    limit: int
    asked: int


class SameLock(_Reason, frozen=True, gc=False):
    """Both hold the lock, and at least one of them alone."""

    lock: str


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


class JobsLentOut(_Reason, frozen=True, gc=False):
    """Too few jobs are free: others have the rest, by make's jobserver."""

    free: int
    asked: int


class LockHeld(_Reason, frozen=True, gc=False):
    """Others hold the lock, or it is kept for the task ``kept_for``, which comes first."""

    lock: str
    holders: tuple[str, ...] = ()
    kept_for: str | None = None


class RateDue(_Reason, frozen=True, gc=False):
    """The rate has no room for ``cost`` units before the moment ``due`` of the run's clock."""

    rate: str
    cost: float
    due: float


class AsksOthers(_Reason, frozen=True, gc=False):
    """It has all that it needs in its run, and asks for ``shares``, which other processes use as well."""

    shares: tuple[str, ...]


class TakenElsewhere(_Reason, frozen=True, gc=False):
    """Other processes have so much of ``share`` that too little is left; ``holders`` are some of them."""

    share: str
    holders: tuple[str, ...] = ()


class BackingOff(_Reason, frozen=True, gc=False):
    """An attempt failed, and the next one, ``attempt``, is due at the moment ``due`` of the run's clock."""

    attempt: int
    due: float


class CircuitOpen(_Reason, frozen=True, gc=False):
    """Too many attempts failed in ``scope``; a probe is let through at the moment ``due``."""

    scope: str
    error_rate: float
    due: float


class CircuitProbing(_Reason, frozen=True, gc=False):
    """Too many attempts failed in ``scope``, and one is on its way to find out whether that is over."""

    scope: str


class MergePending(_Reason, frozen=True, gc=False):
    """It is done, and what it made is brought back after the end of ``task``, which comes before it."""

    task: str


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


class TimedOut(_Reason, frozen=True, gc=False):
    """It took longer than ``limit_s`` seconds; ``whole`` tells that this bounds all attempts together."""

    limit_s: float
    whole: bool = False


class SetupFailed(_Reason, frozen=True, gc=False):
    """The set-up command of its workspace did not succeed."""

    message: str


class ReadonlyChanged(_Reason, frozen=True, gc=False):
    """It was to leave ``path`` as it is, which was ``how``: changed, created or removed."""

    path: str
    how: str


class WroteUndeclared(_Reason, frozen=True, gc=False):
    """It has written ``paths``, which its `writes` do not name, and the plan is strict."""

    paths: tuple[str, ...]


class MergeConflict(_Reason, frozen=True, gc=False):
    """It has changed ``paths``, and so have others: both versions are kept, its own in ``workspace``."""

    paths: tuple[str, ...]
    workspace: str


class NotMerged(_Reason, frozen=True, gc=False):
    """What it has made could not be brought back; it is kept in ``workspace``."""

    message: str
    workspace: str


# Why a failed attempt was the last.
class AttemptsUsedUp(_Reason, frozen=True, gc=False):
    """All attempts that its `retry` allows were made."""

    attempts: int


class NotRetried(_Reason, frozen=True, gc=False):
    """Its `retry` says that failures of this kind are not tried again."""


class TimeBudgetSpent(_Reason, frozen=True, gc=False):
    """The next attempt would begin more than ``budget_s`` seconds after the first."""

    budget_s: float


class RetryBudgetSpent(_Reason, frozen=True, gc=False):
    """A larger part of the run's attempts than ``share`` would be retries."""

    share: float


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


class GroupMet(_Reason, frozen=True, gc=False):
    """Enough members of the group have succeeded, and it wants no more."""

    group: str
    succeeded: int
    required: int


class GroupLost(_Reason, frozen=True, gc=False):
    """Not enough members of the group can succeed any more."""

    group: str
    succeeded: int
    required: int


class CriticalFailed(_Reason, frozen=True, gc=False):
    """The group can't succeed any more, and the run can't do without it."""

    group: str


class RunFailed(_Reason, frozen=True, gc=False):
    """``task`` (or the group of that name) failed, and the run ends with its first failure."""

    task: str


class Unhealthy(_Reason, frozen=True, gc=False):
    """Too many attempts failed in ``scope``: ``error_rate`` (0 to 1) of those that were looked at."""

    scope: str
    error_rate: float


class Preempted(_Reason, frozen=True, gc=False):
    """It ran on speculation, and its place was wanted."""


class NotNeeded(_Reason, frozen=True, gc=False):
    """It was speculation, and nobody needs it any more."""


class Decided(_Reason, frozen=True, gc=False):
    """Whatever the task votes, it can't change the verdict of the aggregate.

    ``votes``, of ``voters`` in all, are for the answer that leads; ``won`` tells that it has won, or else
    that no answer can win any more.
    """

    aggregate: str
    won: bool
    votes: int
    voters: int


class RunTimedOut(_Reason, frozen=True, gc=False):
    """The run took longer than ``limit_s`` seconds."""

    limit_s: float


class NotRecorded(_Reason, frozen=True, gc=False):
    """The journal can't be written any more: what would happen now could never be told, nor resumed."""

    problem: str


# Why a task runs again in a run that takes up an earlier one.
class NewTask(_Reason, frozen=True, gc=False):
    """The earlier plan did not have it."""


class NeverFinished(_Reason, frozen=True, gc=False):
    """The earlier run did not do it: it was killed or stopped before or meanwhile, or skipped the task."""


class FailedBefore(_Reason, frozen=True, gc=False):
    """It failed in the earlier run."""

    because: FailureReason


class ResultNotKept(_Reason, frozen=True, gc=False):
    """It has succeeded, but its result is a ``kind``, which the journal can't hold."""

    kind: str


class TaskChanged(_Reason, frozen=True, gc=False):
    """It has succeeded, but these parts of it are no longer what they were."""

    parts: tuple[str, ...]


class NotComparable(_Reason, frozen=True, gc=False):
    """It has succeeded, but its arguments hold a ``kind``, of which nobody can tell if it is the same."""

    kind: str


class FollowsOther(_Reason, frozen=True, gc=False):
    """It has succeeded, but ``task`` runs again, and it comes after it ``because`` of what is told."""

    task: str
    because: EdgeReason


class WrittenOver(_Reason, frozen=True, gc=False):
    """It has succeeded, but ``reader`` needs what it wrote at ``path``, which may not be there any more."""

    reader: str
    path: str


EdgeReason = (
    Needs
    | NeedsGroup
    | ReadAfterWrite
    | WriteAfterRead
    | WriteAfterWrite
    | Transaction
    | NotDeclared
    | BringsBack
)
PairReason = Through | PoolTooSmall | RateTooSmall | SameLock
WaitReason = (
    DependencyPending
    | PoolFull
    | PoolReserved
    | JobsLentOut
    | LockHeld
    | RateDue
    | AsksOthers
    | TakenElsewhere
    | BackingOff
    | CircuitOpen
    | CircuitProbing
    | MergePending
)
WorkspaceReason = SetupFailed | ReadonlyChanged | WroteUndeclared | MergeConflict | NotMerged
FailureReason = Raised | Exited | Killed | CouldNotStart | BadResult | TimedOut | WorkspaceReason
LastReason = AttemptsUsedUp | NotRetried | TimeBudgetSpent | RetryBudgetSpent
GroupReason = GroupMet | GroupLost
RunEndsBy = RunTimedOut | CriticalFailed | RunFailed | Unhealthy | NotRecorded
EndReason = Interrupted | RunEndsBy  # why the run ends early
CancelReason = CancelAsked | Preempted | NotNeeded | Decided | GroupReason | EndReason
AgainReason = (
    NewTask
    | NeverFinished
    | FailedBefore
    | ResultNotKept
    | TaskChanged
    | NotComparable
    | FollowsOther
    | WrittenOver
)
SkipReason = NotNeeded | Decided | DependencyFailed | DependencyCancelled | GroupReason | EndReason
CacheReason = MissReason | NotKeptReason  # why a task runs again, or will
Reason = (
    EdgeReason
    | PairReason
    | WaitReason
    | FailureReason
    | LastReason
    | CancelReason
    | SkipReason
    | AgainReason
    | CacheReason
)
