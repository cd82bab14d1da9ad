"""How the user wants a run: the options that `run` and `map` share.

Knows what goes together. What a display makes of it is decided in `live`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
import msgspec

from weft.cli.options import on_command_line, option
from weft.live.output import OutputMode
from weft.runtime.engine import MAX_CONCURRENT_DEFAULT

# An option that is accepted has an effect: each of these leaves nothing to do for those behind it.
EXCLUDES = {"as_json": ("quiet", "verbose", "output"), "quiet": ("verbose", "output")}
NOT_IN_A_DRY_RUN = ("as_json", "quiet", "verbose", "output")


class Wishes(msgspec.Struct, frozen=True):
    """How the user wants the run. ``max_concurrent`` None leaves that to the plan."""

    max_concurrent: int | None = None
    dry_run: bool = False
    output: OutputMode = OutputMode.GROUP
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False


def jobs_of(text: str) -> int:
    """Return the number of tasks at once that ``text`` stands for."""
    if text == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        jobs = int(text)
    except ValueError:
        jobs = 0
    if jobs < 1:
        raise click.BadParameter(f"{text!r} is not a number of tasks: expected 1 or more, or `auto`")
    return jobs


_OPTIONS = (
    option(
        "-j",
        "--jobs",
        "--concurrency",
        metavar="N|auto",
        type=jobs_of,
        help="How many tasks may run at once; `auto` is one for each processor. "
        f"Without it, as many as the plan says, or else {MAX_CONCURRENT_DEFAULT}.",
    ),
    option("-n", "--dry-run", is_flag=True, help="Tell what would run, and run nothing."),
    option(
        "--output",
        type=click.Choice([mode.value for mode in OutputMode]),
        help="How what tasks write is told apart: `group` shows the whole of it when a task has ended, "
        "`prefixed` shows lines as they come, each with the task's name, `interleaved` shows lines as they "
        "come. Without it, `group`.",
    ),
    option("--json", "as_json", is_flag=True, help="Tell events as JSON, one object a line."),
    option(
        "-q",
        "--quiet",
        is_flag=True,
        help="Tell nothing but failures and aggregates; what tasks write stays in their logs.",
    ),
    option("-v", "--verbose", is_flag=True, help="Tell when tasks start, too."),
)


def wishes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take the options of a run; it gets them as one value, ``wishes``."""

    @wraps(command)
    def with_wishes(
        *,
        jobs: int | None,
        dry_run: bool,
        output: str | None,
        as_json: bool,
        quiet: bool,
        verbose: bool,
        **others: Any,
    ) -> Any:
        shown: dict[str, Any] = {"as_json": as_json, "quiet": quiet, "verbose": verbose, "output": output}
        if dry_run:
            _refuse_in_a_dry_run(shown)
        _settle(shown)
        mode = OutputMode(shown.pop("output") or OutputMode.GROUP)
        return command(wishes=Wishes(jobs, dry_run, mode, **shown), **others)

    for add in reversed(_OPTIONS):
        with_wishes = add(with_wishes)
    return with_wishes


def _refuse_in_a_dry_run(shown: dict[str, Any]) -> None:
    """Refuse what tells how a run is to be shown, where there is no run."""
    for name in NOT_IN_A_DRY_RUN:
        if shown[name] and on_command_line(name) and on_command_line("dry_run"):
            raise _no_effect(name, "dry_run")


def _settle(shown: dict[str, Any]) -> None:
    """Take away what has no effect beside another option.

    Raises:
        click.UsageError: both stand on the command line. A variable is a standing wish, which gives way.
    """
    for winner, losers in EXCLUDES.items():
        for loser in losers:
            if not (shown[winner] and shown[loser]):
                continue
            if on_command_line(winner) and on_command_line(loser):
                raise _no_effect(loser, winner)
            weaker = winner if on_command_line(loser) else loser
            shown[weaker] = None if weaker == "output" else False


def _no_effect(name: str, beside: str) -> click.UsageError:
    return click.UsageError(f"{_flag(name)} has no effect beside {_flag(beside)}: take one of the two")


def _flag(name: str) -> str:
    return "--" + name.removeprefix("as_").replace("_", "-")
