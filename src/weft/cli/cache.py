"""`weft cache`: what is kept of the tasks of a plan, why a task would run, and how to make room."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from weft.cache.prune import Listed, list_entries, prune, verify
from weft.cache.saved import Shelf
from weft.cli import options
from weft.cli.cached import page_about
from weft.cli.codes import ExitCode
from weft.cli.standard import write
from weft.cli.wishes import span_of
from weft.live.wording import count, size, span
from weft.planfile.quantities import bytes_in
from weft.runtime.layout import cache_folder
from weft.runtime.links import prepare_on_disk
from weft.views.visible import visible


@click.group()
def command() -> None:
    """Tell what is kept of tasks that are cached, and remove it.

    It lies in `.weft/cache` in the directory of the plan: `-C` leads to that of another.
    """


def _shelf() -> Shelf:
    return Shelf(cache_folder(Path()))


@command.command("ls")
@options.option("--json", "as_json", is_flag=True, help="Tell it as JSON: a list of objects.")
@options.directory
def ls(as_json: bool) -> None:
    """List the results that are kept, the last used first."""
    found = list_entries(_shelf())
    if as_json:
        text = msgspec.json.format(msgspec.json.encode([_object(each) for each in found]), indent=2)
        write(f"{text.decode()}\n")
    else:
        now = time.time()
        write("".join(f"{_line(each, now)}\n" for each in found) or "nothing is kept\n")


def _line(each: Listed, now: float) -> str:
    ends = "" if each.expires_at is None else f", {_end(each.expires_at - now)}"
    used = span(max(0.0, now - each.used_at))
    return f"{visible(each.task)}: {size(each.size_bytes)}, used {used} ago{ends}"


def _end(left_s: float) -> str:
    return f"good for {span(left_s)}" if left_s >= 0 else "too old"


def _object(each: Listed) -> dict[str, Any]:
    def moment(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).isoformat()

    return {
        "task": each.task,
        "key": each.key,
        "stored_at": moment(each.stored_at),
        "used_at": moment(each.used_at),
        "expires_at": None if each.expires_at is None else moment(each.expires_at),
        "size_bytes": each.size_bytes,
    }


@command.command("why", short_help="Tell whether TASK would run now, and what decides that.")
@click.argument("task")
@options.plan_file
@options.option("--json", "as_json", is_flag=True, help="Tell it as JSON.")
@options.directory
def why(task: str, plan: str | None, file: str | None, as_json: bool) -> None:
    """Tell whether TASK would run if PLAN were run now, and which file, field or age decides that.

    It goes by the files as they are, not by what tasks before it would make of them.
    """
    page = page_about(prepare_on_disk(options.load_plan(plan, file)), task)
    write(f"{page.to_json() if as_json else page}\n")


def _size_of(text: str) -> int:
    n_bytes = 0 if text == "0" else bytes_in(text)
    if n_bytes is None:
        raise click.BadParameter(f"{text!r} is no size: expected one such as 500MiB or 2GB, or 0")
    return n_bytes


@command.command("prune")
@options.option(
    "--older",
    metavar="SPAN",
    type=span_of,
    help="Remove what was not used for so long, such as `12h` or `90m`.",
)
@options.option(
    "--size",
    "size_bytes",
    metavar="SIZE",
    type=_size_of,
    help="Remove what was used longest ago until this is enough for the rest: `2GB`, say, or `0` for none.",
)
@options.directory
def prune_command(older: float | None, size_bytes: int | None) -> ExitCode:
    """Remove results, and all that belongs to no result. What a running run uses stays."""
    before = None if older is None else time.time() - older
    done = prune(_shelf(), before=before, size_bytes=size_bytes)
    if done.is_busy:
        write("another process is pruning at this moment\n")
        return ExitCode.FAILED
    freed = f"{count(done.n_entries, 'result')} removed, {size(done.freed_bytes)} freed"
    write(f"{freed}; {size(done.left_bytes)} left\n")
    return ExitCode.SUCCEEDED


@command.command("verify")
@options.directory
def verify_command() -> ExitCode:
    """Read all that is kept, and remove what is not what was put there.

    The exit code is 1 if there was something to remove.
    """
    found = verify(_shelf())
    looked = f"{count(found.n_entries, 'result')} and {count(found.n_blobs, 'file')} of them"
    for digest in found.corrupt:
        write(f"corrupt and removed: the copy {digest}\n")
    for key in found.entries:
        write(f"removed, since it can't be read or lacks a copy: the result {key}\n")
    write(f"{looked} looked at, {len(found.corrupt) + len(found.entries)} removed\n")
    return ExitCode.FAILED if found.corrupt or found.entries else ExitCode.SUCCEEDED
