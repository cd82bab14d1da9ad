"""SQLite files that many processes write to, in short transactions, none of which ever finds them locked.

Knows how to open one and to wait for one's turn. What is written, and what is said when that can't be done,
is the matter of those who write.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 30.0  # a transaction takes a millisecond; who takes so long has been stopped in the middle
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.0002, 0.005
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file at ``path``, for any thread; each statement is a transaction, if none has begun.

    Raises:
        sqlite3.Error: it can't be opened.
    """
    where = f"{path.absolute().as_uri()}?mode=ro" if read_only else path
    return sqlite3.connect(where, uri=read_only, timeout=0, isolation_level=None, check_same_thread=False)


def write_ahead(connection: sqlite3.Connection) -> str:
    """Let those who read keep nobody waiting, and return the mode that the file is in: "wal", if it can be.

    What is written is in the file when its statement returns, and survives kill -9 of the process at any
    moment. It is not forced to the disk each time: when the power fails, what came last may be lost, from
    some moment on and all of it.

    Raises:
        sqlite3.Error: as in `in_turn`.
    """
    mode: str = in_turn(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())[0]
    in_turn(lambda: connection.execute("PRAGMA synchronous = NORMAL"))
    return mode


def in_turn(step: Callable[[], T]) -> T:
    """Carry out ``step`` as soon as nobody else is in the way, and return what it gives.

    Raises:
        sqlite3.Error: it failed for another reason, or others have been in the way for `PATIENCE_S`.
    """
    deadline, pause_s = time.monotonic() + PATIENCE_S, _SHORTEST_PAUSE_S
    while True:
        try:
            return step()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        # Shorter pauses than those of SQLite's own patience, which grow to a tenth of a second.
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Be the only one who writes, for a moment; nothing is written if the body raises."""
    in_turn(lambda: connection.execute("BEGIN IMMEDIATE"))
    with committed(connection):
        yield


@contextmanager
def committed(connection: sqlite3.Connection) -> Iterator[None]:
    """End a transaction that has begun: write all of it, or nothing if the body raises."""
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether others are in the way."""
    return code_of(error) in _BUSY


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's code of ``error`` without its finer distinctions; 0 for errors of Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
