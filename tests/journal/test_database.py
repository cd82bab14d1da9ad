from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.journal.builders import END, reader, recorded, whole_task, writer

from weft.journal.database import JournalError, open_to_read, open_to_write
from weft.journal.schema import MIGRATIONS, migrate, version_of


def raw(folder: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(folder / "weft.db", isolation_level=None))


def test_the_journal_is_kept_in_wal_mode_and_says_its_version(tmp_path: Path) -> None:
    writer(tmp_path).close()
    with raw(tmp_path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert version_of(connection) == len(MIGRATIONS)


def test_what_is_no_journal_yet_has_no_reader(tmp_path: Path) -> None:
    assert open_to_read(tmp_path / "weft.db") is None


def test_a_file_that_another_process_has_just_made_is_an_empty_journal(tmp_path: Path) -> None:
    (tmp_path / "weft.db").touch()
    with closing(reader(tmp_path)) as journal:
        assert journal.runs() == []


def test_a_migration_brings_an_older_journal_forward_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal:
        journal.append(whole_task(0, "a"))
    with raw(tmp_path) as connection:
        migrate(
            connection, (*MIGRATIONS, "ALTER TABLE runs ADD COLUMN host TEXT;\nUPDATE runs SET host = 'h'")
        )
        assert version_of(connection) == len(MIGRATIONS) + 1
        assert connection.execute("SELECT id, host FROM runs").fetchall() == [("r1", "h")]
        assert connection.execute("SELECT n FROM facts").fetchall() == [(4,)]


def write_newer(folder: Path) -> None:
    writer(folder).close()
    with raw(folder) as connection:
        connection.execute("PRAGMA user_version = 99")


def write_junk(folder: Path) -> None:
    (folder / "weft.db").write_bytes(b"no database" * 1000)


def write_folder(folder: Path) -> None:
    (folder / "weft.db").mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (write_newer, r"was written by a newer Weft \(version 99, this one knows 1\)\n  hint: use that"),
        (write_junk, r"can't use the journal .*weft\.db: file is not a database\n  hint: move"),
        (write_folder, r"can't use the journal .*weft\.db: .*\n  hint: "),
    ],
)
@pytest.mark.parametrize("use", [writer, reader])
def test_what_can_not_be_used_is_an_error_with_a_hint(
    tmp_path: Path, use: Callable[[Path], object], spoil: Callable[[Path], None], message: str
) -> None:
    spoil(tmp_path)
    with pytest.raises(JournalError, match=message):
        use(tmp_path)


def test_a_folder_that_is_a_file_is_an_error_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / ".weft").touch()
    with pytest.raises(JournalError, match=r"can't use the journal .*\n  hint: let this user write"):
        writer(tmp_path / ".weft")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A journal that nobody may write; mode bits do not hold back root, the file system's own mark does."""
    path = tmp_path / "weft.db"
    writer(tmp_path).close()
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        marked = subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False)
        if marked.returncode != 0:
            pytest.skip("root may write everything, and this file system has no mark against it")
    yield tmp_path
    subprocess.run(["chattr", "-i", str(path)], capture_output=True, check=False)


def test_a_journal_that_may_not_be_written_is_an_error_before_anything_begins(read_only: Path) -> None:
    with pytest.raises(JournalError, match=r"readonly database\n  hint: let this user write"):
        writer(read_only)


def test_who_finds_the_journal_in_use_waits_for_its_turn(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal, raw(tmp_path) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(target=lambda: journal.append(whole_task(0, "a")))
        waiting.start()
        assert recorded(tmp_path) == []
        other.execute("COMMIT")
        waiting.join()
        assert recorded(tmp_path) == whole_task(0, "a")


def test_a_reader_keeps_no_writer_waiting(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal, closing(reader(tmp_path)) as other:
        journal.append(whole_task(0, "a"))
        (record,) = other.runs()
        facts = other.facts(record)
        assert next(facts) == whole_task(0, "a")[0]
        journal.append(whole_task(1, "b"))  # in the middle of the reading
        assert len(list(facts)) in (3, 7)
        journal.append(END)


def test_a_journal_in_a_folder_with_strange_letters_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "100% sure? #1"
    folder.mkdir()
    writer(folder).close()
    open_to_write(folder / "weft.db").close()
    with closing(reader(folder)) as journal:
        assert [record.id for record in journal.runs()] == ["r1"]


def test_a_file_whose_maker_was_killed_in_the_middle_is_made_by_who_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "weft.db"
    maker = (
        "import os, sqlite3, sys\n"
        "made = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "made.execute('PRAGMA user_version = 0')\n"
        "made.execute('PRAGMA cache_size = 1')\n"
        "made.execute('CREATE TABLE a (b)')\n"
        "made.execute('DROP TABLE a')\n"
        "made.execute('BEGIN')\n"
        "made.execute('CREATE TABLE a (b)')\n"
        "for _ in range(100):\n"
        "    made.execute('INSERT INTO a VALUES (zeroblob(5000))')\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", maker, path], check=True)
    assert path.with_name("weft.db-journal").stat().st_size
    connection = open_to_read(path)
    assert connection is not None
    with closing(connection):
        assert version_of(connection) == len(MIGRATIONS)
