"""`weft explain`: what may run in parallel, what may not, and why."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import click

from weft.cli import options
from weft.cli.standard import write
from weft.cli.wishes import jobs_of
from weft.errors import UsageError
from weft.journal.database import JournalError
from weft.planfile.load import FILE_NAMES
from weft.planning.prepare import prepare
from weft.runtime.engine import MAX_CONCURRENT_DEFAULT
from weft.runtime.expected import expecting
from weft.runtime.links import ground_of
from weft.views.explanation import Explanation
from weft.views.page import Page
from weft.views.what_if import FORMS, parse_change

MOST_TASKS = 2
_SUFFIXES = tuple({Path(name).suffix for name in FILE_NAMES})


class _Changes(click.types.StringParamType):
    """A change of the plan; those in a variable are separated by semicolons."""

    name = "change"
    envvar_list_splitter: ClassVar[str] = ";"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(parse_change(value))
        except UsageError as error:
            raise click.BadParameter(str(error), ctx, param) from error


class _Explain(click.Command):
    """Takes `--what-if -j 16` for what it means, without quotes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        joined: list[str] = []
        for arg in args:
            if joined[-2:] == ["--what-if", "-j"]:
                joined[-1] = f"-j {arg}"
            else:
                joined.append(arg)
        return super().parse_args(ctx, joined)


@click.command(cls=_Explain)
@click.argument("names", metavar="[PLAN] [TASK [TASK]]", nargs=-1)
@options.option(
    "-f",
    "--file",
    metavar="PLAN",
    type=click.Path(allow_dash=True),
    help="The plan; all names are then tasks.",
)
@options.option(
    "-j",
    "--jobs",
    "--concurrency",
    metavar="N|auto",
    type=jobs_of,
    help="How many tasks may run at once; `auto` is one for each processor that Weft may use. "
    f"Without it, as many as the plan says, or else {MAX_CONCURRENT_DEFAULT}.",
)
@options.option(
    "--what-if",
    "changes",
    metavar="CHANGE",
    multiple=True,
    type=_Changes(),
    help=f"Tell how long a run would take with this change: {FORMS}. May be given several times; each is on "
    "top of those before it. In the variable they are separated by `;`.",
)
# It asks for another page, as `--help` does: a variable for it would mean all pages.
@click.option(
    "--retry", is_flag=True, help="Tell how TASK is tried again: its attempts, and when they are due."
)
@click.option(
    "--cache",
    "is_cache",
    is_flag=True,
    help="Tell whether TASK would run now, or its last result holds, and which file, field or age decides.",
)
@options.strict
@options.option("--json", "as_json", is_flag=True, help="Tell it as JSON.")
@options.directory
def command(
    names: tuple[str, ...],
    file: str | None,
    jobs: int | None,
    changes: tuple[str, ...],
    retry: bool,
    is_cache: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Tell what may run in parallel in PLAN, what may not, and why; nothing is run.

    Without a task: how many pairs of tasks may run side by side, the critical path, how long a run would
    take, and which edges cost most. With one task: what it waits for and why, and who waits for it. With
    two: the verdict on them, every reason for it, and what would lift each. With one task and --retry: the
    attempts that it gets when it fails, and the delays between them. With one task and --cache: whether its
    last result holds.

    The first name is a plan if there is such a file, or if it ends as plans do (`.yaml`); else all names are
    tasks of the plan in the current directory. Times are forecast from the `duration` of tasks; where the
    plan tells none, from how long they took in earlier runs; else each takes one second.
    """
    plan_name, tasks = _told_apart(names, file)
    if changes and tasks:
        if options.on_command_line("changes"):
            raise click.UsageError("--what-if tells about the whole run: name no task")
        changes = ()  # those in the variable are a standing wish, which gives way
    if retry and is_cache:
        raise click.UsageError("--cache has no effect beside --retry: take one of the two")
    if retry or is_cache:
        _refuse_beside("--retry" if retry else "--cache", tasks)
    plan = options.load_plan(plan_name, file, strict=strict)
    with suppress(JournalError):  # a forecast is not worth a failure
        plan = expecting(plan)
    ground = ground_of(Path(plan.root))
    at_once = jobs or plan.max_concurrent or MAX_CONCURRENT_DEFAULT
    prepared = prepare(plan, ground)
    explanation = Explanation(prepared, at_once, ground)
    if is_cache:
        # What makes fingerprints takes a while to load.
        from weft.cli.cached import page_about  # noqa: PLC0415

        answer: Page = page_about(prepared, tasks[0])
    else:
        answer = explanation.retries(tasks[0]) if retry else _answer(explanation, tasks, changes)
    write(f"{answer.to_json() if as_json else answer}\n")


def _refuse_beside(flag: str, tasks: Sequence[str]) -> None:
    if len(tasks) != 1:
        raise click.UsageError(f"{flag} tells about one task: name it")
    if options.on_command_line("jobs"):
        raise click.UsageError(f"--jobs has no effect on what {flag} tells")


def _answer(explanation: Explanation, tasks: Sequence[str], changes: Sequence[str]) -> Page:
    if changes:
        return explanation.what_if(*changes)
    match tasks:
        case (first, second):
            return explanation.between(first, second)
        case (task,):
            return explanation.about(task)
    return explanation.summary


def _told_apart(names: Sequence[str], file: str | None) -> tuple[str | None, Sequence[str]]:
    """Return the plan that ``names`` begin with, if they do, and the tasks.

    Raises:
        click.UsageError: there are too many names.
    """
    is_named = file is not None and options.on_command_line("file")
    begins_with_plan = not is_named and bool(names) and _may_be_plan(names[0])
    plan, tasks = (names[0], names[1:]) if begins_with_plan else (None, names)
    if len(tasks) > MOST_TASKS:
        raise click.UsageError(f"a verdict is on two tasks, not on {len(tasks)}: {', '.join(tasks)}")
    return plan, tasks


def _may_be_plan(name: str) -> bool:
    return name == "-" or name.lower().endswith(_SUFFIXES) or Path(name).is_file()
