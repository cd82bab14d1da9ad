"""What the world tells the scheduler. Events are named in the past."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.attempt import Attempt
from weft.model.miss import MissReason, NotKeptReason
from weft.model.outcome import Outcome, Succeeded
from weft.model.reason import AgainReason, FailureReason, WaitReason
from weft.planning.prepare import PreparedTask


class TakenUp(msgspec.Struct, frozen=True):
    """What an earlier ``run`` has left: by position, the tasks ``done``, and why others run ``again``.

    Of these, what the ``written`` ones have written may be where all see it.
    """

    run: str
    done: Mapping[int, Succeeded]
    again: Mapping[int, AgainReason]
    written: frozenset[int] = frozenset()


class TasksSubmitted(msgspec.Struct, frozen=True, gc=False):
    """Tasks have come, before the run or during it, each at the next place in program order.

    Tasks of one event may wait for each other in any order, and for tasks of earlier events. What an earlier
    run has done of them is ``taken_up``.
    """

    tasks: tuple[PreparedTask, ...]
    taken_up: TakenUp | None = None


class PlanClosed(msgspec.Struct, frozen=True):
    """No more tasks will come: the run ends with the last of those it has."""


class AttemptFinished(msgspec.Struct, frozen=True, gc=False):
    """An attempt that the scheduler started is over, whatever became of it."""

    attempt: Attempt
    outcome: Outcome


class WritesSeen(msgspec.Struct, frozen=True):
    """The attempt that runs has written ``undeclared`` in its workspace, which its `writes` do not name."""

    task: int
    undeclared: tuple[str, ...]


class ResultFound(msgspec.Struct, frozen=True, gc=False):
    """A result of earlier holds: the attempt that runs has nothing to do, and ends with it."""

    attempt: Attempt


class ResultMissed(msgspec.Struct, frozen=True, gc=False):
    """No result of earlier holds, because of ``because``: the attempt does its work."""

    attempt: Attempt
    because: MissReason


class ResultDropped(msgspec.Struct, frozen=True, gc=False):
    """What the task at ``task`` has made could not be kept for later runs."""

    task: int
    because: NotKeptReason


class BroughtBack(msgspec.Struct, frozen=True):
    """What the task at ``task`` has made was brought back, or could not be, because of ``failure``.

    ``changed`` is the number of paths that changed in the plan's directory; ``overruled`` are those that
    others had changed as well, and of which the policy has decided; ``left_out`` those that can't be
    brought back.
    """

    task: int
    failure: FailureReason | None = None
    changed: int = 0
    overruled: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class CostTold(msgspec.Struct, frozen=True):
    """An attempt that runs has told its costs, by name; a cost without one goes by that of its limit."""

    attempt: Attempt
    costs: Mapping[str, int]


class SharesAnswered(msgspec.Struct, frozen=True):
    """Other processes were asked for ``shares``, which the task at ``task`` needs.

    All of it was ``granted``, or there is a reason why not; a ``problem`` is one that asking again would
    not help against.
    """

    task: int
    shares: tuple[str, ...]
    granted: bool
    because: tuple[WaitReason, ...] = ()
    problem: str | None = None


class SharesMoved(msgspec.Struct, frozen=True):
    """Something of ``shares``, of which others had too much, may be free."""

    shares: tuple[str, ...]


class JobsShared(msgspec.Struct, frozen=True):
    """From now on the run's slots are shared with other processes, as make's are; ``granted`` are its own."""

    granted: int


class TokensCame(msgspec.Struct, frozen=True):
    """Others have let go of so many jobs, which are the run's now."""

    units: int


class CancelRequested(msgspec.Struct, frozen=True):
    """The user wants these tasks taken back; those that have ended are left alone."""

    tasks: tuple[int, ...]


class InterruptRequested(msgspec.Struct, frozen=True):
    """The user wants the run to end: start nothing new, stop what runs; ``force`` leaves no choice."""

    signal: int | None = None
    force: bool = False


class RecordLost(msgspec.Struct, frozen=True):
    """What happens can't be recorded any more: the run must end."""

    problem: str


class TimePassed(msgspec.Struct, frozen=True):
    """The moment has come at which the last step asked to be woken."""


Event = (
    TasksSubmitted
    | PlanClosed
    | AttemptFinished
    | WritesSeen
    | ResultFound
    | ResultMissed
    | ResultDropped
    | BroughtBack
    | CostTold
    | SharesAnswered
    | SharesMoved
    | JobsShared
    | TokensCame
    | CancelRequested
    | InterruptRequested
    | RecordLost
    | TimePassed
)
