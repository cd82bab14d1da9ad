"""`weft runs`: the runs that were recorded."""

from __future__ import annotations

import json
import shlex
from typing import Any

import click

from weft.cli import options
from weft.cli.history import as_json, moment, opened
from weft.cli.standard import write
from weft.journal.reader import RunRecord
from weft.live.wording import one_line, span

# In the order of the summary of a run.
_WAYS = ("succeeded", "failed", "cancelled", "skipped")


@click.command()
@options.option("-n", "--number", type=click.IntRange(min=1), default=20, help="How many; without it, 20.")
@as_json
@options.directory
def command(number: int, as_json: bool) -> None:
    """List the latest runs of the plans in the current directory, the newest last.

    Each line tells the id of the run, when it began, how it ended, how long it took, how many tasks ended
    how, and by what command it was started.
    """
    with opened() as journal:
        runs = journal.runs(number)[::-1]
    told = json.dumps([object_of(run) for run in runs], indent=2) + "\n" if as_json else _table(runs)
    write(told or "no run is left\n")


def _table(runs: list[RunRecord]) -> str:
    lines = []
    for run in runs:
        took = "" if run.seconds is None else span(run.seconds)
        counts = ", ".join(f"{run.counts[word]} {word}" for word in _WAYS if word in run.counts)
        command = one_line(shlex.join(run.argv), longest=60)
        lines.append(
            f"{run.id}  {moment(run.started)}  {run.standing:<11} {took:>10}  {counts:<28}  {command}"
        )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def object_of(run: RunRecord) -> dict[str, Any]:
    """Return what is known of a run as JSON holds it."""
    return {
        "run": run.id,
        "started": run.started,
        "state": run.standing.value,
        "seconds": run.seconds,
        "counts": dict(run.counts),
        "command": list(run.argv),
        "can_be_resumed": run.plan is not None,
    }
