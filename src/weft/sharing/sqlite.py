"""Limits and locks among the processes of one user on one machine, in one SQLite file; there is no server.

Rates are decided by the same `Pacer` as inside of a run, with what it remembers kept in the file. Units of
pools carry their holder; one that has died holds nothing. Locks are `FileLocks` beside the file.

Those who wait stand in one queue. What somebody in it was found to lack is kept for it from then on, and
nothing else: who wants other things passes by.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path

from weft.scheduling.rates import Pacer
from weft.sharing.base import (
    ASK_EVERY_S,
    Ask,
    Lease,
    Missing,
    NotYet,
    PoolAsked,
    PoolTaken,
    RateAsked,
    RateSpent,
)
from weft.sharing.database import Database
from weft.sharing.ledger import Ledger
from weft.sharing.locks import FileLocks
from weft.sharing.owner import this_process

_MOST_AHEAD = 64  # in the queue, whose starts are foreseen
# A start may come so much later than its lease: this part of the shortest span, but no more than so long.
_SLACK, _MOST_SLACK_S = 0.02, 0.05


class SqliteSharing:
    """Shares through the files in a folder. It is what `base.Sharing` describes.

    Args:
        folder: where all who share look; `home.sharing_folder` makes it.
        clock: seconds since some moment that is the same for all processes of the machine.

    Raises:
        CannotShare: the files can't be reached or read.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._owner = this_process()
        self._in_file: set[str] = set()  # asks that hold units, or wait for something but locks
        self._full_look_at: dict[str, float] = {}  # of asks that lack nothing but locks
        self._locks = FileLocks(folder / "locks")
        self._database = Database(folder / "limits.db", self._owner.boot, self._start_anew)

    def now(self) -> float:
        """Return the present moment of the machine's clock, in seconds."""
        return self._clock()

    def acquire(self, ask: Ask) -> Lease | NotYet:
        """Take all of ``ask``, or nothing and a place in the queue."""
        if not ask.pools and not ask.rates:  # the locks have a queue of their own
            answer = self._locks.take(ask.id, ask.locks)
            return Lease(ask.id, inf, tokens=answer) if isinstance(answer, dict) else NotYet(answer, None, 0)
        if self._clock() < self._full_look_at.get(ask.id, -inf) and (
            still := self._locks.still_taken(ask.id)
        ):
            return NotYet(still, None, 0)
        try:
            with self._database.transaction() as connection:
                return self._acquire(ask, _Turn(self._ledger(connection), ask, self._clock()))
        except BaseException:
            self._locks.release(ask.id)  # or nobody would ever give them back
            raise

    def withdraw(self, ask_id: str) -> None:
        """Leave the queue."""
        self._forget(ask_id)

    def settle(self, lease: Lease, actual: Mapping[str, tuple[int, ...]]) -> None:
        """Tell what the start has cost in truth, by rate; once, before it is released."""
        with self._database.transaction() as connection:
            ledger = self._ledger(connection)
            before = lease.reservations
            for name, costs in actual.items():
                pacer = ledger.rate(name)
                if pacer is not None and len(pacer.windows) == len(costs):  # or it was declared anew
                    pacer.settle(before[name], costs, self._clock())
                    ledger.remember(name, pacer)
            if any(sum(costs) < sum(before[name].costs) for name, costs in actual.items()):
                ledger.touch()

    def refused(self, lease: Lease, rate: str, retry_after_s: float = 0.0) -> None:
        """Tell that the other side has refused the start."""
        with self._database.transaction() as connection:
            ledger = self._ledger(connection)
            if (pacer := ledger.rate(rate)) is not None:
                pacer.refused(lease.reservations[rate], self._clock(), retry_after_s)
                ledger.remember(rate, pacer)

    def renew(self) -> None:
        """Tell those who can't see this process that it is alive."""
        with self._database.transaction() as connection:
            self._ledger(connection).renew()

    def release(self, lease: Lease) -> None:
        """Give back pools and locks; nothing when that was done before."""
        self._forget(lease.ask)

    def freed(self) -> int:
        """Return a number that has moved when somebody has given something back."""
        return self._database.freed()

    def close(self) -> None:
        """Release all leases, leave all queues."""
        try:
            self._locks.release_all()
            for ask in tuple(self._in_file):
                self._forget(ask)
        finally:
            self._database.close()

    def _forget(self, ask: str) -> None:
        self._full_look_at.pop(ask, None)
        self._locks.release(ask)
        if ask in self._in_file:
            self._in_file.discard(ask)
            with self._database.transaction() as connection:
                self._ledger(connection).forget(ask)

    def _acquire(self, ask: Ask, turn: _Turn) -> Lease | NotYet:
        self._in_file.add(ask.id)
        missing = turn.missing()
        if missing:
            return turn.wait(missing)
        tokens = self._locks.take(ask.id, ask.locks) if ask.locks else {}
        if isinstance(tokens, dict):
            self._full_look_at.pop(ask.id, None)
            if not ask.pools:
                self._in_file.discard(ask.id)  # a start that has nothing to give back
            return turn.grant(tokens)
        self._full_look_at[ask.id] = self._clock() + ASK_EVERY_S
        return turn.wait(tokens)

    def _ledger(self, connection: sqlite3.Connection) -> Ledger:
        return Ledger(connection, self._owner)

    def _start_anew(self, connection: sqlite3.Connection) -> None:
        self._ledger(connection).start_anew(self._clock())


