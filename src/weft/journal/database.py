"""The file of the journal: opened, waited for when others write to it, and its errors put into words.

SQLite in WAL mode with `synchronous = NORMAL`: a transaction is written to the file before its statement
returns, so what was recorded survives kill -9 of the process at any moment. It is not forced to the disk
each time: when the power fails, the last seconds of a run may be lost, from some fact on and all of them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from weft.errors import WeftError
from weft.journal.schema import MIGRATIONS, migrate, version_of

T = TypeVar("T")

_PATIENCE_S = 30.0  # a transaction takes a millisecond; who takes so long has been stopped in the middle
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.0002, 0.005
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_HINTS = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_IOERR: "is the disk full, or gone?",
    sqlite3.SQLITE_READONLY: "let this user write to the file and to its folder",
    sqlite3.SQLITE_CANTOPEN: "let this user write to the folder",
    sqlite3.SQLITE_PERM: "let this user write to the folder",
    sqlite3.SQLITE_NOTADB: "move the file away; the runs before this one are then forgotten",
    sqlite3.SQLITE_CORRUPT: "move the file away; the runs before this one are then forgotten",
    sqlite3.SQLITE_BUSY: "another Weft has been writing for long; is it stopped?",
}


class JournalError(WeftError):
    """The journal can't be opened, read or written."""


class JournalLost(JournalError):
    """The journal can't be written any more, in the middle of a run: nothing new may start."""


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the journal at ``path``, made or brought up to date if need be. Its folder must be there.

    Raises:
        JournalError: it can't be written, is no journal, or was written by a newer Weft.
    """
    with errors_told(path):
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """Open the journal at ``path``, None if there is none yet.

    Raises:
        JournalError: it can't be read, is no journal, or was written by a newer Weft.
    """
    if not path.exists():
        return None
    with errors_told(path):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            found = in_turn(lambda: version_of(connection))
            _check_version(found, path)
        except BaseException:
            connection.close()
            raise
    if found < len(MIGRATIONS):  # an older one, or one that another process is making at this moment
        connection.close()
        open_to_write(path).close()
        return open_to_read(path)
    return connection


def in_turn(step: Callable[[], T]) -> T:
    """Carry out ``step`` as soon as nobody else is in the way, and return what it gives.

    Raises:
        sqlite3.Error: it failed for another reason, or others have been in the way for too long.
    """
    deadline, pause_s = time.monotonic() + _PATIENCE_S, _SHORTEST_PAUSE_S
    while True:
        try:
            return step()
        except sqlite3.OperationalError as error:
            if code_of(error) not in _BUSY or time.monotonic() > deadline:
                raise
        # Shorter pauses than those of SQLite's own patience, which grow to a tenth of a second.
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Be the only one who writes, for a moment; nothing is written if the body raises."""
    in_turn(lambda: connection.execute("BEGIN IMMEDIATE"))
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def errors_told(path: Path, kind: type[JournalError] = JournalError) -> Iterator[None]:
    """Raise what SQLite raises in the body as a ``kind``, with what to do about it."""
    try:
        yield
    except sqlite3.Error as error:
        code = code_of(error)
        hint = f"\n  hint: {_HINTS[code]}" if code in _HINTS else ""
        raise kind(f"can't use the journal {path}: {error}{hint}") from error


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's code of ``error`` without its finer distinctions; 0 for errors of Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    found = in_turn(lambda: version_of(connection))
    _check_version(found, path)
    (mode,) = in_turn(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
    if mode != "wal":
        raise JournalError(
            f"can't keep the journal {path} in WAL mode, but only in mode {mode}\n"
            "  hint: keep the plan on a disk of this machine: over a network processes can't share a journal"
        )
    connection.execute("PRAGMA synchronous = NORMAL")
    if found < len(MIGRATIONS):
        with transaction(connection):
            _check_version(version_of(connection), path)
            migrate(connection)


def _check_version(found: int, path: Path) -> None:
    if found > len(MIGRATIONS):
        versions = f"version {found}, this one knows {len(MIGRATIONS)}"
        raise JournalError(
            f"the journal {path} was written by a newer Weft ({versions})\n"
            "  hint: use that Weft, or move the file away"
        )
