"""Facts: immutable records of what happened, in the order in which it happened.

Every view, the journal and the live displays are made from facts alone. ``at`` is the moment,
in seconds of the run's own clock; ``task`` is a position in program order.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.attempt import Attempt
from weft.model.lock import Hold
from weft.model.miss import MissReason, NotKeptReason
from weft.model.outcome import Outcome
from weft.model.rate import Cost, Window
from weft.model.reason import (
    AgainReason,
    CancelReason,
    EndReason,
    FailureReason,
    GroupReason,
    LastReason,
    RunEndsBy,
    TimedOut,
    WaitReason,
)
from weft.scheduling.health import Circuit
from weft.scheduling.states import RunState


class RunStarted(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The first of all facts: how large the run's limits are."""

    at: float
    max_concurrent: int
    pools: Mapping[str, int] = {}
    rates: Mapping[str, tuple[Window, ...]] = {}


class TaskAdded(msgspec.Struct, frozen=True, tag=True, gc=False, omit_defaults=True):
    """A task has become part of the run.

    It waits until the tasks ``needs`` have ended, which it needs, and ``hazards``, which touch the same as it
    does. While it runs it takes ``limits`` and holds ``locks``. What it has made in its workspace is
    brought back once ``merges_after`` have ended.
    """

    at: float
    task: int
    id: str
    family: str | None = None
    duration_s: float | None = None
    group: str | None = None
    needs: tuple[int, ...] = ()
    hazards: tuple[int, ...] = ()
    limits: Mapping[str, Cost] = {}
    locks: Mapping[str, Hold] = {}
    merges_after: tuple[int, ...] = ()


class TaskQueued(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A task that waits for nothing but its turn stands in ``line`` now.

    Not told of line 0, in which stand those of the usual priority that take one slot and nothing else;
    unless a task comes there from another line. Nor told of tasks that start at once.
    """

    at: float
    task: int
    line: int


class LineHeld(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Another gate than before holds the first in ``line``, and so all in it.

    No ``because`` means the run's own pool: no slot is free, or what is free is kept for another. That
    holds as long as nothing else is told of a line.
    """

    at: float
    line: int
    because: WaitReason | None = None


class SharesAsked(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A task has all that it needs in its run, and asks other processes for what they share."""

    at: float
    task: int


class TaskTakenUp(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A task was part of the earlier ``run`` that this one takes up, or it is new.

    Its outcome there is its outcome here, and follows at once; or it runs ``again`` for that reason, and
    what it ``has_written`` in that run, or in one before, may be where all see it.
    """

    at: float
    task: int
    run: str
    again: AgainReason | None = None
    has_written: bool = False


class AttemptStarted(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The scheduler has given an attempt its slots and ordered its start."""

    at: float
    attempt: Attempt


class StopAsked(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A running attempt was asked to end."""

    at: float
    attempt: Attempt
    force: bool = False
    because: CancelReason | TimedOut | None = None


class AttemptEnded(msgspec.Struct, frozen=True, tag=True, gc=False):
    """An attempt is over and its slots are free again."""

    at: float
    attempt: Attempt
    outcome: Outcome


class CacheHit(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A result of earlier still holds: the attempt ends with it, and has done no work."""

    at: float
    attempt: Attempt


class CacheMissed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The attempt at a task that is cached does its work."""

    at: float
    attempt: Attempt
    because: MissReason


class NotCached(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What a task that is cached has made could not be kept: it will run again."""

    at: float
    task: int
    because: NotKeptReason


class UndeclaredWrites(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A task has written ``paths`` in its workspace, which its `writes` do not name."""

    at: float
    task: int
    paths: tuple[str, ...]


class MergeStarted(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What a task has made in its workspace is being brought back; it holds nothing any more."""

    at: float
    task: int


class MergeEnded(msgspec.Struct, frozen=True, tag=True, gc=False):
    """It was brought back, or could not be, because of ``failure``; see `events.BroughtBack`."""

    at: float
    task: int
    failure: FailureReason | None = None
    changed: int = 0
    overruled: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class RetryScheduled(msgspec.Struct, frozen=True, tag=True, gc=False):
    """An attempt failed, and the next one, ``attempt``, becomes READY at the moment ``due``."""

    at: float
    attempt: Attempt
    due: float


class GaveUp(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A failed attempt at a task with a `retry` was the last."""

    at: float
    attempt: Attempt
    because: LastReason


class GroupDecided(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A group is met, or lost; nothing will change that. ``outer`` is the group that it is a member of."""

    at: float
    group: str
    met: bool
    because: GroupReason | EndReason
    outer: str | None = None


class HealthChanged(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The run, a group or a limit has become unhealthy, or healthy again, or its circuit has moved."""

    at: float
    scope: str
    healthy: bool
    circuit: Circuit
    error_rate: float
    completed: int
    failed: int


class RunStopping(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The run ends early: nothing new starts."""

    at: float
    because: RunEndsBy


class TaskEnded(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A task has reached its outcome, which nothing will change any more."""

    at: float
    task: int
    outcome: Outcome


class RunInterrupted(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The user asked the run to end early."""

    at: float
    signal: int | None = None
    force: bool = False


class RunEnded(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Every task has its outcome and no more will come; ``health`` is that of all that was watched."""

    at: float
    state: RunState
    health: tuple[HealthChanged, ...] = ()


Fact = (
    RunStarted
    | TaskAdded
    | TaskTakenUp
    | TaskQueued
    | LineHeld
    | SharesAsked
    | AttemptStarted
    | StopAsked
    | AttemptEnded
    | CacheHit
    | CacheMissed
    | NotCached
    | UndeclaredWrites
    | MergeStarted
    | MergeEnded
    | RetryScheduled
    | GaveUp
    | TaskEnded
    | GroupDecided
    | HealthChanged
    | RunStopping
    | RunInterrupted
    | RunEnded
)
