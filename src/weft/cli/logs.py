"""`weft logs`: what a task of an earlier run has written, or one of a run that goes on."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import BinaryIO

import click

from weft.cli import options
from weft.cli.history import opened_run, row_named, run_and_task
from weft.errors import UsageError
from weft.journal.reader import JournalReader, RunRecord
from weft.live.wording import count
from weft.runtime.history import run_named
from weft.runtime.layout import RunFolder
from weft.views.tasks import TaskRow, task_rows

LOOK_EVERY_S = 0.2
_PIECE_BYTES = 1 << 16


@click.command()
@run_and_task
@options.option("-f", "--follow", is_flag=True, help="Go on until the task has ended, as it writes.")
@options.directory
def command(where: tuple[str, str], follow: bool) -> None:
    """Show what TASK has written in RUN: each stream goes to that of its name.

    RUN is the id of a run, the beginning or the end of one, or `latest`, as it is without it. Of a task that
    was taken over from an earlier run, that run's logs are shown.
    """
    run, task = where
    with opened_run(run) as (journal, asked):
        record, row = _where_it_ran(journal, asked, task)
        folder = RunFolder.of(Path(), record.id)
        logs = (
            _Log(folder.stdout(task), sys.stdout.buffer),
            _Log(folder.stderr(task), sys.stderr.buffer),
        )
        found = [log.copy() for log in logs]
        while follow and not _is_over(journal, record, task):
            time.sleep(LOOK_EVERY_S)
            found += [log.copy() for log in logs]
        found += [log.copy() for log in logs]  # what came before it was seen to be over
    if not any(found):
        did = f"wrote nothing in {count(row.attempts, 'attempt')}" if row.attempts else "did not run"
        sys.stderr.write(f"`{task}` {did} in run {record.id}\n")


class _Log:
    """One of the logs of a task, copied as far as it has come."""

    def __init__(self, path: Path, to: BinaryIO) -> None:
        self._path = path
        self._to = to
        self._inode = 0
        self._offset = 0

    def copy(self) -> bool:
        """Copy what is new; tell whether something is. Another attempt begins a file of its own."""
        try:
            with open(self._path, "rb") as file:
                return self._copy_from(file)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UsageError(f"{self._path}: can't be read: {error.strerror}") from error

    def _copy_from(self, file: BinaryIO) -> bool:
        inode = os.fstat(file.fileno()).st_ino
        if inode != self._inode:
            self._inode, self._offset = inode, 0
        file.seek(self._offset)
        while piece := file.read(_PIECE_BYTES):
            self._to.write(piece)
        self._to.flush()
        was, self._offset = self._offset, file.tell()
        return self._offset > was


def _where_it_ran(journal: JournalReader, record: RunRecord, task: str) -> tuple[RunRecord, TaskRow]:
    """Return the run in which ``task`` was done, and its row there."""
    while True:
        row = row_named(task_rows(journal.facts(record)), record, task)
        if row.taken_from is None:
            return record, row
        record = run_named(journal, row.taken_from)


def _is_over(journal: JournalReader, record: RunRecord, task: str) -> bool:
    now = journal.run(record.id)
    if now is None or now.is_over:
        return True
    return row_named(task_rows(journal.facts(now)), now, task).outcome is not None
