"""The tables of the journal, and how a file that an older Weft has written is brought up to date.

Knows what is kept and where. How the file is opened is the matter of `database`, and how facts become
text that of `encoding`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

# Each brings the file from the version before it to its own, and is never changed once it was released.
# A table or column that an older Weft can do without, and a new fact, are no new version.
_FIRST = """
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given out again: facts are found by it
        id TEXT NOT NULL UNIQUE,
        started REAL NOT NULL,    -- by the wall clock, in seconds since 1970
        argv TEXT NOT NULL,       -- JSON
        owner TEXT NOT NULL,      -- the process that carries the run out, as its caller names it
        plan TEXT,                -- the digest of a row of `plans`; NULL where nothing can be resumed
        state TEXT,               -- NULL while it runs, and for ever where its process was killed
        seconds REAL,             -- from its beginning to its end
        counts TEXT               -- JSON: how many tasks ended how
    );
    CREATE TABLE plans (
        digest TEXT PRIMARY KEY,
        tasks BLOB NOT NULL         -- JSON: fingerprints by task
    );
    CREATE TABLE facts (
        place INTEGER PRIMARY KEY,  -- number of the run * 2**32 + number of the first fact
        n INTEGER NOT NULL,
        facts BLOB NOT NULL         -- a JSON list of n facts that were made together
    );
    CREATE TABLE durations (
        name TEXT NOT NULL, is_family INTEGER NOT NULL,
        seconds REAL NOT NULL,      -- a moving average
        PRIMARY KEY (is_family, name)
    ) WITHOUT ROWID;
"""
MIGRATIONS = (_FIRST,)

# Facts of one run lie side by side, in one tree that grows at its end: half the pages to write per turn
# than with an index on two columns. 2**32 facts are more than a run will ever have.
_FACTS_PER_RUN = 2**32


def version_of(connection: sqlite3.Connection) -> int:
    """Return by which version the file was written last; 0 when it is new."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the file to the version of ``migrations``; to be called inside of a transaction."""
    for number in range(version_of(connection), len(migrations)):
        for statement in migrations[number].split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number + 1}")


def place_of(run: int, seq: int) -> int:
    """Return where the fact ``seq`` (from 0) of a run lies; the run after it begins at 0 of ``run + 1``."""
    return run * _FACTS_PER_RUN + seq
