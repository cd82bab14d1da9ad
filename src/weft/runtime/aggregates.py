"""Makes the aggregates of a plan, once all its tasks have ended.

What is made of results alone is made in `views.aggregate`; commands and files are the matter of `reducing`
and `merging_texts`.
"""

from __future__ import annotations

from pathlib import Path

from weft.errors import TooFewResults, UsageError
from weft.model.aggregate import Aggregate, MergeFiles, Reduce
from weft.model.plan import Plan
from weft.runtime.engine import Engine
from weft.runtime.merging_texts import merged_files
from weft.runtime.reducing import reduced
from weft.scheduling.states import RunState
from weft.views.aggregate.attendance import Made
from weft.views.aggregate.of_plan import NotMade, PlanResults
from weft.views.report import Report


class Aggregates:
    """Makes the aggregates of one run.

    Args:
        plan: all of whose tasks have ended.
        report: of its run, without aggregates.
        engine: in which it ran.
        own_signals: let Ctrl-C, SIGTERM and SIGHUP end the command of an aggregate.
    """

    def __init__(self, plan: Plan, report: Report, engine: Engine, *, own_signals: bool) -> None:
        self._plan = plan
        self._root = Path(plan.root).absolute()
        met = {name: group.met for name, group in report.groups.items()}
        self._results = PlanResults(plan, report.outcomes, met)
        self._interrupted = report.state is RunState.INTERRUPTED
        self._engine = engine
        self._own_signals = own_signals

    async def made(self) -> dict[str, Made | NotMade]:
        """Return each aggregate by its name, or why it could not be made.

        Never raises for what the tasks gave: the report of a run must not be lost over one of its aggregates.
        """
        made: dict[str, Made | NotMade] = {}
        for name, aggregate in self._plan.aggregates.items():
            try:
                made[name] = await self._make(name, aggregate)
            except (UsageError, TooFewResults, OSError) as error:
                made[name] = NotMade(str(error))
        return made

    async def _make(self, name: str, aggregate: Aggregate) -> Made:
        strategy = aggregate.strategy
        if not isinstance(strategy, Reduce | MergeFiles):
            return self._results.made(aggregate)
        if self._interrupted:
            raise UsageError("the run was interrupted")
        outcomes = self._results.of(aggregate)
        if isinstance(strategy, MergeFiles):
            tasks = {task.id: task for task in self._plan.tasks}
            return merged_files(aggregate, strategy, outcomes, tasks, self._engine.folder, self._root)
        folder = self._engine.open_folder()
        signals = self._own_signals
        return await reduced(
            name, aggregate, strategy.command, outcomes, folder, self._root, own_signals=signals
        )
