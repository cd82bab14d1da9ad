"""`weft run`: run a plan, or what an earlier run has left of it to do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from weft import __version__
from weft.cache.packing import Packing, Source, may_pack
from weft.cache.saved import Shelf
from weft.cli import options
from weft.cli.carry_out import carry_out
from weft.cli.codes import ExitCode
from weft.cli.forced import check_forced
from weft.cli.wishes import Wishes, refuse_in_a_dry_run, wishes
from weft.errors import UsageError
from weft.planning.prepare import PreparedPlan
from weft.runtime.layout import cache_folder
from weft.runtime.links import prepare_on_disk
from weft.scheduling.events import TakenUp


@click.command()
@options.plan_file
@options.option(
    "--resume",
    metavar="[RUN]",
    is_flag=False,
    flag_value="latest",
    help="Take up an earlier run, without RUN the latest of this plan: what has succeeded stays, with its "
    "result, unless it has changed, or what it was given; all else runs.",
)
@options.option(
    "--rerun-failed",
    is_flag=True,
    help="Take up the latest run, or that of `--resume`; what has succeeded stays even if it has changed.",
)
@options.option(
    "--attach",
    metavar="[RUN]",
    is_flag=False,
    flag_value="latest",
    help="Run nothing: show a run that was started elsewhere, without RUN the latest, until it has ended. "
    "Ctrl-C lets it go on.",
)
@options.option(
    "--no-cache",
    is_flag=True,
    help="Let tasks that are cached run as if they were not: nothing is looked up, and nothing kept.",
)
@options.option(
    "--force",
    metavar="TASK",
    multiple=True,
    help="Let this task, or each of this fan-out, run even if its last result holds. Several are allowed.",
)
@wishes
@options.strict
@options.directory
def command(
    plan: str | None,
    file: str | None,
    resume: str | None,
    rerun_failed: bool,
    attach: str | None,
    no_cache: bool,
    force: tuple[str, ...],
    strict: bool,
    wishes: Wishes,
) -> ExitCode:
    """Run the tasks of PLAN, by default of the plan in the current directory.

    Progress and failures go to standard error; what tasks write goes where it would go without Weft, and
    aggregates go to standard output. Logs stay in `.weft/runs` beside the plan, what has happened in
    `.weft/weft.db`. Ctrl-C ends the run politely, a second one kills what still runs.
    """
    if attach is not None:
        return _attached(attach, plan or file or resume, wishes)
    if plan is None and resume is not None and (resume == "-" or os.path.exists(resume)):
        plan, resume = resume, "latest"  # as in `weft run --resume weft.yaml`
    path = options.plan_path(plan, file)
    source = Source()
    loaded = wishes.applied_to(options.load_plan(path, None, strict=strict, seen=source))
    if wishes.journal:
        # SQLite takes a few milliseconds to load.
        from weft.runtime.expected import expecting  # noqa: PLC0415

        loaded = expecting(loaded)
    no_cache, force = _settled(wishes, no_cache=no_cache, force=force)
    check_forced(force, loaded)
    prepared = prepare_on_disk(loaded)
    taken_up = None
    if resume is not None or rerun_failed:
        taken_up = _taken_up(prepared, resume or "latest", wishes, compares=not rerun_failed)
    if no_cache or wishes.dry_run or not may_pack(prepared.plan):
        return carry_out(prepared, wishes, taken_up, cache=not no_cache, forced=force)
    packing = Packing(loaded.root, os.environ, __version__)
    code = carry_out(prepared, wishes, taken_up, forced=force, watcher=packing)
    if code is ExitCode.SUCCEEDED:
        packing.save(Shelf(cache_folder(Path(loaded.root))), loaded.tasks, Path(path).name, source)
    return code


def _settled(wishes: Wishes, *, no_cache: bool, force: tuple[str, ...]) -> tuple[bool, tuple[str, ...]]:
    """Let give way what has no effect, if it stands in a variable; else refuse it."""
    if wishes.dry_run:
        for name in ("no_cache", "force"):
            refuse_in_a_dry_run(name)
    if not (no_cache and force):
        return no_cache, force
    if not options.on_command_line("force"):
        return True, ()
    if options.on_command_line("no_cache"):
        raise click.UsageError("--force has no effect beside --no-cache: take one of the two")
    return False, force


def _attached(run: str, other: str | None, wishes: Wishes) -> ExitCode:
    from weft.cli.attached import follow  # noqa: PLC0415 - as above

    if other is not None:
        raise UsageError(f"`--attach` shows a run and starts none; what is `{other}` for?")
    return follow(run, wishes)


def _taken_up(prepared: PreparedPlan, wanted: str, wishes: Wishes, *, compares: bool) -> TakenUp | None:
    from weft.runtime.resuming import take_up  # noqa: PLC0415 - as above

    takeover = take_up(prepared, wanted, compares=compares, completes=not wishes.dry_run)
    if takeover is None and not (wishes.quiet or wishes.as_json):
        sys.stderr.write("no run of this plan was recorded: all of it runs\n")
    return takeover.of(prepared.tasks) if takeover is not None else None
