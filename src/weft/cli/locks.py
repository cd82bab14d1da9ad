"""`weft locks`: who holds the locks that the processes of this user share, and who waits for them."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from weft.cli import options
from weft.cli.standard import write
from weft.live.wording import span
from weft.sharing.base import ASK_EVERY_S
from weft.sharing.home import sharing_folder
from weft.sharing.locks import FileLocks, Kind, Standing
from weft.sharing.owner import is_alive
from weft.views.visible import visible


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@options.option("--json", "as_json", is_flag=True, help="Tell it as JSON: a list of objects.")
@options.option("--wait", is_flag=True, help="Wait until nobody holds one of NAMES, or waits for it.")
def command(names: tuple[str, ...], as_json: bool, wait: bool) -> None:
    """Tell who holds the locks of NAMES, by default all, and who waits for them.

    These are the locks that the processes of this user share: those with `scope: machine` in a plan, and
    those of `weft.lock` in Python. Each line tells how a lock is held, since when, and its fencing token.
    """
    locks = FileLocks(sharing_folder(os.environ) / "locks")
    if wait and not names and options.on_command_line("wait"):
        raise click.UsageError("--wait needs the name of a lock")
    found = _standing(locks, names)
    if wait and names:
        found = _wait(locks, names, found)
    write(_as_json(found) if as_json else "".join(f"{line}\n" for line in _lines(names, found)))


def _standing(locks: FileLocks, names: Sequence[str]) -> list[Standing]:
    return [each for each in locks.standing() if not names or each.lock in names]


def _wait(locks: FileLocks, names: Sequence[str], found: list[Standing]) -> list[Standing]:
    told = False
    while any(each.is_there for each in found):
        if not told:
            sys.stderr.write("".join(f"{_line(each)}\n" for each in found))
            told = True
        time.sleep(ASK_EVERY_S)
        found = _standing(locks, names)
    return found


def _lines(names: Sequence[str], found: Sequence[Standing]) -> Iterator[str]:
    yield from map(_line, found)
    taken = {each.lock for each in found if each.is_there}
    yield from (f"{visible(name)}: free" for name in dict.fromkeys(names) if name not in taken)
    if not names and not found:
        yield "no lock is held, and nobody waits for one"


def _line(each: Standing) -> str:
    name, who = visible(each.lock), visible(str(each.owner or "a process whose name can't be read"))
    if not each.is_there:
        return f"{name}: left behind by {who}, which has ended; it keeps nobody out"
    age = span(max(0.0, time.time() - each.since))
    if each.kind is Kind.WISH:
        return f"{name}: {who} has waited for {age}, {each.mode}"
    ended = " that has ended, but for what it has started" if _owner_is_alive(each) is False else ""
    return f"{name}: held by {who}{ended} for {age}, {each.mode}, token {each.number}"


def _owner_is_alive(each: Standing) -> bool | None:
    return None if each.owner is None else is_alive(each.owner)


def _as_json(found: Sequence[Standing]) -> str:
    return json.dumps([_object(each) for each in found], indent=2) + "\n"


def _object(each: Standing) -> dict[str, Any]:
    held = each.kind is Kind.HELD
    return {
        "lock": each.lock,
        "state": "left" if not each.is_there else "held" if held else "wanted",
        "mode": each.mode.value,
        "token": each.number if held else None,
        "since": datetime.fromtimestamp(each.since, UTC).isoformat(),
        "host": each.owner.host if each.owner else None,
        "pid": each.owner.pid if each.owner else None,
        "alive": _owner_is_alive(each),
    }
