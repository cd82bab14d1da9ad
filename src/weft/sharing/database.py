"""One SQLite file that many processes write to, in short transactions, none of which ever finds it locked.

Knows how to open it, to wait for one's turn, and what to do when the machine was started anew. What is
written is the matter of `sqlite`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from weft.sharing.base import CannotShare

_FORMAT = 1
_PATIENCE_S = 30.0  # a transaction takes a millisecond; who takes so long has been stopped in the middle
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.0002, 0.005
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}

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
        try:
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        try:
            # No fsync with each commit: after a crash of the machine all of it begins anew.
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
                self._in_turn(f"PRAGMA {pragma}")
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
            yield self._connection
            self._connection.execute("COMMIT")
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise self._unreadable(error) from error
        finally:
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
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
        deadline, pause_s = time.monotonic() + _PATIENCE_S, _SHORTEST_PAUSE_S
        while (rows := self._try(statement, keep)) is None:
            if time.monotonic() > deadline:
                message = f"another process has been writing to {self._path} for {_PATIENCE_S:g} s"
                raise CannotShare(f"{message}\n  hint: is one of them stopped?")
            time.sleep(pause_s)  # holding nothing
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return rows

    def _try(self, statement: str, keep: bool) -> list[tuple[Any, ...]] | None:
        if os.getpid() != self._pid:
            raise CannotShare(f"{self._path} was opened before this process was forked: open it again")
        self._mutex.acquire()
        rows = None
        try:
            rows = self._connection.execute(statement).fetchall()
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _BUSY:
                raise self._unreadable(error) from error
        finally:
            if rows is None or not keep:
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

    def _unreadable(self, error: Exception) -> CannotShare:
        hint = "if no Weft is running, the file may be taken away"
        return CannotShare(f"can't use {self._path}: {error}\n  hint: {hint}")
