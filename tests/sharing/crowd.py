"""The members of crowds that share."""

from __future__ import annotations

import itertools
import os
import signal
import time
from pathlib import Path

from tests.crowd import fork, ready, tell
from tests.sharing.waiting import wait

from weft.model.lock import Hold
from weft.model.rate import Rate
from weft.sharing.base import Ask, PoolAsked, RateAsked
from weft.sharing.sqlite import SqliteSharing

LIMIT, PER_S = 100, 1.0


def starts(folder: Path) -> None:
    """Start as often as the rate allows, without end."""
    sharing = begun(folder)
    for number in itertools.count():
        ask = Ask(str(number), rates={"api": RateAsked(Rate(LIMIT, per=PER_S), (1,))})
        lease = wait(sharing, ask, time.sleep)
        now = time.monotonic()
        if now <= lease.start_by:
            tell("start", now)
        else:
            sharing.settle(lease, {"api": (0,)})
        sharing.release(lease)


def hold(folder: Path) -> None:
    """Take one of four units and a share of a lock, and keep them."""
    sharing = begun(folder)
    ask = Ask("hold", pools={"gpu": PoolAsked(1, 4)}, locks={"index": Hold.SHARED})
    wait(sharing, ask, time.sleep)
    tell("held")
    signal.pause()


def sections(folder: Path, n: int) -> None:
    """Count up, one at a time."""
    sharing = begun(folder)
    for number in range(n):
        lease = wait(sharing, Ask(str(number), locks={"counter": Hold.EXCLUSIVE}), time.sleep)
        count(folder, lease.tokens["counter"])
        sharing.release(lease)
    sharing.close()


def count(folder: Path, token: int) -> None:
    """Read the last number and write the next: two steps, between which nobody else may come."""
    with (folder / "counter").open("a+b", buffering=0) as file:
        file.seek(0)
        last = file.read().split(b"\n")[-2:-1]
        number = int(last[0].split()[0]) + 1 if last else 1
        os.sched_yield()
        file.write(b"%d %d\n" % (number, token))
    tell("counted", number)


def begun(folder: Path) -> SqliteSharing:
    """Share, when all begin."""
    sharing = SqliteSharing(folder)
    sharing.freed()  # the first look takes longer
    ready()
    return sharing


if __name__ == "__main__":
    fork(starts, hold, sections)
