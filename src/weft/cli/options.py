"""Options that several commands have, each under the same name and with the same meaning.

Every option can be set by a variable of the environment too: `--jobs` by `WEFT_JOBS`. What stands on the
command line wins.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from click.core import ParameterSource

from weft.model.access import Undeclared
from weft.model.plan import Plan
from weft.planfile.load import Seen, find, load

C = TypeVar("C", bound=Callable[..., Any])


def option(*names: str, **settings: Any) -> Callable[[C], C]:
    """Return a click option that can be set by `WEFT_NAME` as well."""
    return click.option(*names, envvar=variable_of(names), **settings)


def variable_of(names: tuple[str, ...]) -> str:
    """Return the variable that stands for an option; its first long name counts.

    >>> variable_of(("-n", "--dry-run"))
    'WEFT_DRY_RUN'
    """
    long = next(name for name in names if name.startswith("--"))
    return "WEFT_" + long[2:].replace("-", "_").upper()


def on_command_line(name: str) -> bool:
    """Tell whether the user wrote the option on the command line, rather than into a variable."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _change_directory(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None or ctx.resilient_parsing:
        return
    try:
        os.chdir(value)
    except OSError as error:
        raise click.BadParameter(f"can't enter `{value}`: {error.strerror}") from error
    # It has had its effect: tasks that call Weft themselves must not move a second time.
    os.environ.pop("WEFT_DIRECTORY", None)


directory = option(
    "-C",
    "--directory",
    metavar="DIR",
    type=click.Path(),
    callback=_change_directory,
    is_eager=True,
    expose_value=False,
    help="Change to this directory first.",
)


def plan_file(command: C) -> C:
    """Let a command take a plan file: as its argument, by `-f`, or the one in the directory."""
    command = click.argument("plan", required=False, type=click.Path(allow_dash=True))(command)
    return option(
        "-f",
        "--file",
        metavar="PLAN",
        type=click.Path(allow_dash=True),
        help="The plan, in another way to say it; `-` is standard input.",
    )(command)


strict = option(
    "--strict",
    is_flag=True,
    help="Let tasks that declare neither `reads` nor `writes` keep their place in program order "
    "towards all others, as `undeclared: sequential` in the plan does.",
)


def load_plan(plan: str | None, file: str | None, *, strict: bool = False, seen: Seen | None = None) -> Plan:
    """Return the plan that the user named, or the one in the current directory.

    ``strict`` keeps tasks that declare no accesses apart from all others, whatever the plan says. ``seen`` is
    told what the plan is read from.

    Raises:
        PlanError: there is none, or it has mistakes.
        click.UsageError: the user named two.
    """
    loaded = load(plan_path(plan, file), seen=seen)
    return msgspec.structs.replace(loaded, undeclared=Undeclared.SEQUENTIAL) if strict else loaded


def plan_path(plan: str | None, file: str | None) -> str:
    """Return the name of the plan file that the user named, or that of the one in the current directory.

    Raises:
        PlanError: there is none.
        click.UsageError: the user named two.
    """
    if plan is not None and file is not None and on_command_line("file"):
        raise click.UsageError(f"two plans were named: {plan} and {file}")
    return plan or file or str(find(Path()))
