"""What a back-end must offer for limits and locks to be shared, among processes or among machines.

A back-end answers at once: with a lease, or with what is missing and when to ask again. Nobody sleeps
inside of it, so nothing is held by who sleeps. All that is asked for is given together or not at all,
and who asks again keeps its place in the queue: what it lacks is not given to those who came later.

Knows what is asked for and what is answered. Where it is kept, and how long a holder that can't be seen
is trusted, is the back-end's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from weft.errors import WeftError
from weft.model.lock import Hold
from weft.model.rate import Rate
from weft.scheduling.rates import Reservation
from weft.sharing.owner import Owner


class CannotShare(WeftError):
    """What is shared can't be reached, or can't be read: nothing may be started as if it were free."""


class PoolAsked(msgspec.Struct, frozen=True):
    """``units`` of a pool that holds ``size``."""

    units: int
    size: int


class RateAsked(msgspec.Struct, frozen=True):
    """One start under ``rate``, with a cost for each of its windows (`model.rate.costs_of`)."""

    rate: Rate
    costs: tuple[int, ...]


class Ask(msgspec.Struct, frozen=True):
    """All that one start needs. ``id`` names it; no other start of this process has the same."""

    id: str
    pools: Mapping[str, PoolAsked] = {}
    rates: Mapping[str, RateAsked] = {}
    locks: Mapping[str, Hold] = {}


class Lease(msgspec.Struct, frozen=True):
    """All that was asked for, until it is released or its holder has died.

    Attributes:
        ask: the id of what was asked.
        start_by: the last moment at which the start keeps to the rates. Who is later must settle all
            costs as 0, release the lease and ask again.
        reservations: what was taken of each rate.
        tokens: the fencing token of each lock, larger than all before it.
    """

    ask: str
    start_by: float
    reservations: Mapping[str, Reservation] = {}
    tokens: Mapping[str, int] = {}


class PoolTaken(msgspec.Struct, frozen=True, tag=True):
    """Others have so much of a pool, or come first, that only ``free`` units are left."""

    pool: str
    free: int
    holders: tuple[Owner, ...]


class RateSpent(msgspec.Struct, frozen=True, tag=True):
    """Nothing of this cost may start before ``due``."""

    rate: str
    due: float


class LockTaken(msgspec.Struct, frozen=True, tag=True):
    """Somebody holds the lock, or comes first; None stands for a holder whose name can't be read."""

    lock: str
    holders: tuple[Owner | None, ...]


Missing = PoolTaken | RateSpent | LockTaken


class NotYet(msgspec.Struct, frozen=True):
    """Why there is no lease.

    Attributes:
        because: all that was found missing.
        at: when it makes sense to ask again, if nothing is given back before; None when only that helps.
        freed: what `Sharing.freed` was when this was found out. It says nothing about locks.
    """

    because: tuple[Missing, ...]
    at: float | None
    freed: int


class Sharing(Protocol):
    """A back-end as one process sees it. May be called from any thread; each call may take milliseconds.

    Every call raises `CannotShare` when what is shared can't be reached or read.
    """

    def now(self) -> float:
        """Return the present moment of the clock that all who share have in common, in seconds."""

    def acquire(self, ask: Ask) -> Lease | NotYet:
        """Take all of ``ask``, or nothing and a place in the queue.

        The same ask again keeps its place. Who does not come back for a second after it was told to, or
        after it last asked, has lost it.
        """

    def withdraw(self, ask_id: str) -> None:
        """Leave the queue."""

    def settle(self, lease: Lease, actual: Mapping[str, tuple[int, ...]]) -> None:
        """Tell what the start has cost in truth, by rate; once, before it is released."""

    def refused(self, lease: Lease, rate: str, retry_after_s: float = 0.0) -> None:
        """Tell that the other side has refused the start."""

    def renew(self) -> None:
        """Tell those who can't see this process that it is alive, several times in each `TTL_S`."""

    def release(self, lease: Lease) -> None:
        """Give back pools and locks; nothing when that was done before."""

    def freed(self) -> int:
        """Return a number that moves when units of pools or costs of rates are given back. Cheap."""

    def close(self) -> None:
        """Release all leases, leave all queues."""


# A holder that can't be seen, as it is on another host, is trusted for so long after it has last told
# that it is alive. One that can be seen is trusted for as long as it lives.
TTL_S = 30.0
# A waiter looks so often for what was given back: often enough for a task, seldom enough for a processor.
LOOK_EVERY_S = 0.005
# A holder that has died gives nothing back; its waiters find out when they ask again.
ASK_EVERY_S = 0.25


def wait(sharing: Sharing, ask: Ask, sleep: Callable[[float], object]) -> Lease:
    """Ask until there is a lease, and return it in time for its start.

    Args:
        sharing: whom to ask.
        ask: what is needed.
        sleep: waits for some seconds, and may raise to give up.
    """
    began = sharing.now()
    try:
        while not isinstance(answer := _in_time(sharing, ask), Lease):
            _pause(sharing, answer, sleep, began)
    except BaseException:
        sharing.withdraw(ask.id)
        raise
    return answer


def _in_time(sharing: Sharing, ask: Ask) -> Lease | NotYet:
    answer = sharing.acquire(ask)
    while isinstance(answer, Lease) and sharing.now() > answer.start_by:  # we were given no time to run
        sharing.settle(answer, {name: (0,) * len(asked.costs) for name, asked in ask.rates.items()})
        sharing.release(answer)
        answer = sharing.acquire(ask)
    return answer


def _pause(sharing: Sharing, answer: NotYet, sleep: Callable[[float], object], began: float) -> None:
    now = sharing.now()
    until = now + ASK_EVERY_S if answer.at is None else answer.at
    lacks_lock = any(isinstance(missing, LockTaken) for missing in answer.because)
    while now < until and (lacks_lock or sharing.freed() == answer.freed):
        # Who has waited for long does not mind a little more.
        look_s = min(max(LOOK_EVERY_S, (now - began) / 20), ASK_EVERY_S)
        sleep(min(until - now, look_s))
        if lacks_lock:
            return
        now = sharing.now()
