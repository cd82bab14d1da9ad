"""Runs a plan several times in copies of its directory, each time in another order that its edges allow.

Twice one task after the other in program order, once the other way round, and then several at once, in orders
and with pauses drawn from a seed. All copies stand at the same place, so that a path written into a file is
no difference. What the runs have in common is found out in `views.race`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import msgspec

from weft.errors import UsageError
from weft.model.task import Task
from weft.model.work import Bring, Command
from weft.planning.observed import Change
from weft.planning.prepare import PreparedPlan
from weft.runtime.links import ground_of
from weft.runtime.orders import backwards, forwards, shuffled, with_looks
from weft.runtime.run import run_plan
from weft.runtime.scratch import copy_of, make_room, remove
from weft.runtime.snapshot import Seen, changes, contents, look
from weft.scheduling.states import RunState
from weft.views.race import RaceReport, Trace, race_report
from weft.views.report import Report

MAX_PAUSE_S = 0.5
LEAST_PAUSE_S = 0.02
ONE_BY_ONE = "one-by-one"


class Raced(msgspec.Struct, frozen=True):
    """What came of it. ``kept`` is the folder of the copies that differ, and of the one they differ from."""

    report: RaceReport
    kept: Path | None = None


class RunCut(Exception):
    """The user interrupted one of the runs; ``report`` is that of this run."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


async def race(
    prepared: PreparedPlan,
    *,
    max_concurrent: int,
    rounds: int,
    seed: int,
    keep: bool = False,
    tell: Callable[[str, Report], None] = lambda run, report: None,
) -> Raced:
    """Run ``prepared`` several times, and hold the runs against each other.

    Args:
        prepared: the plan. What its commands touch by absolute paths is touched each time.
        max_concurrent: how many tasks may run at once.
        rounds: how many of the runs are like that.
        seed: from which their orders and pauses are drawn.
        keep: keep what was left behind, if there are differences.
        tell: called with the name and the report of each run that has ended.

    Raises:
        UsageError: the directory can't be copied, or a task is no command.
        RunCut: the user interrupted it.
    """
    if not all(isinstance(task.work, Command | Bring) for task in prepared.plan.tasks):
        raise UsageError("only commands can be run in a copy of their directory, and this plan has functions")
    runs = _Runs(prepared, tell, keep=keep)
    room = runs.room
    kept = None
    try:
        report = await runs.compared(max_concurrent, rounds, seed)
        if keep and report.found:
            runs.remove_all_but({ONE_BY_ONE, *report.differing})
            kept = room
    finally:
        if kept is None:
            remove(room)
    return Raced(report, kept)


class _Runs:
    """Makes runs in copies of the plan's directory, below ``room``."""

    def __init__(self, prepared: PreparedPlan, tell: Callable[[str, Report], None], *, keep: bool) -> None:
        self._prepared = prepared
        self._root = Path(prepared.plan.root).absolute()
        self.room = make_room(self._root)
        self._copy = self.room / "copy"
        self._keep = keep
        self._tell = tell
        self._seconds = 0.0

    async def compared(self, max_concurrent: int, rounds: int, seed: int) -> RaceReport:
        prepared = self._prepared
        looks = _Looks(prepared, self._copy)
        first = await self._trace(ONE_BY_ONE, with_looks(prepared, looks.look), 1)
        pause_s = self._longest_pause_s()
        again = await self._trace(f"{ONE_BY_ONE}-again", forwards(prepared), 1)
        others = {"backwards": await self._trace("backwards", backwards(prepared), 1)}
        for number in range(1, rounds + 1):
            variant = shuffled(prepared, Random(f"{seed}/{number}"), pause_s)
            others[f"round-{number}"] = await self._trace(f"round-{number}", variant, max_concurrent)
        return race_report(prepared, (first, again), looks.found, others, ground_of(self._root))

    def remove_all_but(self, names: set[str]) -> None:
        for copy in self.room.iterdir():
            if copy.name not in names:
                remove(copy)

    async def _trace(self, name: str, variant: PreparedPlan, max_concurrent: int) -> Trace:
        copy_of(self._root, self._copy)
        plan = msgspec.structs.replace(variant.plan, root=str(self._copy), aggregates={})
        variant = msgspec.structs.replace(variant, plan=plan)
        report = await run_plan(variant, max_concurrent=max_concurrent, own_signals=True)
        if report.state is RunState.INTERRUPTED:
            raise RunCut(report)
        outcomes = {task.id: report.outcomes[task.id] for task in self._prepared.plan.tasks}
        self._tell(name, msgspec.structs.replace(report, outcomes=outcomes))
        self._seconds = report.seconds
        trace = Trace(contents(self._copy), outcomes)
        if self._keep:
            self._copy.rename(self.room / name)
        else:
            remove(self._copy)
        return trace

    def _longest_pause_s(self) -> float:
        """Return a pause in which another task can do much of its work."""
        mean_s = self._seconds / max(1, len(self._prepared.tasks))
        return min(MAX_PAUSE_S, max(LEAST_PAUSE_S, 2 * mean_s))


class _Looks:
    """Looks at a copy between any two tasks of a run, and so knows what each of them did."""

    def __init__(self, prepared: PreparedPlan, copy: Path) -> None:
        self._positions = {task.task.id: task.position for task in prepared.tasks}
        self._copy = copy
        self._last: Mapping[str, Seen] | None = None
        self.found: dict[int, Mapping[str, Change]] = {}

    def look(self, task: Task | None) -> None:
        seen = look(self._copy, self._last)
        if self._last is not None and task is not None:
            done = changes(self._last, seen)
            if done:
                self.found[self._positions[task.id]] = done
        self._last = seen
