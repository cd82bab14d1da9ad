"""Carries out a prepared plan for a command: shows the run, and tells the exit code."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, assert_never

from weft.cli.codes import ExitCode, code_of
from weft.cli.faults import log_in_one_line
from weft.cli.standard import write
from weft.cli.wishes import Wishes
from weft.live.choose import open_display
from weft.live.following import following
from weft.live.kinds import DisplayKind, choose
from weft.live.streams import Lost, Streams
from weft.live.wording import count, listed
from weft.model.work import Bring, Call, Command, ResultFormat, Work
from weft.planning.graph import told_apart
from weft.planning.prepare import PreparedPlan, PreparedTask
from weft.runtime.engine import MAX_CONCURRENT_DEFAULT, Engine
from weft.runtime.jobserver_client import jobserver_above
from weft.runtime.run import run_plan
from weft.runtime.watch import Display
from weft.runtime.work import name_of
from weft.scheduling.events import TakenUp
from weft.views.aggregate.of_plan import NotMade
from weft.views.report import Report
from weft.views.visible import visible

if TYPE_CHECKING:
    from weft.runtime.caching import Watcher  # loaded by those who cache


def carry_out(
    prepared: PreparedPlan,
    wishes: Wishes,
    taken_up: TakenUp | None = None,
    *,
    cache: bool = True,
    forced: Iterable[str] = (),
    watcher: Watcher | None = None,
) -> ExitCode:
    """Run ``prepared`` as the user wishes, or only tell what would run; return the exit code.

    What an earlier run has done of it is ``taken_up``. Without ``cache`` results are neither used nor kept;
    tasks that are ``forced`` run in any case. The ``watcher`` is told which results hold.
    """
    if wishes.dry_run:
        _tell(prepared, wishes.max_concurrent, taken_up)
        return ExitCode.SUCCEEDED
    return _run(prepared, wishes, taken_up, cache=cache, forced=forced, watcher=watcher)


def _run(
    prepared: PreparedPlan,
    wishes: Wishes,
    taken_up: TakenUp | None,
    *,
    cache: bool,
    forced: Iterable[str],
    watcher: Watcher | None,
) -> ExitCode:
    log_in_one_line()
    kind = choose(
        json=wishes.as_json, quiet=wishes.quiet, is_terminal=sys.stderr.isatty(), environment=os.environ
    )
    with_result = _tasks_with_result(prepared)
    lost: list[OSError] = []

    def watch(engine: Engine) -> Display:
        display = open_display(
            kind,
            stdout=sys.stdout,
            stderr=sys.stderr,
            folder=engine.folder,
            output=wishes.output,
            verbose=wishes.verbose,
            shows_stdout=lambda task: task not in with_result,
            queues=engine.queues,
            annotate=os.environ.get("GITHUB_ACTIONS") == "true",
            lost=lost.append,
        )
        return display if kind is DisplayKind.JSON else _AggregatesFirst(display, lost.append)

    with following(wishes.wanted, lambda line: sys.stderr.write(f"{line}\n")) as others:
        running = run_plan(
            prepared,
            max_concurrent=wishes.max_concurrent,
            watch=watch,
            follow=others.follow,
            own_signals=True,
            # Where none is above, the run is one itself.
            jobserver=wishes.jobserver and (jobserver_above(os.environ) or True),
            wait=wishes.wait,
            journal=wishes.journal,
            taken_up=taken_up,
            cache=cache,
            forced=forced,
            watcher=watcher,
        )
        report = asyncio.run(running)
        others.finish(report)
    if lost and report.signal is None:  # with a terminal that was closed, what it shows is lost, too
        raise lost[0]
    return code_of(report)


class _AggregatesFirst:
    """A display that prints the aggregates before its summary, so that failures come last."""

    def __init__(self, display: Display, lost: Lost) -> None:
        self._display = display
        self._lost = lost
        self.show = display.show
        self.tick = display.tick
        self.close = display.close

    def finish(self, report: Report) -> None:
        """Show how the run ended."""
        self._display.close()  # a terminal that is drawn upon has no room for tables
        _print_aggregates(report, Streams(sys.stdout, sys.stderr, self._lost))
        self._display.finish(report)


def _print_aggregates(report: Report, streams: Streams) -> None:
    for name, table in report.aggregates.items():
        if isinstance(table, NotMade):
            streams.err.line(f"aggregate `{name}` could not be made: {table.why}")
        else:
            streams.out.text(f"\n## {name}\n\n{table.to_markdown()}\n")
    streams.flush()


def _tasks_with_result(prepared: PreparedPlan) -> frozenset[str]:
    """Return the tasks whose standard output is their result, and so no log for people."""
    return frozenset(
        task.id
        for task in prepared.plan.tasks
        if isinstance(task.work, Command) and task.work.result is not ResultFormat.NONE
    )


def _tell(prepared: PreparedPlan, max_concurrent: int | None, taken_up: TakenUp | None) -> None:
    """Print what would run, in plan order."""
    done = taken_up.done if taken_up is not None else {}
    tasks = [task for task in prepared.tasks if task.position not in done]
    write("".join(_told(each.task.id, each.task.work, _before(each, prepared)) for each in tasks))
    at_once = max_concurrent or prepared.plan.max_concurrent or MAX_CONCURRENT_DEFAULT
    sys.stderr.write(f"{count(len(tasks), 'task')}, at most {at_once} at once; nothing was run\n")


def _before(prepared_task: PreparedTask, prepared: PreparedPlan) -> list[str]:
    """Return what the task needs, as the plan says it, and the tasks that come before by what they touch."""
    _, hazards = told_apart(prepared_task.edges)
    return [*prepared_task.task.needs, *(prepared.plan.tasks[before].id for before in hazards)]


def _told(task: str, work: Work, before: Sequence[str]) -> str:
    first, *more = _script(work).splitlines() or [""]
    after = f"  (after {listed([visible(each) for each in before])})" if before else ""
    lines = [f"{visible(task)}: {visible(first)}{after}", *(f"    {visible(line)}" for line in more)]
    return "".join(f"{line}\n" for line in lines)


def _script(work: Work) -> str:
    match work:
        case Command(str(script)):
            return script
        case Command(argv):
            return shlex.join(argv)
        case Call(function):
            return f"{name_of(function)}()"
        case Bring():
            return "(brings back what was made in workspaces)"
        case _:
            assert_never(work)
