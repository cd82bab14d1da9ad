"""What the commands that tell of earlier runs share: the journal, and a run that was named."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from weft.cli import options
from weft.errors import UsageError
from weft.journal.reader import JournalReader, RunRecord
from weft.live.wording import count
from weft.planning.nearest import nearest
from weft.runtime.history import history, run_named
from weft.views.tasks import TaskRow

as_json = options.option("--json", "as_json", is_flag=True, help="Tell it as JSON.")


def _run_and_task(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> tuple[str, str]:
    match names:
        case (task,):
            return "latest", task
        case (run, task):
            return run, task
        case ():
            raise click.UsageError("Missing argument 'TASK'.", ctx)
    raise click.UsageError(f"Got {len(names)} names, expected a task, or a run and a task.", ctx)


run_and_task = click.argument("where", metavar="[RUN] TASK", nargs=-1, callback=_run_and_task)


@contextmanager
def opened() -> Iterator[JournalReader]:
    """Open the journal of the plan in the current directory for the block.

    Raises:
        UsageError: no run was recorded here.
        JournalError: it can't be read.
    """
    with history(Path()) as journal:
        if journal is None:
            raise UsageError(
                "no run was recorded here\n  hint: runs are recorded beside their plan; -C goes there"
            )
        yield journal
        if journal.passed_over:
            n = sum(journal.passed_over.values())
            sys.stderr.write(f"passed over {count(n, 'fact')} that a newer Weft has written\n")


@contextmanager
def opened_run(name: str) -> Iterator[tuple[JournalReader, RunRecord]]:
    """Open the journal, and find the run that a user names, for the block."""
    with opened() as journal:
        yield journal, run_named(journal, name)


def row_named(rows: list[TaskRow], run: RunRecord, task: str) -> TaskRow:
    """Return the row of ``task``.

    Raises:
        UsageError: the run has no such task.
    """
    for row in rows:
        if row.id == task:
            return row
    near = nearest(task, [row.id for row in rows])
    hint = f"did you mean `{near}`?" if near else f"`weft show {run.id}` lists those it has"
    raise UsageError(f"run {run.id} has no task `{task}`\n  hint: {hint}")


def moment(seconds: float) -> str:
    """Return a moment, in seconds since 1970, as the clock on the wall shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
