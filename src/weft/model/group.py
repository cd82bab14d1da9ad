"""A group: tasks that share how they are treated.

Knows what the user declares. What it means for the order of tasks is decided in `planning.units`, what
it means for failures in `scheduling.failure`.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from weft.model.health import Health
from weft.model.workspace import Merge, Workspace


class Rest(Enum):
    """What becomes of the tasks that have not ended when the matter is decided."""

    CONTINUE = "continue"  # they go on
    DRAIN = "drain"  # those that run go on, the others do not start
    CANCEL = "cancel"  # those that run are stopped, too


class Group(msgspec.Struct, frozen=True):
    """Tasks and groups that share a failure policy.

    Args:
        atomic: nothing that conflicts with any member runs between its members.
        critical: True: when the group fails, the run ends. False: when it fails, that is told and the run
            goes on; it is not a failure of the run. None: it is one, and the run does what it does
            after every failure.
        min_required: how many members must succeed, as a number (an int) or a share of them (a float
            up to 1.0). None: all of them. A member is a task, or a group inside this one.
        when_met: what becomes of the rest as soon as enough have succeeded.
        when_lost: what becomes of the rest as soon as enough can't succeed any more. None: those that
            run go on and the others do not start, if there is a ``min_required``; else all go on.
        group: the group that this one belongs to.
        health: how many of its attempts may fail.
        workspace: where its members work that have none of their own. Those of an atomic group share one,
            which is merged when all have succeeded.
        merge: how their work is brought back.
    """

    atomic: bool = False
    critical: bool | None = None
    min_required: int | float | None = None
    when_met: Rest = Rest.CONTINUE
    when_lost: Rest | None = None
    group: str | None = None
    health: Health | None = None
    workspace: Workspace | None = None
    merge: Merge | None = None

    @property
    def rest_when_lost(self) -> Rest:
        """What becomes of the rest when the group is lost, with the default filled in."""
        if self.when_lost is not None:
            return self.when_lost
        return Rest.CONTINUE if self.min_required is None else Rest.DRAIN
