"""What is particular to the file: who else writes to it, what is wrong with it, who has died."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from weft.model.lock import Hold
from weft.model.rate import Rate
from weft.sharing.base import Ask, CannotShare, Lease, NotYet, PoolAsked, RateAsked
from weft.sharing.owner import Owner, this_process
from weft.sharing.sqlite import SqliteSharing
from weft.testing import ManualClock

GPU = {"gpu": PoolAsked(1, 1)}
API = {"api": RateAsked(Rate(2, per=60.0), (2,))}


def raw(folder: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(folder / "limits.db", isolation_level=None))


def held_by(folder: Path, owner: Owner) -> None:
    """Let the unit of the pool be held by somebody else."""
    with closing(SqliteSharing(folder)) as sharing:
        assert isinstance(sharing.acquire(Ask("held", pools=GPU)), Lease)
        with raw(folder) as connection:
            connection.execute("UPDATE units SET owner = ?", (msgspec.json.encode(owner),))


def test_who_finds_the_file_in_use_waits_for_its_turn(tmp_path: Path) -> None:
    answers: list[Lease | NotYet] = []
    with closing(SqliteSharing(tmp_path)) as sharing, raw(tmp_path) as other:
        other.execute("BEGIN IMMEDIATE")
        waiter = threading.Thread(target=lambda: answers.append(sharing.acquire(Ask("a", pools=GPU))))
        waiter.start()
        assert not answers
        other.execute("COMMIT")
        waiter.join()
        assert isinstance(answers[0], Lease)


def test_threads_take_turns_too(tmp_path: Path) -> None:
    answers: list[Lease | NotYet] = []
    with closing(SqliteSharing(tmp_path)) as sharing:
        asks = [Ask(str(number), pools=GPU) for number in range(8)]
        threads = [
            threading.Thread(target=lambda ask=ask: answers.append(sharing.acquire(ask))) for ask in asks
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Lease"] + ["NotYet"] * 7


def test_a_holder_that_is_dead_holds_nothing_though_its_process_id_was_given_out_again(
    tmp_path: Path,
) -> None:
    held_by(tmp_path, msgspec.structs.replace(this_process(), started=1))
    with closing(SqliteSharing(tmp_path)) as sharing:
        assert isinstance(sharing.acquire(Ask("a", pools=GPU)), Lease)


def test_a_holder_that_lives_is_not_robbed_however_long_it_has_not_been_heard_of(tmp_path: Path) -> None:
    with closing(SqliteSharing(tmp_path)) as one, closing(SqliteSharing(tmp_path)) as other:
        one.acquire(Ask("a", pools=GPU))
        with raw(tmp_path) as connection:
            connection.execute("UPDATE units SET expires = 0")
        assert isinstance(other.acquire(Ask("b", pools=GPU)), NotYet)


def test_a_holder_that_can_not_be_seen_is_trusted_until_its_lease_runs_out(tmp_path: Path) -> None:
    held_by(tmp_path, msgspec.structs.replace(this_process(), pids="another container"))
    with closing(SqliteSharing(tmp_path)) as sharing:
        assert isinstance(sharing.acquire(Ask("a", pools=GPU)), NotYet)
        with raw(tmp_path) as connection:
            connection.execute("UPDATE units SET expires = 0")
        assert isinstance(sharing.acquire(Ask("a", pools=GPU)), Lease)


def test_who_says_that_it_is_alive_is_trusted_for_longer(tmp_path: Path) -> None:
    with closing(SqliteSharing(tmp_path)) as sharing, raw(tmp_path) as connection:
        sharing.acquire(Ask("a", pools=GPU))
        connection.execute("UPDATE units SET expires = 0")
        sharing.renew()
        assert connection.execute("SELECT expires FROM units").fetchone()[0] > 0


def test_one_in_front_that_has_died_is_passed_when_its_time_has_come(tmp_path: Path) -> None:
    clock = ManualClock(1000.0)
    with closing(SqliteSharing(tmp_path, clock)) as sharing, raw(tmp_path) as connection:
        sharing.acquire(Ask("a", rates=API))
        answer = sharing.acquire(Ask("b", rates=API))
        assert isinstance(answer, NotYet)
        assert answer.at is not None
        dead = msgspec.json.encode(msgspec.structs.replace(this_process(), started=1))
        connection.execute("UPDATE queue SET owner = ?", (dead,))
        clock.advance_to(answer.at + 0.1)
        assert isinstance(sharing.acquire(Ask("c", rates=API)), Lease)


def test_after_the_machine_was_started_anew_the_last_starts_count_as_if_they_were_made_now(
    tmp_path: Path,
) -> None:
    with closing(SqliteSharing(tmp_path, ManualClock(1_000_000.0))) as sharing:
        sharing.acquire(Ask("a", rates=API))
        sharing.acquire(Ask("b", rates=API))
    with raw(tmp_path) as connection:
        connection.execute("UPDATE about SET boot = 'before'")
    clock = ManualClock(5.0)
    with closing(SqliteSharing(tmp_path, clock)) as sharing:
        answer = sharing.acquire(Ask("c", rates=API))
        assert isinstance(answer, NotYet)
        assert answer.at == 65.0
        clock.advance_to(65.0)
        assert isinstance(sharing.acquire(Ask("c", rates=API)), Lease)


def write_junk(folder: Path) -> None:
    (folder / "limits.db").write_bytes(b"no database" * 1000)


def write_another_format(folder: Path) -> None:
    SqliteSharing(folder).close()
    with raw(folder) as connection:
        connection.execute("UPDATE about SET format = 99")


def take_a_table_away(folder: Path) -> None:
    SqliteSharing(folder).close()
    with raw(folder) as connection:
        connection.execute("DROP TABLE units")


def break_a_row(folder: Path) -> None:
    SqliteSharing(folder).close()
    with raw(folder) as connection:
        connection.execute("INSERT INTO rates VALUES ('api', x'ff')")


@pytest.mark.parametrize("spoil", [write_junk, write_another_format, take_a_table_away, break_a_row])
def test_a_file_that_can_not_be_read_is_an_error_and_never_means_that_all_is_free(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path)
    with pytest.raises(CannotShare, match=r"limits\.db"), closing(SqliteSharing(tmp_path)) as sharing:
        sharing.acquire(Ask("a", pools=GPU, rates=API))


def test_the_file_is_let_go_of_though_what_is_held_can_not_be_given_back(tmp_path: Path) -> None:
    sharing = SqliteSharing(tmp_path)
    sharing.acquire(Ask("a", pools=GPU))
    with raw(tmp_path) as connection:
        connection.execute("DROP TABLE units")
    with pytest.raises(CannotShare, match="no such table"):
        sharing.close()
    with pytest.raises(CannotShare, match="closed"):
        sharing.freed()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotShare, match="unable to open"):
        SqliteSharing(tmp_path / "missing")


def test_a_copy_that_a_fork_has_made_is_not_used(tmp_path: Path) -> None:
    with closing(SqliteSharing(tmp_path)) as sharing:
        sharing._database._pid = os.getppid()
        with pytest.raises(CannotShare, match="before this process was forked"):
            sharing.freed()
        sharing._database._pid = os.getpid()


def test_locks_do_not_stay_with_who_could_not_take_the_rest(tmp_path: Path) -> None:
    with closing(SqliteSharing(tmp_path)) as one, raw(tmp_path) as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON units BEGIN SELECT RAISE(FAIL, 'full'); END")

        both = Ask("a", pools=GPU, locks={"deploy": Hold.EXCLUSIVE})
        with pytest.raises(CannotShare, match="full"):
            one.acquire(both)
        assert isinstance(one.acquire(Ask("b", locks={"deploy": Hold.EXCLUSIVE})), Lease)
