"""Forgets runs: what happened in them, and plans that no other run has had. What tasks took is remembered."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from weft.disk.turns import transaction
from weft.journal.database import errors_told, open_to_write
from weft.journal.reader import RunRecord
from weft.journal.schema import place_of

_WITHOUT_RUN = """
    DELETE FROM plans WHERE digest NOT IN (SELECT plan FROM runs WHERE plan IS NOT NULL)
"""


def forget(path: Path, runs: Iterable[RunRecord]) -> None:
    """Take ``runs`` out of the journal at ``path``; what they took on the disk is used for those to come.

    Raises:
        JournalError: it can't be written.
    """
    with closing(open_to_write(path)) as connection, errors_told(path):
        for run in runs:
            places = (place_of(run.number, 0), place_of(run.number + 1, 0))
            with transaction(connection):  # one run each: others want to write as well
                connection.execute("DELETE FROM facts WHERE place >= ? AND place < ?", places)
                connection.execute("DELETE FROM runs WHERE number = ?", (run.number,))
        with transaction(connection):
            connection.execute(_WITHOUT_RUN)
