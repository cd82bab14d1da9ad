"""`weft graph`: draw what depends on what."""

from __future__ import annotations

import click

from weft.cli import options
from weft.cli.standard import write
from weft.runtime.links import prepare_on_disk
from weft.views import drawing

FOR_PEOPLE = {"tree": drawing.tree, "mermaid": drawing.mermaid, "dot": drawing.dot}


@click.command()
@options.plan_file
@options.option(
    "--format",
    type=click.Choice([*FOR_PEOPLE, "json"]),
    default="tree",
    help="`tree` for the terminal (without it, this one), `mermaid` for Markdown, `dot` for Graphviz, "
    "`json` for programs.",
)
@options.option("-v", "--verbose", is_flag=True, help="Draw each member of large fan-outs, too.")
@options.strict
@options.directory
def command(plan: str | None, file: str | None, format: str, verbose: bool, strict: bool) -> None:
    """Draw what depends on what in PLAN, by default in the plan in the current directory.

    A fan-out of many tasks is drawn as one, with their number. The JSON always has every task.
    """
    if format == "json" and verbose and options.on_command_line("verbose"):
        raise click.UsageError("--verbose has no effect on JSON, which always has every task")
    prepared = prepare_on_disk(options.load_plan(plan, file, strict=strict))
    draw = FOR_PEOPLE.get(format)
    write(draw(prepared, fold=not verbose) if draw else drawing.as_json(prepared))
