"""A crowd of processes that share: a script that forks its members, as forty interpreters take long to start.

Each member says `ready`, begins when standard input ends, and tells what it does in lines on standard output.
Nobody waits for members that have ended: they are zombies until the script is killed.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.sharing.waiting import wait

from weft.model.lock import Hold
from weft.model.rate import Rate
from weft.sharing.base import Ask, PoolAsked, RateAsked
from weft.sharing.sqlite import SqliteSharing

LIMIT, PER_S = 100, 1.0


def tell(*words: object) -> None:
    os.write(1, f"{' '.join(map(str, words))} {os.getpid()}\n".encode())  # one write: lines don't mix


def starts(folder: Path) -> None:
    """Start as often as the rate allows, without end."""
    sharing = SqliteSharing(folder)
    began(sharing.freed)
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
    sharing = SqliteSharing(folder)
    began(sharing.freed)
    ask = Ask("hold", pools={"gpu": PoolAsked(1, 4)}, locks={"index": Hold.SHARED})
    wait(sharing, ask, time.sleep)
    tell("held")
    signal.pause()


def sections(folder: Path, n: int) -> None:
    """Count up, one at a time."""
    sharing = SqliteSharing(folder)
    began(sharing.freed)
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


def began(warm_up: Callable[[], object]) -> None:
    warm_up()
    tell("ready")
    os.read(0, 1)


MEMBERS: dict[str, Callable[..., None]] = {
    "starts": starts,
    "hold": hold,
    "sections": sections,
}


def main(member: str, n: str, folder: str, *numbers: str) -> None:
    for _ in range(int(n)):
        if os.fork() == 0:
            try:
                MEMBERS[member](Path(folder), *map(int, numbers))
                tell("ended")
            except BaseException:  # noqa: BLE001  # whatever it is must reach the test
                tell("broken", repr(traceback.format_exc()))
            finally:
                os._exit(0)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
