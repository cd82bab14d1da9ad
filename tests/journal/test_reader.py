from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.journal.builders import END, FAR, GONE, US, reader, whole_task, writer

from weft.journal.database import JournalError
from weft.journal.encoding import NotKept
from weft.journal.fingerprint import Fingerprint
from weft.journal.standing import Standing
from weft.journal.writer import JournalWriter
from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.reason import Exited, NeverFinished, NewTask
from weft.scheduling.facts import TaskAdded, TaskTakenUp


def test_runs_are_told_newest_first(tmp_path: Path) -> None:
    for run in ("r1", "r2", "r3"):
        writer(tmp_path, run).close()
    with closing(reader(tmp_path)) as journal:
        assert [record.id for record in journal.runs()] == ["r3", "r2", "r1"]
        assert [record.id for record in journal.runs(2)] == ["r3", "r2"]


def test_a_run_is_found_by_its_id_with_all_that_was_known_of_it(tmp_path: Path) -> None:
    with closing(writer(tmp_path)), closing(reader(tmp_path)) as journal:
        record = journal.run("r1")
        assert record is not None
        assert (record.started, record.argv, record.owner) == (1000.0, ("weft", "run"), US)
        assert journal.run("r2") is None


@pytest.mark.parametrize(
    ("owner", "standing", "is_over"),
    [(US, Standing.RUNNING, False), (GONE, Standing.CRASHED, True), (FAR, Standing.UNSEEN, False)],
)
def test_a_run_without_an_end_stands_as_its_process_does(
    tmp_path: Path, owner: str, standing: Standing, is_over: bool
) -> None:
    with closing(writer(tmp_path, owner=owner)), closing(reader(tmp_path)) as journal:
        (record,) = journal.runs()
        assert (record.standing, record.is_over) == (standing, is_over)


def test_outcomes_stand_in_plan_order(tmp_path: Path) -> None:
    ends: dict[str, Outcome] = {"b": Succeeded([1]), "a": Failed(Exited(3)), "c": Succeeded((1, 2))}
    with closing(writer(tmp_path)) as journal:
        added = [whole_task(position, id)[0] for position, id in enumerate(ends)]
        journal.append([*added, TaskAdded(0.0, 3, "unfinished")])
        for position, outcome in reversed([*enumerate(ends.values())]):
            journal.append(whole_task(position, "", outcome)[1:])
    with closing(reader(tmp_path)) as reading:
        found = reading.outcomes(reading.runs()[0])
    assert list(found.items()) == [("b", ends["b"]), ("a", ends["a"]), ("c", Succeeded(NotKept("tuple")))]


def test_what_resume_needs_is_told(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal:
        journal.append([*whole_task(0, "a"), *whole_task(1, "b")[:2], TaskAdded(0.0, 2, "c")])
        journal.append([TaskTakenUp(0.0, 1, "r0", NewTask())])
        journal.append([TaskTakenUp(0.0, 2, "r0", NeverFinished(), has_written=True)])
    with closing(reader(tmp_path)) as reading:
        earlier = reading.earlier(reading.runs()[0])
    assert earlier.outcomes == {"a": Succeeded(0)}
    assert earlier.started == {"a", "b"}
    assert earlier.written == {"c"}
    assert earlier.fingerprints == {"a": Fingerprint(command="1")}


class Going:
    """A run that writes its next turn whenever somebody waits for it."""

    def __init__(self, journal: JournalWriter) -> None:
        self.turns = self._turns(journal)
        self.waited = 0

    def pause(self) -> None:
        self.waited += 1
        next(self.turns)

    def _turns(self, journal: JournalWriter) -> Iterator[None]:
        journal.append(whole_task(1, "b"))
        yield
        yield  # nothing new
        journal.append([*whole_task(2, "c"), *END])
        yield


def test_a_run_that_goes_on_is_followed_to_its_end(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal, closing(reader(tmp_path)) as reading:
        journal.append(whole_task(0, "a"))
        going = Going(journal)
        turns = list(reading.follow(reading.runs()[0], going.pause))
    assert turns == [whole_task(0, "a"), whole_task(1, "b"), [*whole_task(2, "c"), *END]]
    assert going.waited == 3


def test_following_a_run_that_was_killed_ends(tmp_path: Path) -> None:
    with closing(writer(tmp_path, owner=GONE)) as journal, closing(reader(tmp_path)) as reading:
        journal.append(whole_task(0, "a"))
        assert list(reading.follow(reading.runs()[0], pytest.fail)) == [whole_task(0, "a")]


def test_what_a_newer_weft_has_written_is_counted(tmp_path: Path) -> None:
    with closing(writer(tmp_path)) as journal:
        journal.append(whole_task(0, "a"))
        journal._connection.execute("""UPDATE facts SET facts = replace(facts, '"TaskAdded"', '"Born"')""")
    with closing(reader(tmp_path)) as reading:
        assert list(reading.facts(reading.runs()[0])) == whole_task(0, "a")[1:]
        assert [(note.kind, n) for note, n in reading.passed_over.items()] == [("Born", 1)]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM facts WHERE place % 4294967296 = 4", "4 facts are missing"),
        ("UPDATE facts SET facts = x'ff'", "r1"),
        ("UPDATE plans SET tasks = x'ff'", "its plan can't be read"),
        ("DROP TABLE plans", "no such table"),
    ],
)
def test_a_journal_that_is_damaged_is_an_error_and_never_a_shorter_run(
    tmp_path: Path, statement: str, message: str
) -> None:
    with closing(writer(tmp_path)) as journal:
        for number in range(3):
            journal.append(whole_task(number, f"t{number}"))
    with closing(sqlite3.connect(tmp_path / "weft.db", isolation_level=None)) as connection:
        connection.execute(statement)
    with closing(reader(tmp_path)) as reading, pytest.raises(JournalError, match=message):
        reading.earlier(reading.runs()[0])
