"""`weft recommend`: what fits a plan, as a patch of it."""

from __future__ import annotations

from pathlib import Path

import click

from weft.cli import options
from weft.cli.standard import write
from weft.errors import UsageError
from weft.planfile.load import find, format_of
from weft.planfile.rewrite import rewrite
from weft.planning.prepare import prepare
from weft.planning.recommend.recommendation import Scenario
from weft.runtime.engine import MAX_CONCURRENT_DEFAULT
from weft.runtime.links import ground_of
from weft.views.patch import Form
from weft.views.recommendations import recommendations


@click.command()
@options.plan_file
@options.option(
    "--only",
    type=click.Choice([scenario.value for scenario in Scenario]),
    multiple=True,
    help="Look at this scenario alone. May be given several times; in the variable they are separated by "
    "blanks.",
)
@options.option(
    "--write",
    "is_written",
    is_flag=True,
    help="Write what is recommended into PLAN. Comments and formatting stay. Not for TOML.",
)
@options.option("--json", "as_json", is_flag=True, help="Tell it as JSON.")
@options.directory
def command(
    plan: str | None, file: str | None, only: tuple[str, ...], is_written: bool, as_json: bool
) -> None:
    """Tell which patterns fit PLAN, by default the plan in the current directory, and why; nothing is run.

    For each scenario that is recognised: the pattern that fits, how sure that is, which tasks speak for it,
    what changes by it, and the keys to write into the plan. Where the plan is configured already, it says so.
    """
    loaded = options.load_plan(plan, file)
    name = plan or file or str(find(Path()))
    if is_written and name == "-":
        raise click.UsageError("--write needs a file, and standard input is none")
    ground = ground_of(Path(loaded.root))
    at_once = loaded.max_concurrent or MAX_CONCURRENT_DEFAULT
    told = recommendations(
        prepare(loaded, ground),
        at_once,
        ground,
        [Scenario(word) for word in only],
        Form.YAML if name == "-" else Form(format_of(name, "")),
    )
    write(f"{told.to_json() if as_json else told}\n")
    if is_written and told.patch:
        try:
            rewrite(name, told.patch)
        except UsageError as error:
            raise UsageError(f"{name} stays as it is: {error}") from error
        if not as_json:
            write(f"\nWritten to {name}.\n")
