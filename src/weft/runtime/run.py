"""One run of a whole plan: open an engine, submit everything, wait, report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from typing import TYPE_CHECKING

from msgspec.structs import replace

from weft.model.access import Undeclared
from weft.model.work import Command
from weft.planning.prepare import PreparedPlan
from weft.runtime.engine import MAX_CONCURRENT_DEFAULT, Engine
from weft.runtime.jobserver import JobTokens
from weft.runtime.signals import interrupts
from weft.runtime.watch import Display, watched
from weft.scheduling.events import TakenUp
from weft.views.aggregate.of_plan import elections_of
from weft.views.report import Report, ReportView

if TYPE_CHECKING:
    from weft.runtime.caching import Watcher  # loaded by those who cache


async def run_plan(
    prepared: PreparedPlan,
    *,
    max_concurrent: int | None = None,
    watch: Callable[[Engine], Display] | None = None,
    follow: Callable[[Engine], None] | None = None,
    own_signals: bool = False,
    jobserver: JobTokens | bool = True,
    wait: bool = True,
    journal: bool = False,
    taken_up: TakenUp | None = None,
    cache: bool = True,
    forced: Iterable[str] = (),
    watcher: Watcher | None = None,
) -> Report:
    """Run all tasks of a plan and return what became of them.

    Args:
        prepared: the plan.
        max_concurrent: how many tasks may run at once; by default what the plan says.
        watch: called with the engine before anything starts; what it returns shows the run.
        follow: called likewise, for those who want to know more than a display does.
        own_signals: let Ctrl-C, SIGTERM and SIGHUP end the run early.
        jobserver: with whom commands share jobs, see `Engine`.
        wait: whether tasks wait for what other processes hold, or fail.
        journal: record the run, so that it is told of, and can be resumed.
        taken_up: what an earlier run has done, and this one does not do again.
        cache: whether tasks that are cached use results of earlier runs, and keep theirs.
        forced: ids of tasks, and of families, that run whatever is kept of them.
        watcher: is told which results of earlier hold.

    Raises:
        UsageError: the folder of the run can't be made; nothing was begun.
        JournalError: the journal can't be written; nothing was begun.
    """
    plan = prepared.plan
    size = plan.max_concurrent or MAX_CONCURRENT_DEFAULT if max_concurrent is None else max_concurrent
    view = ReportView()
    async with Engine(
        size,
        plan.limits,
        root=plan.root,
        groups=plan.groups,
        policy=plan.policy,
        locks=plan.locks,
        jobserver=jobserver,
        wait=wait,
        elections=elections_of(plan),
        strict=plan.undeclared is Undeclared.SEQUENTIAL,
        cache=cache,
        forced=forced,
        cache_bytes=plan.cache_bytes,
    ) as engine:
        if any(type(task.work) is Command for task in plan.tasks):
            engine.open_folder()
        if journal and prepared.tasks:  # else there is nothing to tell
            engine.keep_journal(prepared)
        if watcher is not None:
            engine.watch_cache(watcher)
        engine.listen(view.fold_all)
        if follow is not None:
            follow(engine)
        with watched(engine, watch) as display:
            with signals_to(engine) if own_signals else nullcontext():
                engine.submit_prepared(prepared.tasks, copy_context(), taken_up)
                await engine.close()
            report = view.report()
            if plan.aggregates:
                # Reads plan files' patterns, and so loads their parsers: only for those who aggregate.
                from weft.runtime.aggregates import Aggregates  # noqa: PLC0415

                made = await Aggregates(plan, report, engine, own_signals=own_signals).made()
                report = replace(report, aggregates=made)
            if display is not None:
                display.finish(report)
    return report


def signals_to(engine: Engine) -> AbstractContextManager[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP interrupt ``engine`` while the block runs."""
    return interrupts(lambda number, force: engine.interrupt(number, force=force))
