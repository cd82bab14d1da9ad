"""Runs a plan several times in scratch copies of its directory, each time in another order that it allows.

First twice, one task after the other in program order, and once more from the last task to the first as far
as the edges allow it; then several at once, in orders and with pauses drawn from a seed. All runs take
place in a folder of the same name, so that paths in files are no difference. What the runs have in common is
found out in `views.race`.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

import msgspec

from weft.errors import UsageError
from weft.model.outcome import Outcome
from weft.model.priority import NORMAL
from weft.model.reason import NotDeclared
from weft.model.task import Task
from weft.model.work import Call, Command
from weft.planning.graph import Edge, program_order
from weft.planning.observed import Change
from weft.planning.prepare import PreparedPlan, PreparedTask
from weft.runtime.folder import make_state_folder
from weft.runtime.links import resolver
from weft.runtime.run import run_plan
from weft.runtime.snapshot import LEFT_OUT, Seen, changes, contents, look
from weft.scheduling.states import RunState
from weft.views.race import RaceReport, Trace, race_report
from weft.views.report import Report

MAX_PAUSE_S = 0.5
_PAUSE = 'sleep "$1"; shift; exec "$@"'
_LOOK = "\0look after "  # begins the ids of our own tasks; none of the user's ids begins so


class Race(msgspec.Struct, frozen=True):
    """What came of it. ``kept`` is the folder with one copy for each run that differs, if it was kept.

    ``interrupted`` is the report of the run that the user ended early, in which case nothing else is known.
    """

    report: RaceReport | None
    kept: Path | None = None
    interrupted: Report | None = None


async def race(
    prepared: PreparedPlan,
    *,
    max_concurrent: int,
    rounds: int,
    seed: int,
    keep: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Race:
    """Run ``prepared`` several times, and hold the runs against each other.

    Args:
        prepared: the plan. What its commands touch by absolute paths is touched, each time.
        max_concurrent: how many tasks may run at once in the runs that are not one after the other.
        rounds: how many of these there are.
        seed: from which their orders and pauses are drawn.
        keep: keep what differing runs have left behind.
        tell: called with a line when a run has ended.

    Raises:
        UsageError: the directory can't be copied, or a task is no command.
    """
    if not all(isinstance(task.work, Command) for task in prepared.plan.tasks):
        raise UsageError("only plans of commands can be run in copies of their directory")
    root = Path(prepared.plan.root).absolute()
    with _room(root) as room:
        runner = _Runner(prepared, root, room, max_concurrent, tell)
        try:
            report = await runner.report(rounds, seed)
        except _InterruptedError as error:
            return Race(None, interrupted=error.report)
        kept = room if keep and report.found else None
        if kept is not None:
            runner.keep_differing(report)
            return Race(report, kept)
    return Race(report)


class _InterruptedError(Exception):
    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


class _Runner:
    """Makes the runs, one after the other, in ``room``."""

    def __init__(
        self, prepared: PreparedPlan, root: Path, room: Path, max_concurrent: int, tell: Callable[[str], None]
    ) -> None:
        self._prepared = prepared
        self._root = root
        self._room = room
        self._copy = room / "copy"
        self._max_concurrent = max_concurrent
        self._tell = tell

    async def report(self, rounds: int, seed: int) -> RaceReport:
        observed: dict[int, Mapping[str, Change]] = {}
        first = await self._run(FORWARDS, watched_plan(self._prepared, self._copy, observed), 1)
        again = await self._run(f"{FORWARDS}, again", in_order(self._prepared, _forwards), 1)
        ...
