"""`weft workspaces`: what tasks have made in places of their own, and what has become of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from weft.cli import options
from weft.cli.leftovers import Leftover, leftovers_of, runs_of
from weft.cli.standard import write
from weft.live.wording import listed, size
from weft.views.visible import visible
from weft.workspaces.record import State


@click.command()
@click.argument("run", required=False)
@options.option("--json", "as_json", is_flag=True, help="Tell it as JSON: a list of objects.")
@options.directory
def command(run: str | None, as_json: bool) -> None:
    """List the workspaces that are left of RUN, by default of all runs of the plan in this directory.

    The newest run comes first, and inside of a run tasks stand in the order of the plan. RUN may be `latest`.

    Each line tells how things stand: `running`, `merged` into the plan's directory, `unmerged`, or
    `conflicted`, where the plan had other changes at the paths that are named.
    """
    found = [each for one in runs_of(run) for each in leftovers_of(one) if each.is_there]
    if as_json:
        write(json.dumps([_object(each) for each in found], indent=2) + "\n")
    else:
        write("".join(f"{line}\n" for line in map(_line, found)) or "no workspace is left\n")


def _line(each: Leftover) -> str:
    told = ", ".join(_told(each))
    return f"{visible(each.run.name)} {visible(each.task)}: {told}"


def _told(each: Leftover) -> Iterator[str]:
    record = each.record
    if record is None:
        yield "nobody knows how things stand: its record is missing or can't be read"
    elif each.is_cut_off:
        yield "unmerged since the run was cut off"
    elif record.is_given_up and each.state is State.UNMERGED:
        yield f"{each.state} since the task failed"
    else:
        yield f"{each.state}"
    yield size(_size_bytes(each))
    if record is not None and record.conflicts:
        yield f"because of {listed(record.conflicts)}"


def _object(each: Leftover) -> dict[str, Any]:
    record = each.record
    return {
        "run": each.run.name,
        "task": each.task,
        "state": each.state.value if each.state is not None else None,
        "kind": record.kind if record is not None else None,
        "size_bytes": _size_bytes(each),
        "conflicts": list(record.conflicts) if record is not None else [],
        "folder": str(each.room.tree),
    }


def _size_bytes(each: Leftover) -> int:
    """Return the sizes of all files in it, and of those that are kept to merge texts."""
    return sum(_sizes(each.room.tree)) + sum(_sizes(each.room.pristine))


def _sizes(tree: Path) -> Iterator[int]:
    for folder, _, names in os.walk(tree):
        for name in names:
            try:
                yield os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue  # its task is at work
