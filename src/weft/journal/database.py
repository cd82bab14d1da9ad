"""The file of the journal: opened, brought up to date, and its errors put into words.

What was recorded survives kill -9 of the process at any moment. When the power fails, the last seconds of a
run may be lost, from some fact on and all of them (`disk.turns`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weft.disk.turns import code_of, connect, in_turn, transaction, write_ahead
from weft.errors import WeftError
from weft.journal.schema import MIGRATIONS, migrate, version_of

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


# Whoever was writing was killed while the file was being made, and only a writer can mend that.
_CUT_OFF = frozenset({sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY})


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
        connection = connect(path)
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
        connection = connect(path, read_only=True)
        try:
            found = in_turn(lambda: version_of(connection))
            _check_version(found, path)
        except BaseException as error:
            connection.close()
            if not isinstance(error, sqlite3.Error) or error.sqlite_errorcode not in _CUT_OFF:
                raise
            found = 0  # to be brought up to date
    if found < len(MIGRATIONS):  # an older one, or one that another process is making at this moment
        connection.close()
        open_to_write(path).close()
        return open_to_read(path)
    return connection


@contextmanager
def errors_told(path: Path, kind: type[JournalError] = JournalError) -> Iterator[None]:
    """Raise what SQLite raises in the body as a ``kind``, with what to do about it."""
    try:
        yield
    except sqlite3.Error as error:
        code = code_of(error)
        hint = f"\n  hint: {_HINTS[code]}" if code in _HINTS else ""
        raise kind(f"can't use the journal {path}: {error}{hint}") from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    found = in_turn(lambda: version_of(connection))
    _check_version(found, path)
    mode = write_ahead(connection)
    if mode != "wal":
        raise JournalError(
            f"can't keep the journal {path} in WAL mode, but only in mode {mode}\n"
            "  hint: keep the plan on a disk of this machine: over a network processes can't share a journal"
        )
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