class _Turn:
    """One ask, held against what is there and what is kept for others."""

    def __init__(self, ledger: Ledger, ask: Ask, now: float) -> None:
        self._ledger = ledger
        self._ask = ask
        self._now = now
        self._ahead = ledger.ahead_of(ask.id, now)
        self._pacers = {name: _pacer(ledger, name, asked) for name, asked in ask.rates.items()}

    def missing(self) -> list[Missing]:
        """Return which pools and rates don't have enough."""
        pools = [self._pool(name, asked) for name, asked in self._ask.pools.items()]
        rates = [self._rate(name, asked) for name, asked in self._ask.rates.items()]
        return [missing for missing in (*pools, *rates) if missing is not None]

    def grant(self, tokens: dict[str, int]) -> Lease:
        """Take all."""
        ask, now, ledger = self._ask, self._now, self._ledger
        spans = [window.per_s for asked in ask.rates.values() for window in asked.rate.windows]
        start_by = now + min(_MOST_SLACK_S, _SLACK * min(spans)) if spans else inf
        reservations = {}
        for name, asked in ask.rates.items():
            # It counts as if it came at the last moment at which it may come.
            reservations[name] = self._pacers[name].reserve(asked.costs, now, until=start_by)
            ledger.remember(name, self._pacers[name])
        ledger.hold(ask.id, {name: asked.units for name, asked in ask.pools.items()})
        ledger.leave(ask.id)
        return Lease(ask.id, start_by, reservations, tokens)

    def wait(self, missing: Sequence[Missing]) -> NotYet:
        """Take nothing, and keep what is missing for this ask when it comes free."""
        kept, dues = self._ledger.kept_for(self._ask.id), [self._now]
        for each in missing:
            match each:
                case PoolTaken(pool):
                    kept.pools[pool] = self._ask.pools[pool].units
                case RateSpent(rate, due):
                    kept.rates[rate] = self._ask.rates[rate].costs
                    dues.append(due)
        comes_by_itself = all(isinstance(each, RateSpent) for each in missing)
        at = max(dues) if comes_by_itself else None
        self._ledger.wait(self._ask.id, kept, self._now + ASK_EVERY_S if at is None else at)
        return NotYet(tuple(missing), at, self._ledger.freed())

    def _pool(self, name: str, asked: PoolAsked) -> PoolTaken | None:
        assert 0 < asked.units <= asked.size, f"{asked.units} of {asked.size} in {name}"
        kept = sum(kept.pools.get(name, 0) for kept in self._ahead)
        if asked.units <= asked.size - kept - sum(self._ledger.holders(name).values()):
            return None
        self._ledger.clear(name)
        holders = self._ledger.holders(name)
        free = asked.size - kept - sum(holders.values())
        return PoolTaken(name, max(0, free), tuple(holders)) if asked.units > free else None

    def _rate(self, name: str, asked: RateAsked) -> RateSpent | None:
        pacer = self._pacers[name]
        ahead = [kept.rates[name] for kept in self._ahead if name in kept.rates]
        ahead = [_fitting(costs, pacer) for costs in ahead if len(costs) == len(asked.costs)]
        together = [sum(costs) for costs in zip(asked.costs, *ahead, strict=True)]
        if together == list(_fitting(together, pacer)) and pacer.due(together, self._now) <= self._now:
            return None
        return RateSpent(name, self._foreseen(pacer, [*ahead[:_MOST_AHEAD], asked.costs]))

    def _foreseen(self, pacer: Pacer, starts: Sequence[Sequence[int]]) -> float:
        """Return when the last of ``starts`` is due if each comes as soon as it may."""
        foreseen, moment = pacer.copy(), self._now
        for costs in starts:
            moment = foreseen.due(costs, moment)
            foreseen.reserve(costs, moment)
        return moment


def _pacer(ledger: Ledger, name: str, asked: RateAsked) -> Pacer:
    pacer = ledger.rate(name, asked.rate)
    assert pacer is not None, f"{name} was declared and is not known"
    return pacer


def _fitting(costs: Sequence[int], pacer: Pacer) -> tuple[int, ...]:
    """Return what of ``costs`` fits; all of it, unless the rate was declared with another limit."""
    return tuple(min(cost, window.largest) for cost, window in zip(costs, pacer.windows, strict=True))
