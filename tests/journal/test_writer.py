from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.journal.builders import END, US, reader, recorded, whole_task, writer

from weft.journal.database import JournalError, JournalLost
from weft.journal.fingerprint import fingerprints
from weft.journal.standing import Standing
from weft.journal.writer import Header, JournalWriter
from weft.model.outcome import Failed, Succeeded
from weft.model.reason import Exited
from weft.planning.prepare import prepare
from weft.scheduling.facts import Fact
from weft.testing import plan
from weft.testing import task as task_of


def standing(folder: Path) -> Standing:
    with closing(reader(folder)) as journal:
        (record,) = journal.runs()
        return record.standing


def fill_the_disk(journal: JournalWriter) -> None:
    """Let the file not grow any more."""
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")


def make_room(journal: JournalWriter) -> None:
    journal._connection.execute("PRAGMA max_page_count = 1000000")


def large(task: int) -> list[Fact]:
    return whole_task(task, f"t{task}", Succeeded("x" * 10_000))


def test_facts_are_there_for_others_when_append_returns(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal:
        journal.append(whole_task(0, "a"))
        assert recorded(tmp_path) == whole_task(0, "a")
        journal.append([])
        journal.append(whole_task(1, "b"))
        assert recorded(tmp_path) == whole_task(0, "a") + whole_task(1, "b")


def test_a_turn_of_many_facts_is_there_as_a_whole(tmp_path: Path) -> None:
    turn = [fact for number in range(1200) for fact in whole_task(number, f"t{number}")]
    with closing(writer(tmp_path)) as journal:
        journal.append(turn)
        journal.append(whole_task(1200, "last"))
    assert recorded(tmp_path) == turn + whole_task(1200, "last")


def test_a_run_that_has_ended_says_how_and_how_many_tasks_ended_how(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal:
        journal.append(whole_task(0, "a"))
        journal.append([*whole_task(1, "b", Failed(Exited(1))), *END])
    with closing(reader(tmp_path)) as reading:
        (record,) = reading.runs()
    assert record.standing is Standing.SUCCEEDED
    assert record.seconds == 9.0
    assert record.counts == {"succeeded": 1, "failed": 1}


def test_a_journal_that_is_closed_before_the_end_of_its_run_tells_that_it_broke_off(tmp_path: Path) -> None:
    writer(tmp_path).close()
    assert standing(tmp_path) is Standing.CRASHED


def test_two_runs_can_not_have_the_same_name(tmp_path: Path) -> None:
    with closing(writer(tmp_path)), pytest.raises(JournalError, match="UNIQUE"):
        writer(tmp_path)


def test_runs_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    with closing(writer(tmp_path, "r1")) as one, closing(writer(tmp_path, "r2")) as other:
        for number in range(10):
            one.append(whole_task(number, "a"))
            other.append(whole_task(number, "b"))
    assert recorded(tmp_path, "r1") == [fact for number in range(10) for fact in whole_task(number, "a")]
    assert recorded(tmp_path, "r2") == [fact for number in range(10) for fact in whole_task(number, "b")]


def test_when_the_disk_is_full_one_error_says_so_and_what_was_written_stays(tmp_path: Path) -> None:
    with suppress(JournalLost), closing(writer(tmp_path)) as journal:
        journal.append(whole_task(0, "a"))
        fill_the_disk(journal)
        with pytest.raises(JournalLost, match=r"database or disk is full\n  hint: make room on the disk"):
            journal.append(large(1))
        with pytest.raises(JournalLost):
            journal.append(whole_task(2, "c"))
        assert recorded(tmp_path) == whole_task(0, "a")
    with closing(sqlite3.connect(tmp_path / "weft.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_could_not_be_written_is_written_in_order_once_there_is_room(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal:
        fill_the_disk(journal)
        with pytest.raises(JournalLost):
            journal.append(large(0))
        make_room(journal)
        journal.append([*whole_task(1, "b"), *END])
        assert recorded(tmp_path) == [*large(0), *whole_task(1, "b"), *END]
        assert standing(tmp_path) is Standing.SUCCEEDED


def test_closing_is_the_last_attempt_to_write_the_end(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal:
        fill_the_disk(journal)
        with pytest.raises(JournalLost):
            journal.append([*large(0), *END])
        make_room(journal)
    assert recorded(tmp_path) == [*large(0), *END]
    assert standing(tmp_path) is Standing.SUCCEEDED


def test_names_that_are_no_text_come_back_as_they_were(tmp_path: Path) -> None:
    name = "caf\udce9"
    task = prepare(plan(task_of(name), task_of("b", needs=[name])))
    header = Header("r1", 0.0, US, ("weft", "map", name), fingerprints(task.tasks))
    with closing(JournalWriter(tmp_path / "weft.db", header)) as journal:
        journal.append([*whole_task(0, name), *whole_task(1, "b"), *END])
    with closing(reader(tmp_path)) as reading:
        (record,) = reading.runs()
        assert record.argv == header.argv
        assert reading.fingerprints(record) == header.plan
        assert list(reading.outcomes(record)) == [name, "b"]
        assert reading.durations([name, "b"]).tasks == {"b": 1.0}
