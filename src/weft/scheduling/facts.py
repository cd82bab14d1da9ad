"""Facts: immutable records of what happened, in the order in which it happened.

Every view, the journal and the live displays are made from facts alone. ``at`` is the moment,
in seconds of the run's own clock; ``task`` is a position in program order.
"""

from __future__ import annotations

import msgspec

from weft.model.attempt import Attempt
from weft.model.outcome import Outcome
from weft.scheduling.states import RunState


class TaskAdded(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A task has become part of the run."""

    at: float
    task: int
    id: str
    family: str | None = None
    duration_s: float | None = None


class AttemptStarted(msgspec.Struct, frozen=True, tag=True, gc=False):
    """The scheduler has given an attempt its slots and ordered its start."""

    at: float
    attempt: Attempt


class StopAsked(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A running attempt was asked to end."""

    at: float
    attempt: Attempt
    force: bool = False


class AttemptEnded(msgspec.Struct, frozen=True, tag=True, gc=False):
    """An attempt is over and its slots are free again."""

    at: float
    attempt: Attempt
    outcome: Outcome


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
    """Every task has its outcome and no more will come."""

    at: float
    state: RunState


Fact = TaskAdded | AttemptStarted | StopAsked | AttemptEnded | TaskEnded | RunInterrupted | RunEnded
