from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from weft.disk.turns import code_of, connect, in_turn, is_busy, transaction, write_ahead


def rows(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT number FROM numbers")]


def made(path: Path) -> closing[sqlite3.Connection]:
    connection = connect(path)
    assert write_ahead(connection) == "wal"
    connection.execute("CREATE TABLE numbers (number INTEGER)")
    return closing(connection)


def test_who_is_in_the_way_is_waited_for(tmp_path: Path) -> None:
    done: list[int] = []

    def insert(connection: sqlite3.Connection) -> None:
        in_turn(lambda: connection.execute("INSERT INTO numbers VALUES (1)"))
        done.append(1)

    with made(tmp_path / "db") as one, closing(connect(tmp_path / "db")) as other:
        with transaction(one):
            with pytest.raises(sqlite3.OperationalError) as busy:
                other.execute("BEGIN IMMEDIATE")
            assert is_busy(busy.value)
            waiter = threading.Thread(target=insert, args=[other])
            waiter.start()
            assert not done
        waiter.join()
        assert rows(one) == [1]


def test_another_error_is_told_at_once(tmp_path: Path) -> None:
    with made(tmp_path / "db") as connection:
        with pytest.raises(sqlite3.OperationalError, match="no such table") as raised:
            in_turn(lambda: connection.execute("SELECT 1 FROM missing"))
        assert code_of(raised.value) == sqlite3.SQLITE_ERROR


def test_a_transaction_that_fails_writes_nothing(tmp_path: Path) -> None:
    def insert_and_fail(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (1)")
            raise KeyboardInterrupt

    with made(tmp_path / "db") as connection:
        with pytest.raises(KeyboardInterrupt):
            insert_and_fail(connection)
        assert rows(connection) == []
        with transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (2)")
        assert rows(connection) == [2]


def test_who_only_reads_can_not_write_and_makes_no_file(tmp_path: Path) -> None:
    with made(tmp_path / "50% #1?"), closing(connect(tmp_path / "50% #1?", read_only=True)) as reader:
        assert rows(reader) == []
        with pytest.raises(sqlite3.OperationalError) as raised:
            reader.execute("INSERT INTO numbers VALUES (1)")
        assert code_of(raised.value) == sqlite3.SQLITE_READONLY
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        connect(tmp_path / "missing", read_only=True)
