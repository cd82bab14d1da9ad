"""What stands in the shared file: rates and what they remember, units and who holds them, and the queue.

Knows rows, and who among their owners is alive. Who gets what is decided in `sqlite`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping

import msgspec

from weft.model.rate import Rate
from weft.scheduling.rates import Meter, Pacer, State
from weft.sharing.base import TTL_S
from weft.sharing.owner import Owner, is_alive

MOST_STARTS = 1024  # of one span are told apart: all are read and written with each start
KEEP_S = 1.0  # who was to come back, and is late by so much, has lost its place


class Remembered(msgspec.Struct):
    """A rate as the last who asked has declared it, and what its `Pacer` remembers."""

    rate: Rate
    state: State


class Kept(msgspec.Struct):
    """What is kept for one who waits: units of pools, and costs of rates."""

    pools: dict[str, int] = {}
    rates: dict[str, tuple[int, ...]] = {}


_remembered = msgspec.msgpack.Decoder(Remembered)
_kept = msgspec.msgpack.Decoder(Kept)
_owner = msgspec.json.Decoder(Owner)


class Ledger:
    """The rows of the file, within one transaction.

    Args:
        connection: in a transaction.
        me: the process that reads and writes.
    """

    def __init__(self, connection: sqlite3.Connection, me: Owner) -> None:
        self._connection = connection
        self._me = msgspec.json.encode(me)

    def rate(self, name: str, declared: Rate | None = None) -> Pacer | None:
        """Return the pacer of a rate, which is from now on as it is ``declared``; None if nobody ever was."""
        row = self._connection.execute("SELECT remembered FROM rates WHERE name = ?", (name,)).fetchone()
        before = _remembered.decode(row[0]) if row else None
        if declared is None:
            return Pacer(before.rate, before.state, MOST_STARTS) if before else None
        if before is None:
            return Pacer(declared, None, MOST_STARTS)
        state = before.state if before.rate.windows == declared.windows else _carried_over(before, declared)
        return Pacer(declared, state, MOST_STARTS)

    def remember(self, name: str, pacer: Pacer) -> None:
        """Write down what a pacer knows."""
        remembered = msgspec.msgpack.encode(Remembered(pacer.rate, pacer.state()))
        self._connection.execute("INSERT OR REPLACE INTO rates VALUES (?, ?)", (name, remembered))

    def holders(self, pool: str) -> dict[Owner, int]:
        """Return how many units each process holds."""
        rows = self._connection.execute(
            "SELECT owner, SUM(units) FROM units WHERE pool = ? GROUP BY owner", (pool,)
        ).fetchall()
        return {_owner.decode(owner): units for owner, units in rows}

    def clear(self, pool: str) -> None:
        """Take back what the dead hold of a pool, and those who have not been heard of for too long."""
        rows = self._connection.execute(
            "SELECT owner, MAX(expires) FROM units WHERE pool = ? GROUP BY owner", (pool,)
        ).fetchall()
        for owner, expires in rows:
            alive = is_alive(_owner.decode(owner))
            if alive is False or (alive is None and expires < time.time()):
                self._connection.execute("DELETE FROM units WHERE owner = ?", (owner,))

    def hold(self, ask: str, pools: Mapping[str, int]) -> None:
        """Write down that we hold units."""
        rows = [(self._me, ask, pool, units, _expires()) for pool, units in pools.items()]
        self._connection.executemany("INSERT INTO units VALUES (?, ?, ?, ?, ?)", rows)

    def forget(self, ask: str) -> None:
        """Hold nothing for ``ask``, and let it stand in the queue no more."""
        mine = (self._me, ask)
        self._connection.execute("DELETE FROM units WHERE owner = ? AND ask = ?", mine)
        self._connection.execute("DELETE FROM queue WHERE owner = ? AND ask = ?", mine)
        self.touch()

    def renew(self) -> None:
        """Write down that we are alive."""
        self._connection.execute("UPDATE units SET expires = ? WHERE owner = ?", (_expires(), self._me))

    def ahead_of(self, ask: str, now: float) -> list[Kept]:
        """Return what is kept for those who stand in front of ``ask``, those who are gone left out."""
        rows = self._connection.execute(
            "SELECT place, owner, at, wants FROM queue WHERE place < COALESCE("
            "(SELECT place FROM queue WHERE owner = ? AND ask = ?), ?) ORDER BY place",
            (self._me, ask, 1 << 62),
        ).fetchall()
        gone = [
            place for place, owner, at, _ in rows if at < now and _has_gone(_owner.decode(owner), at, now)
        ]
        self._connection.executemany("DELETE FROM queue WHERE place = ?", [(place,) for place in gone])
        return [_kept.decode(wants) for place, _, _, wants in rows if place not in gone]

    def kept_for(self, ask: str) -> Kept:
        """Return what is kept for ``ask``."""
        row = self._connection.execute(
            "SELECT wants FROM queue WHERE owner = ? AND ask = ?", (self._me, ask)
        ).fetchone()
        return _kept.decode(row[0]) if row else Kept()

    def wait(self, ask: str, kept: Kept, at: float) -> None:
        """Let ``ask`` stand in the queue, at its old place if it has one, until it comes back ``at``."""
        self._connection.execute(
            "INSERT INTO queue (owner, ask, at, wants) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (owner, ask) DO UPDATE SET at = excluded.at, wants = excluded.wants",
            (self._me, ask, at, msgspec.msgpack.encode(kept)),
        )

    def leave(self, ask: str) -> None:
        """Let ``ask`` stand in the queue no more, as it has got all."""
        self._connection.execute("DELETE FROM queue WHERE owner = ? AND ask = ?", (self._me, ask))

    def freed(self) -> int:
        """Return how often something was given back."""
        return int(self._connection.execute("SELECT freed FROM about").fetchone()[0])

    def touch(self) -> None:
        """Let those who wait see that something was given back."""
        self._connection.execute("UPDATE about SET freed = freed + 1")

    def start_anew(self, now: float) -> None:
        """Put right what was written before the clock began anew.

        Nobody knows how long ago the last starts were: they count as if they were made ``now``.
        """
        self._connection.execute("DELETE FROM queue")
        for name, row in self._connection.execute("SELECT name, remembered FROM rates").fetchall():
            before = _remembered.decode(row)
            windows = before.rate.windows
            meters = [
                Meter(meter.limit, now, now + window.per_s, [now], [sum(meter.costs)])
                for window, meter in zip(windows, before.state.meters, strict=True)
            ]
            self.remember(name, Pacer(before.rate, State(meters, epoch=before.state.epoch), MOST_STARTS))


def _expires() -> float:
    return time.time() + TTL_S


def _has_gone(owner: Owner, at: float, now: float) -> bool:
    return at + KEEP_S < now or is_alive(owner) is False


def _carried_over(before: Remembered, declared: Rate) -> State:
    """Return what is known of a rate that was declared anew: its starts, by the name of their cost."""
    known: dict[str, Meter] = {}
    for window, meter in zip(before.rate.windows, before.state.meters, strict=True):
        known.setdefault(window.cost, meter)
    meters = [Meter(window.limit) for window in declared.windows]
    for window, meter in zip(declared.windows, meters, strict=True):
        if window.cost in known:
            meter.moments = [*known[window.cost].moments]
            meter.costs = [*known[window.cost].costs]
    return State(meters, before.state.closed_until, before.state.epoch)
