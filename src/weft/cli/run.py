"""`weft run`: run a plan."""

from __future__ import annotations

import click

from weft.cli import options
from weft.cli.codes import ExitCode
from weft.cli.show import carry_out
from weft.cli.wishes import Wishes, wishes
from weft.runtime.links import prepare_on_disk


@click.command()
@options.plan_file
@wishes
@options.strict
@options.directory
def command(plan: str | None, file: str | None, strict: bool, wishes: Wishes) -> ExitCode:
    """Run the tasks of PLAN, by default of the plan in the current directory.

    Progress and failures go to standard error; what tasks write goes where it would go without Weft, and
    aggregates go to standard output. Logs stay in `.weft/runs` beside the plan. Ctrl-C ends the run
    politely, a second one kills what still runs.
    """
    loaded = options.load_plan(plan, file, strict=strict)
    return carry_out(prepare_on_disk(wishes.applied_to(loaded)), wishes)
