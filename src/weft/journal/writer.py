"""Writes what happens in one run into the journal, in the loop turn in which it happens.

The facts of a turn are one row, and one statement, which is a transaction of its own: some fifteen
microseconds, and little more however many facts it holds. Every four megabytes or so SQLite also
carries what was written from its log over into its file, which takes milliseconds. So nothing is won by
a thread, for whose word each turn would have to wait all the same.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

from weft.disk.turns import in_turn, transaction
from weft.journal.database import JournalLost, errors_told, open_to_write
from weft.journal.durations import Stopwatch, remember
from weft.journal.encoding import pages_of, to_json
from weft.journal.fingerprint import Fingerprint
from weft.journal.schema import place_of
from weft.journal.standing import Standing
from weft.scheduling.facts import Fact, RunEnded, TaskEnded
from weft.scheduling.states import NAME_AFTER

_INSERT = "INSERT INTO facts (place, n, facts) VALUES (?, ?, ?)"


class Header(msgspec.Struct, frozen=True):
    """What is known of a run before it begins.

    Args:
        id: its name, which no other run has.
        started: when, in seconds since 1970.
        owner: the process that carries it out, in words that its caller can tell a dead one by.
        argv: the command line.
        plan: the fingerprints of the tasks by id; None where tasks are added as the run goes on, and
            nothing can be resumed.
    """

    id: str
    started: float
    owner: str = ""
    argv: tuple[str, ...] = ()
    plan: Mapping[str, Fingerprint] | None = None


class JournalWriter:
    """The journal of one run that is under way. To be used in one thread, and closed.

    Args:
        path: of the file; its folder must be there.
        header: of the run.
        learns: remember how long the tasks took. Of calls whose names come from counting it makes no sense.

    Raises:
        JournalError: the file can't be written; nothing has begun.
    """

    def __init__(self, path: Path, header: Header, *, learns: bool = True) -> None:
        self._path = path
        self._connection = open_to_write(path)
        self._stopwatch = Stopwatch() if learns else None
        self._counts: Counter[type] = Counter()
        self._pending: list[tuple[int, int, bytes]] = []
        self._end: RunEnded | None = None  # from here on: told, but perhaps not written yet
        try:
            with errors_told(path), transaction(self._connection):
                self._run = _begin(self._connection, header)
        except BaseException:
            self._connection.close()
            raise
        self._next = place_of(self._run, 0)

    def append(self, facts: Sequence[Fact]) -> None:
        """Write the facts of a turn; they are in the file when this returns.

        Raises:
            JournalLost: they are not. Whoever goes on without them may call again with those that follow:
                what could not be written is tried again with them, all of it in order.
        """
        if not facts:
            return
        for n, page in pages_of(facts):
            self._pending.append((self._next, n, page))
            self._next += n
        self._look(facts)
        self._write()

    def close(self) -> None:
        """Let go of the file. A run that has not ended is then known to have broken off.

        Raises:
            JournalLost: there are facts that could not be written, nor can they now.
        """
        try:
            if self._pending:
                self._write()
            if self._end is None:
                with errors_told(self._path, JournalLost), transaction(self._connection):
                    self._put_down(Standing.CRASHED, None)
        finally:
            self._connection.close()

    def _look(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if type(fact) is TaskEnded:
                self._counts[type(fact.outcome)] += 1
        if isinstance(facts[-1], RunEnded):
            self._end = facts[-1]
        if self._stopwatch is not None:
            self._stopwatch.look(facts)

    def _write(self) -> None:
        with errors_told(self._path, JournalLost):
            if len(self._pending) == 1 and self._end is None:
                in_turn(self._write_one)
            else:
                with transaction(self._connection):
                    self._write_all()
        self._pending.clear()

    def _write_one(self) -> None:
        self._connection.execute(_INSERT, self._pending[0])  # outside of a transaction, so it is one itself

    def _write_all(self) -> None:
        self._connection.executemany(_INSERT, self._pending)
        if self._end is not None:
            self._put_down(Standing(self._end.state.value), self._end.at)
            if self._stopwatch is not None:
                remember(self._connection, self._stopwatch.durations)

    def _put_down(self, state: Standing, seconds: float | None) -> None:
        counts = {NAME_AFTER[kind]: n for kind, n in self._counts.items()}
        self._connection.execute(
            "UPDATE runs SET state = ?, seconds = ?, counts = ? WHERE number = ?",
            (state.value, seconds, msgspec.json.encode(counts, order="sorted").decode(), self._run),
        )


def _begin(connection: sqlite3.Connection, header: Header) -> int:
    """Write down that a run has begun, and return its number."""
    digest = None
    if header.plan is not None:
        tasks = to_json(header.plan)
        digest = blake2b(tasks, digest_size=16).hexdigest()
        connection.execute("INSERT OR IGNORE INTO plans (digest, tasks) VALUES (?, ?)", (digest, tasks))
    argv = to_json(header.argv).decode()
    run = connection.execute(
        "INSERT INTO runs (id, started, argv, owner, plan) VALUES (?, ?, ?, ?, ?)",
        (header.id, header.started, argv, header.owner, digest),
    )
    assert run.lastrowid is not None
    return run.lastrowid
