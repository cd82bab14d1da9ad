"""What a back-end must offer for limits and locks to be shared, among processes or among machines.

A back-end answers at once: with a lease, or with what is missing and when to ask again. Nobody sleeps
inside of it, so nothing is held by who sleeps. All that is asked for is given together or not at all,
and who asks again keeps its place in the queue: what it lacks is not given to those who came later.

Knows what is asked for and what is answered. Where it is kept, and how long a holder that can't be seen
is trusted, is the back-end's own.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def look_after_s(waited_s: float, most_s: float = ASK_EVERY_S) -> float:
    """Return in how many seconds to look again, for who has waited for so long: it minds a little more less.

    >>> look_after_s(0.0), look_after_s(2.0), look_after_s(60.0)
    (0.005, 0.1, 0.25)
    """
    return min(max(LOOK_EVERY_S, waited_s / 20), most_s)
