"""`weft map`: run one command for many names."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from weft.cli import options
from weft.cli.carry_out import carry_out
from weft.cli.codes import ExitCode
from weft.cli.names import names_in, task_ids
from weft.cli.script import Script
from weft.cli.wishes import Wishes, refuse_in_a_dry_run, wishes
from weft.model.plan import Plan
from weft.model.retry import Retry
from weft.model.task import Task
from weft.model.work import Command
from weft.planning.prepare import prepare


# What follows the command are names, also those that begin with a dash.
@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("script", metavar="COMMAND", type=click.UNPROCESSED)
@click.argument("names", nargs=-1, type=click.UNPROCESSED)
@options.option(
    "-0", "--null", is_flag=True, help="Names from standard input end with a NUL instead of a line break."
)
@options.option(
    "--retry",
    metavar="N",
    type=click.IntRange(min=1),
    help="How often a command is tried before it counts as failed; the waits between are 2 s, 4 s, 8 s and "
    "so on, at most a minute each. Without it, once.",
)
@wishes
@options.directory
def command(script: str, names: tuple[str, ...], null: bool, retry: int | None, wishes: Wishes) -> ExitCode:
    """Run COMMAND once for each of NAMES, as in `weft map 'gzip -k {}' *.txt`.

    Without NAMES they come from standard input, one a line. `{}` stands for the name, quoted for the
    shell; a command without it has the name as its last argument; `{{}}` stands for the text `{}`.
    Options stand before the command. Logs stay in `.weft/runs` in the current directory.
    """
    if retry is not None and wishes.dry_run:
        refuse_in_a_dry_run("retry")
    template = Script.of(script)
    found = _names(names, null=null)
    tasks = [
        Task(task_id, Command(template.with_name(name)), retry=None if retry is None else Retry(retry))
        for task_id, name in zip(task_ids(found), found, strict=True)
    ]
    if not tasks and not (wishes.as_json or wishes.quiet):  # a stream of events has its end nevertheless
        sys.stderr.write("no names: nothing to do\n")
        return ExitCode.SUCCEEDED
    return carry_out(prepare(wishes.applied_to(Plan(tuple(tasks)))), wishes)


def _names(arguments: Sequence[str], *, null: bool) -> Sequence[str]:
    """Return the names from the command line, or else from standard input."""
    if arguments[:1] == ("--",):
        arguments = arguments[1:]
    elif not arguments:
        if sys.stdin.isatty():
            sys.stderr.write("names are read from the terminal, one a line; Ctrl-D ends them\n")
        return names_in(sys.stdin.buffer.read(), null=null)
    if null and options.on_command_line("null"):
        raise click.UsageError("--null has no effect on names that stand on the command line")
    return arguments
