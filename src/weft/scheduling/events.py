"""What the world tells the scheduler. Events are named in the past."""

from __future__ import annotations

import msgspec

from weft.model.attempt import Attempt
from weft.model.outcome import Outcome
from weft.planning.prepare import PreparedTask


class TasksSubmitted(msgspec.Struct, frozen=True):
    """Tasks have come, before the run or during it, each at the next place in program order.

    Tasks of one event may wait for each other in any order, and for tasks of earlier events.
    """

    tasks: tuple[PreparedTask, ...]


class PlanClosed(msgspec.Struct, frozen=True):
    """No more tasks will come: the run ends with the last of those it has."""


class AttemptFinished(msgspec.Struct, frozen=True, gc=False):
    """An attempt that the scheduler started is over, whatever became of it."""

    attempt: Attempt
    outcome: Outcome


class CancelRequested(msgspec.Struct, frozen=True):
    """The user wants these tasks taken back; those that have ended are left alone."""

    tasks: tuple[int, ...]


class InterruptRequested(msgspec.Struct, frozen=True):
    """The user wants the run to end: start nothing new, stop what runs; ``force`` leaves no choice."""

    signal: int | None = None
    force: bool = False


class TimePassed(msgspec.Struct, frozen=True):
    """The moment has come at which the last step asked to be woken."""


Event = TasksSubmitted | PlanClosed | AttemptFinished | CancelRequested | InterruptRequested | TimePassed
