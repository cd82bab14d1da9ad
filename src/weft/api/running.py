"""`run` and `arun`: a whole plan from beginning to end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from weft.api.plan import Plan
from weft.api.progress import live_display
from weft.api.sync import run_until_done
from weft.errors import UsageError
from weft.live.following import Following, Wanted, following
from weft.model.plan import Plan as FrozenPlan
from weft.planning.prepare import PreparedPlan
from weft.runtime.links import prepare_on_disk
from weft.runtime.run import run_plan
from weft.scheduling.events import TakenUp
from weft.scheduling.states import RunState
from weft.views.report import Report


def load(path: str | Path) -> FrozenPlan:
    """Read a plan file: YAML, TOML or JSON; ``-`` is standard input.

    Raises:
        PlanError: with every mistake in the file, each with its line.
    """
    # The parsers take a while to load, and only plan files need them.
    from weft.planfile.load import load as load_plan  # noqa: PLC0415

    return load_plan(path)


def run(
    plan: Plan | FrozenPlan,
    *,
    max_concurrent: int | None = None,
    progress: bool = False,
    journal: bool = False,
    resume: str | None = None,
    trace: bool = False,
) -> Report:
    """Run ``plan`` and return what became of it. Tasks that fail don't raise: see the report.

    Args:
        plan: a `Plan`, or what `load` returned.
        max_concurrent: how many tasks may run at once; by default what the plan says, else 5.
        progress: show a live display on standard error.
        journal: record the run in `.weft/weft.db`, so that it can be resumed and is told of.
        resume: the id of an earlier run of this plan, or "latest": what has succeeded there stays, with its
            result, unless it has changed. Such a run is recorded too.
        trace: send traces and metrics by OpenTelemetry, to where the program has set it up, or else as the
            variables `OTEL_*` and `TRACEPARENT` say.

    Raises:
        PlanError: the plan can't run; nothing was begun.
        UsageError: an event loop is running here already: use `arun`. Or there is no such run to resume, or
            OpenTelemetry is not installed.
        WeftError: the journal can't be read or written; nothing was begun.
        KeyboardInterrupt: the run was interrupted; all that ran has been stopped.

    >>> plan = Plan()
    >>> numbers = plan.add(range, 5)
    >>> total = plan.add(sum, numbers)
    >>> run(plan).results["sum"]
    10
    """
    prepared, taken_up = _prepared(plan, journal, resume)
    watch = live_display if progress else None
    with following(Wanted(trace=trace)) as others:
        report = run_until_done(
            "await weft.arun(...)",
            lambda: run_plan(
                prepared,
                max_concurrent=max_concurrent,
                watch=watch,
                follow=others.follow,
                own_signals=True,
                journal=journal or resume is not None,
                taken_up=taken_up,
            ),
        )
    if report.state is RunState.INTERRUPTED:
        raise KeyboardInterrupt
    return report


async def arun(
    plan: Plan | FrozenPlan,
    *,
    max_concurrent: int | None = None,
    progress: bool = False,
    journal: bool = False,
    resume: str | None = None,
    trace: bool = False,
) -> Report:
    """Do what `run` does, inside an event loop that is running."""
    prepared, taken_up = _prepared(plan, journal, resume)
    others = Following(Wanted(trace=trace))
    try:
        return await run_plan(
            prepared,
            max_concurrent=max_concurrent,
            watch=live_display if progress else None,
            follow=others.follow,
            journal=journal or resume is not None,
            taken_up=taken_up,
        )
    finally:
        if trace:
            await asyncio.to_thread(others.close)  # it has to wait for the network


def _prepared(
    plan: Plan | FrozenPlan, journal: bool, resume: str | None
) -> tuple[PreparedPlan, TakenUp | None]:
    """Return the plan with what earlier runs tell of it, as far as their journal is used."""
    frozen = _frozen(plan)
    if not journal and resume is None:
        return prepare_on_disk(frozen), None
    # SQLite and all that belongs to it is only loaded for those who record.
    from weft.runtime.expected import expecting  # noqa: PLC0415
    from weft.runtime.resuming import take_up  # noqa: PLC0415

    prepared = prepare_on_disk(expecting(frozen))
    takeover = take_up(prepared, resume) if resume is not None else None
    return prepared, takeover.of(prepared.tasks) if takeover is not None else None


def _frozen(plan: Plan | FrozenPlan) -> FrozenPlan:
    if not isinstance(plan, Plan | FrozenPlan):
        raise UsageError(
            f"expected a Plan, found {plan!r}\n  hint: `weft.load(path)` makes one of a plan file"
        )
    return plan.frozen() if isinstance(plan, Plan) else plan
