"""`weft`: finds the command that was asked for, and turns errors into exit codes.

Commands are imported when they are called, so that `weft --help` is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click
from click.core import ParameterSource

from weft import __version__
from weft.cli import faults
from weft.cli.codes import MEANINGS, ExitCode
from weft.cli.standard import let_go, make_sure_of_streams
from weft.errors import PlanError, WeftError
from weft.planning.nearest import nearest

# What each command does, in the order in which one needs them.
COMMANDS = {
    "init": "Write a plan to begin with.",
    "check": "Look for mistakes in a plan.",
    "graph": "Draw what depends on what.",
    "explain": "Tell what may run in parallel, what may not, and why.",
    "recommend": "Tell which patterns fit a plan, and write them into it.",
    "run": "Run a plan.",
    "map": "Run one command for many names.",
    "runs": "List the runs that were recorded.",
    "show": "Tell how a run went, task by task.",
    "logs": "Show what a task has written.",
    "why": "Tell the story of one task: what happened, and what it waited for.",
    "timeline": "Draw what ran when, and what it waited for.",
    "diff": "Tell what was different between two runs.",
    "workspaces": "List what tasks have made in places of their own.",
    "merge": "Bring back what was made there, and could not be.",
    "clean": "Remove what was brought back.",
    "cache": "Tell what is kept of tasks that are cached, and remove it.",
    "locks": "Tell who holds locks, and who waits for them.",
}


class Commands(click.Group):
    """The group of all commands, each loaded from the file of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            command = import_module(f"weft.cli.{cmd_name}").command
            assert isinstance(command, click.Command)
            return command
        near = nearest(cmd_name, COMMANDS)
        if near and not ctx.resilient_parsing:
            ctx.fail(f"No such command '{cmd_name}': did you mean '{near}'?")
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), meaning) for code, meaning in MEANINGS.items()])
        formatter.write_paragraph()
        formatter.write_text(
            "`weft help COMMAND` tells of one of them."
            " Each option can be set by a variable, too: --jobs by WEFT_JOBS."
        )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="weft")
def weft() -> None:
    """Run many tasks at once, with the result of running them one at a time."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    Args:
        args: what stands after `weft`; by default what this process was called with.
    """
    make_sure_of_streams()
    try:
        code = _answer(args)
        let_go()
    except OSError as error:  # the output can't be written: there is no room for it, say
        faults.tell(error)
        code = ExitCode.INTERNAL
    sys.exit(int(code))


def _answer(args: Sequence[str] | None) -> int:
    """Run the command line and return its exit code."""
    try:
        return weft.main(_with_help(args), prog_name="weft", standalone_mode=False) or ExitCode.SUCCEEDED
    except click.ClickException as error:
        error.show()
        _name_the_variable(error)
        _name_the_place(error)
        return ExitCode.USAGE
    except WeftError as error:
        # Problems of a plan begin with file and line, where editors look for them.
        click.echo(str(error) if isinstance(error, PlanError) else f"weft: {error}", err=True)
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.FAILED  # whoever read our output has gone, as in `weft graph | head`
    except Exception as error:  # noqa: BLE001 - nobody is left above, and users are not shown tracebacks
        faults.tell(error)
        return ExitCode.INTERNAL


def _with_help(args: Sequence[str] | None) -> Sequence[str]:
    """Return what `weft` is called with; `weft help run` is `weft run --help`.

    >>> _with_help(["help", "run"]), _with_help(["help"]), _with_help(["run", "help"])
    (['run', '--help'], ['--help'], ['run', 'help'])
    """
    given = sys.argv[1:] if args is None else args
    return [*given[1:], "--help"] if given[:1] == ["help"] else given


def _name_the_place(error: click.ClickException) -> None:
    """Say where options stand if one that `weft` itself does not have stands before the command."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None and error.ctx.parent is None:
        name = error.option_name
        click.echo(f"  hint: options stand after the command, as in `weft run {name}`", err=True)


def _name_the_variable(error: click.ClickException) -> None:
    """Say so if a bad value stands in a variable, not on the command line."""
    if isinstance(error, click.BadParameter) and error.param is not None and error.ctx is not None:
        name, variable = error.param.name, error.param.envvar
        if name and error.ctx.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
            click.echo(f"  hint: the value comes from the variable {variable}", err=True)
