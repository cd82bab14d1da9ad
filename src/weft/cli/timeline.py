"""`weft timeline`: what ran when in an earlier run, or in one that goes on."""

from __future__ import annotations

import shutil

import click

from weft.cli import options
from weft.cli.history import opened_run
from weft.cli.standard import write
from weft.views import timeline_export
from weft.views.timeline import timeline_of
from weft.views.timeline_drawing import draw

FOR_PROGRAMS = {"chrome": timeline_export.chrome, "json": timeline_export.as_json}


@click.command()
@click.argument("run", metavar="[RUN]", default="latest")
@options.option(
    "--format",
    type=click.Choice(["text", *FOR_PROGRAMS]),
    default="text",
    help="`text` for the terminal (without it, this one), `chrome` for Chrome and Perfetto, `json` for "
    "programs.",
)
@options.directory
def command(run: str, format: str) -> None:
    """Draw what ran when in RUN, by default in the latest one, and what it waited for.

    RUN is the id of a run, the beginning or the end of one, or `latest`. The critical path is marked: the
    longest chain of tasks each of which had to wait for the one before.
    """
    with opened_run(run) as (journal, record):
        timeline = timeline_of(list(journal.facts(record)))
    make = FOR_PROGRAMS.get(format)
    write(make(timeline) if make else draw(timeline, shutil.get_terminal_size().columns))
