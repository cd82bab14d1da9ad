"""One SQLite file that many processes write to, in short transactions, none of which ever finds it locked.

Knows its tables, and what to do when the machine was started anew. Whoever waits for its turn waits in
`disk.turns`; what is written is the matter of `sqlite`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from weft.disk.turns import PATIENCE_S, committed, connect, in_turn, is_busy, write_ahead
from weft.sharing.base import CannotShare

_FORMAT = 1

_TABLES = """
    CREATE TABLE about (format INTEGER NOT NULL, boot TEXT NOT NULL, freed INTEGER NOT NULL);
    CREATE TABLE rates (name TEXT PRIMARY KEY, remembered BLOB NOT NULL);
    CREATE TABLE units (
        owner BLOB NOT NULL, ask TEXT NOT NULL, pool TEXT NOT NULL, units INTEGER NOT NULL,
        expires REAL NOT NULL,       -- by the wall clock; asked for only where its owner can't be seen
        PRIMARY KEY (owner, ask, pool)
    );
    CREATE TABLE queue (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        owner BLOB NOT NULL, ask TEXT NOT NULL,
        at REAL NOT NULL,            -- when it was told to come back
        wants BLOB NOT NULL,         -- what is kept for it
        UNIQUE (owner, ask)
    );
"""


class Database:
    """The file at ``path``, as one process sees it. May be used from any thread.

    Args:
        path: of the file; made if need be.
        boot: names the time since the machine was started. In another one the clock has begun anew.
        on_new_boot: puts right what was written before; called inside of a transaction.

    Raises:
        CannotShare: here, and wherever the file can't be reached or read.
    """

    def __init__(self, path: Path, boot: str, on_new_boot: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._pid = os.getpid()
        self._mutex = Lock()
        with self._errors_told():
            self._connection = connect(path)
        try:
            with self._errors_told():
                # No fsync with each commit: after a crash of the machine all of it begins anew.
                write_ahead(self._connection)
            with self.transaction() as connection:
                self._begin(connection, boot, on_new_boot)
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Be the only one who reads and writes, for a moment; nothing is written if the body raises."""
        self._in_turn("BEGIN IMMEDIATE", keep=True)
        try:
            with self._errors_told(), committed(self._connection):
                yield self._connection
        finally:
            self._mutex.release()

    def freed(self) -> int:
        """Return the number that `touch` moves."""
        return int(self._in_turn("SELECT freed FROM about")[0][0])

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            self._connection.close()

    def _in_turn(self, statement: str, keep: bool = False) -> list[tuple[Any, ...]]:
        """Execute ``statement`` as soon as nobody is in the way, and ``keep`` others of this process out."""
        with self._errors_told():
            return in_turn(lambda: self._execute(statement, keep))

    def _execute(self, statement: str, keep: bool) -> list[tuple[Any, ...]]:
        if os.getpid() != self._pid:
            raise CannotShare(f"{self._path} was opened before this process was forked: open it again")
        self._mutex.acquire()
        try:
            rows = self._connection.execute(statement).fetchall()
        except BaseException:
            self._mutex.release()  # who waits holds nothing
            raise
        if not keep:
            self._mutex.release()
        return rows

    def _begin(
        self,
        connection: sqlite3.Connection,
        boot: str,
        on_new_boot: Callable[[sqlite3.Connection], None],
    ) -> None:
        if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute("INSERT INTO about VALUES (?, ?, 0)", (_FORMAT, boot))
        found, last_boot = connection.execute("SELECT format, boot FROM about").fetchone() or (None, None)
        if found != _FORMAT:
            raise CannotShare(f"{self._path} was written by another version of Weft (format {found})")
        if last_boot != boot:
            on_new_boot(connection)
            connection.execute("UPDATE about SET boot = ?", (boot,))

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            if isinstance(error, sqlite3.Error) and is_busy(error):
                what = f"another process has been writing to {self._path} for {PATIENCE_S:g} s"
                hint = "is one of them stopped?"
            else:
                what = f"can't use {self._path}: {error}"
                hint = "if no Weft is running, the file may be taken away"
            raise CannotShare(f"{what}\n  hint: {hint}") from error
