"""`weft check`: look for mistakes in a plan without running it, or for races by running copies of it."""

from __future__ import annotations

import asyncio
import json
import sys

import click

from weft.cli import options
from weft.cli.codes import ExitCode, code_of
from weft.cli.standard import write
from weft.cli.wishes import jobs_of
from weft.live.wording import count, listed, span
from weft.model.plan import Plan
from weft.planfile.schema import schema as plan_schema
from weft.planning.prepare import PreparedPlan
from weft.runtime.links import prepare_on_disk
from weft.runtime.race import RunCut, race
from weft.views.race import race_text
from weft.views.report import Report

ROUNDS = 5
# More than the default of a run: a race is sooner seen where more runs at once.
AT_ONCE = 8


@click.command()
@options.plan_file
@click.option("--schema", is_flag=True, help="Print the JSON Schema of plan files, for editors.")
@options.option(
    "--race",
    is_flag=True,
    help="Run PLAN in copies of its directory, one task after the other and in other orders, and compare "
    "what is left behind.",
)
@options.option(
    "--rounds",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"With --race: how many runs with several tasks at once. Without it, {ROUNDS}.",
)
@options.option(
    "--seed", type=int, metavar="N", help="With --race: draw other orders and pauses. Without it, 0."
)
@options.option(
    "-j",
    "--jobs",
    metavar="N|auto",
    type=jobs_of,
    help=f"With --race: how many tasks may run at once. Without it, as many as PLAN says, or else {AT_ONCE}.",
)
@options.option("--keep", is_flag=True, help="With --race: keep the copies that differ, in `.weft/race`.")
@options.strict
@options.directory
def command(
    plan: str | None,
    file: str | None,
    schema: bool,
    race: bool,
    rounds: int | None,
    seed: int | None,
    jobs: int | None,
    keep: bool,
    strict: bool,
) -> ExitCode:
    """Look for mistakes in PLAN, by default in the plan in the current directory.

    All of them are told at once, each with its line, and the name that may have been meant.

    With --race the plan is run: what tasks touch by absolute paths is touched for real. The exit code is 1
    if files or results differ between the runs, and under --strict if a task writes what it does not declare.
    """
    if schema:
        if plan is not None or (file is not None and options.on_command_line("file")):
            raise click.UsageError("--schema is the same for all plans: name none")
        write(json.dumps(plan_schema(), indent=2) + "\n")
        return ExitCode.SUCCEEDED
    if not race:
        _refuse_without_a_race()
    prepared = prepare_on_disk(options.load_plan(plan, file, strict=strict))
    if race:
        rounds = ROUNDS if rounds is None else rounds
        return _look_for_races(prepared, jobs, rounds, seed or 0, keep=keep, strict=strict)
    write(f"{count(len(prepared.tasks), 'task')}, no mistakes\n")
    if strict and (silent := _silent(prepared.plan)):
        write(f"declare neither `reads` nor `writes`, and so run alone: {listed(silent)}\n")
    return ExitCode.SUCCEEDED


def _refuse_without_a_race() -> None:
    for name in ("rounds", "seed", "jobs", "keep"):
        if options.on_command_line(name):
            raise click.UsageError(f"--{name} has no effect without --race")


def _silent(plan: Plan) -> list[str]:
    return [task.id for task in plan.tasks if task.accesses is None]


def _look_for_races(
    prepared: PreparedPlan, jobs: int | None, rounds: int, seed: int, *, keep: bool, strict: bool
) -> ExitCode:
    at_once = jobs or prepared.plan.max_concurrent or AT_ONCE
    racing = race(prepared, max_concurrent=at_once, rounds=rounds, seed=seed, keep=keep, tell=_tell)
    try:
        raced = asyncio.run(racing)
    except RunCut as cut:
        return code_of(cut.report)
    write(race_text(raced.report))
    if raced.kept is not None:
        write(f"the copies are kept in {raced.kept}\n")
    is_bad = raced.report.found or (strict and raced.report.undeclared)
    return ExitCode.FAILED if is_bad else ExitCode.SUCCEEDED


def _tell(run: str, report: Report) -> None:
    failures = f", {len(report.not_succeeded)} did not succeed" if report.not_succeeded else ""
    sys.stderr.write(f"{run}: {count(len(report.outcomes), 'task')} in {span(report.seconds)}{failures}\n")
