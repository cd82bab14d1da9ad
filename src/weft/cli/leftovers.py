"""The workspaces that earlier runs have left behind, for the commands that list, merge and remove them.

Knows how a user names a run and a task, and the order of the plan. What a workspace is, `workspaces` knows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from weft.disk.values import load
from weft.errors import UsageError
from weft.planning.nearest import did_you_mean
from weft.runtime.layout import STATE_FOLDER
from weft.runtime.places import ORDER, Order
from weft.views.visible import visible
from weft.workspaces.record import Record, Room, State
from weft.workspaces.runs import LATEST, RUNS, Run, run_named, runs_in

HOME = Path(STATE_FOLDER)


class Leftover(msgspec.Struct, frozen=True):
    """One workspace; ``record`` is None where what is written down about it is gone, or can't be read."""

    run: Run
    room: Room
    record: Record | None

    @property
    def task(self) -> str:
        """The task that worked there, or what its folder is called."""
        return self.record.task_id if self.record is not None else self.room.folder.name

    @property
    def state(self) -> State | None:
        """How things stand; None if nobody knows."""
        if self.record is None:
            return None
        return self.room.state() if self.record.state is State.RUNNING else self.record.state

    @property
    def is_cut_off(self) -> bool:
        """Whether its task was at work when the process of the run ended."""
        return self.record is not None and self.record.state is State.RUNNING and not self.room.is_held()

    @property
    def is_there(self) -> bool:
        """Whether there are files in it still."""
        return os.path.lexists(self.room.tree)


def runs_of(name: str | None) -> list[Run]:
    """Return the run ``name`` of the plan in the current directory, by default all, the newest first.

    Raises:
        UsageError: there is no such run.
    """
    if name is None:
        return runs_in(HOME)
    run = run_named(HOME, name)
    if run is not None:
        return [run]
    known = [LATEST, *(run.name for run in runs_in(HOME))]
    what = f"there is no run `{visible(name)}` in `{HOME / RUNS}`"
    if "/" in name or name in (".", ".."):
        what = f"`{visible(name)}` is no name of a run, and nothing outside of `{HOME / RUNS}` is touched"
    hint = did_you_mean(name, known) or "`weft workspaces` lists the runs that have left something behind"
    raise UsageError(f"{what}\n  hint: {hint}")


def leftovers_of(run: Run) -> list[Leftover]:
    """Return the workspaces of ``run`` in the order of the plan, those that are not in it last."""
    found = [Leftover(run, room, _known(room)) for room in run.rooms()]
    try:
        order = order_of(run).order
    except UsageError:
        order = ()
    place = {task: number for number, task in enumerate(order)}
    return sorted(found, key=lambda each: (place.get(each.task, len(place)), each.task))


def order_of(run: Run) -> Order:
    """Return the order of the plan, and how each task is merged, as far as the run has written that down.

    Raises:
        UsageError: it can't be read.
    """
    path = run.folder / ORDER
    try:
        return load(path, Order)
    except FileNotFoundError:
        return Order((), {})
    except ValueError as error:
        hint = "move that file away: then tasks are taken by name, which may not be the order of the plan"
        raise UsageError(
            f"the order of the tasks in `{path}` can't be read: {error}\n  hint: {hint}"
        ) from error


def named(found: Sequence[Leftover], task: str) -> Leftover:
    """Return the workspace of ``task``.

    Raises:
        UsageError: there is none.
    """
    for each in found:
        if each.task == task:
            return each
    hint = did_you_mean(task, [each.task for each in found])
    message = f"there is no workspace of a task `{visible(task)}` in that run"
    raise UsageError(f"{message}\n  hint: {hint}" if hint else message)


def _known(room: Room) -> Record | None:
    try:
        return room.read()
    except (FileNotFoundError, ValueError):
        return None
