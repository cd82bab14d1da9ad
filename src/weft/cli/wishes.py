"""How the user wants a run: the options that `run` and `map` share.

Knows what goes together. What a display makes of it is decided in `live`, what a run makes of failures
in `scheduling`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click
import msgspec

from weft.cli.options import on_command_line, option
from weft.live.following import Wanted
from weft.live.output import OutputMode
from weft.model.group import Rest
from weft.model.plan import Plan
from weft.model.rate import seconds_in
from weft.runtime.cpus import usable_cpus
from weft.runtime.engine import MAX_CONCURRENT_DEFAULT

# An option that is accepted has an effect: each of these leaves nothing to do for those behind it.
EXCLUDES = {
    "as_json": ("quiet", "verbose", "output"),
    "quiet": ("verbose", "output"),
    "keep_going": ("fail_fast",),
}
NOT_IN_A_DRY_RUN = (
    "as_json",
    "quiet",
    "verbose",
    "output",
    "keep_going",
    "fail_fast",
    "timeout",
    "no_jobserver",
    "no_wait",
    "no_journal",
    "timeline",
    "metrics_file",
    "metrics_port",
    "trace",
)


class Wishes(msgspec.Struct, frozen=True):
    """How the user wants the run. What is None is left to the plan."""

    max_concurrent: int | None = None
    dry_run: bool = False
    output: OutputMode = OutputMode.GROUP
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    on_failure: Rest | None = None
    timeout_s: float | None = None
    jobserver: bool = True
    wait: bool = True
    journal: bool = True
    wanted: Wanted = Wanted()

    def applied_to(self, plan: Plan) -> Plan:
        """Return ``plan`` with the user's wishes in the place of its own policy."""
        wanted = {"on_failure": self.on_failure, "timeout_s": self.timeout_s}
        changes = {name: value for name, value in wanted.items() if value is not None}
        return msgspec.structs.replace(plan, policy=msgspec.structs.replace(plan.policy, **changes))


def jobs_of(text: str) -> int:
    """Return the number of tasks at once that ``text`` stands for."""
    if text == "auto":
        return usable_cpus()
    try:
        jobs = int(text)
    except ValueError:
        jobs = 0
    if jobs < 1:
        raise click.BadParameter(f"{text!r} is not a number of tasks: expected 1 or more, or `auto`")
    return jobs


def span_of(text: str) -> float:
    """Return the seconds that ``text`` stands for: a number of them, or a span such as `1h30m`.

    >>> span_of("90"), span_of("1m30s")
    (90.0, 90.0)
    """
    seconds = seconds_in(text if text[-1:].isalpha() else text + "s")
    if not seconds:
        raise click.BadParameter(f"{text!r} is no span of time: expected one such as 90s, 5m or 1h30m")
    return seconds


_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)

_OPTIONS = (
    option(
        "-j",
        "--jobs",
        "--concurrency",
        metavar="N|auto",
        type=jobs_of,
        help="How many tasks may run at once; `auto` is one for each processor that Weft may use. "
        f"Without it, as many as the plan says, or else {MAX_CONCURRENT_DEFAULT}.",
    ),
    option(
        "-k",
        "--keep-going",
        is_flag=True,
        help="After a failure go on with all that does not depend on it, whatever the plan says.",
    ),
    option(
        "--fail-fast",
        is_flag=True,
        help="After the first failure that no group tolerates start nothing more, and end what runs.",
    ),
    option(
        "--timeout",
        metavar="SPAN",
        type=span_of,
        help="How long the whole run may take, such as `90s`, `5m` or `1h30m`; then what runs is ended.",
    ),
    option(
        "--no-jobserver",
        is_flag=True,
        help="Share no jobs with make and its like: neither lend `--jobs` to those among the tasks, nor take "
        "part in those of a make above.",
    ),
    option(
        "--no-wait",
        is_flag=True,
        help="A task fails if it would have to wait for what another process holds: a lock or a pool with "
        "`scope: machine`. The failure tells who that is.",
    ),
    option(
        "--no-journal",
        is_flag=True,
        help="Do not record the run in `.weft/weft.db`: it can't be resumed, and no command tells of it.",
    ),
    option(
        "--timeline",
        metavar="FILE",
        type=_FILE,
        help="Write what ran when into FILE: `NAME.trace` or `NAME.trace.json` for Chrome and Perfetto, any "
        "other `NAME.json` in Weft's own format.",
    ),
    option(
        "--metrics-file",
        metavar="FILE",
        type=_FILE,
        help="Write metrics into FILE when the run is over, as text that Prometheus reads. Needs the extra "
        "`otel`.",
    ),
    option(
        "--metrics-port",
        metavar="PORT",
        type=click.IntRange(0, 65535),
        help="While the run goes on, let Prometheus ask this port of the loopback interface for metrics; 0 "
        "lets the system choose one, which is told. Needs the extra `otel`.",
    ),
    option(
        "--trace",
        is_flag=True,
        help="Send traces and metrics by OpenTelemetry, as the variables `OTEL_*` and `TRACEPARENT` say. "
        "Needs the extra `otel`.",
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
    def with_wishes(*, jobs: int | None, dry_run: bool, **others: Any) -> Any:
        how = {name: others.pop(name) for name in NOT_IN_A_DRY_RUN}
        if dry_run:
            _refuse_in_a_dry_run(how)
        _settle(how)
        return command(wishes=_wishes(jobs, dry_run, how), **others)

    for add in reversed(_OPTIONS):
        with_wishes = add(with_wishes)
    return with_wishes


def _wishes(jobs: int | None, dry_run: bool, how: Mapping[str, Any]) -> Wishes:
    return Wishes(
        jobs,
        dry_run,
        OutputMode(how["output"] or OutputMode.GROUP),
        how["as_json"],
        how["quiet"],
        how["verbose"],
        Rest.CONTINUE if how["keep_going"] else Rest.CANCEL if how["fail_fast"] else None,
        how["timeout"],
        not how["no_jobserver"],
        not how["no_wait"],
        not how["no_journal"],
        Wanted(how["timeline"], how["metrics_file"], how["metrics_port"], how["trace"]),
    )


def _refuse_in_a_dry_run(how: Mapping[str, Any]) -> None:
    for name, value in how.items():
        if value is not None and value is not False:  # a port may be 0
            refuse_in_a_dry_run(name)


def refuse_in_a_dry_run(name: str) -> None:
    """Refuse an option that tells how a run goes, where there is none; one in a variable gives way.

    Raises:
        click.UsageError: the option and `--dry-run` stand on the command line.
    """
    if on_command_line(name) and on_command_line("dry_run"):
        raise _no_effect(name, "dry_run")


def _settle(how: dict[str, Any]) -> None:
    """Take away what has no effect beside another option.

    Raises:
        click.UsageError: both stand on the command line. A variable is a standing wish, which gives way.
    """
    for winner, losers in EXCLUDES.items():
        for loser in losers:
            if not (how[winner] and how[loser]):
                continue
            if on_command_line(winner) and on_command_line(loser):
                raise _no_effect(loser, winner)
            weaker = winner if on_command_line(loser) else loser
            how[weaker] = None if weaker == "output" else False


def _no_effect(name: str, beside: str) -> click.UsageError:
    return click.UsageError(f"{_flag(name)} has no effect beside {_flag(beside)}: take one of the two")


def _flag(name: str) -> str:
    return "--" + name.removeprefix("as_").replace("_", "-")
