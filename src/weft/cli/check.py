"""`weft check`: look for mistakes in a plan without running anything."""

from __future__ import annotations

import json

import click

from weft.cli import options
from weft.cli.standard import write
from weft.live.wording import count
from weft.planfile.schema import schema as plan_schema


@click.command()
@options.plan_file
@click.option("--schema", is_flag=True, help="Print the JSON Schema of plan files, for editors.")
@options.directory
def command(plan: str | None, file: str | None, schema: bool) -> None:
    """Look for mistakes in PLAN, by default in the plan in the current directory.

    All of them are told at once, each with its line, and the name that may have been meant.
    """
    if schema:
        if plan is not None or (file is not None and options.on_command_line("file")):
            raise click.UsageError("--schema is the same for all plans: name none")
        write(json.dumps(plan_schema(), indent=2) + "\n")
        return
    tasks = options.load_plan(plan, file).tasks
    write(f"{count(len(tasks), 'task')}, no mistakes\n")
