"""Many real processes at once, some of which are killed in the middle of whatever they are doing."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
from tests.crowd import crowd

from weft.journal.reader import JournalReader
from weft.journal.standing import Standing
from weft.scheduling.facts import AttemptStarted
from weft.sharing.owner import Owner, is_alive

SCRIPT = Path(__file__).with_name("crowd.py")
TURNS = int(os.environ.get("WEFT_TEST_JOURNAL_TURNS", "1000"))


def alive(owner: str) -> bool | None:
    return is_alive(msgspec.json.decode(owner, type=Owner))


def recorded(folder: Path, run: int) -> tuple[Standing, int]:
    """How a run stands, and how many facts there are of it, all of them in order from the first."""
    journal = JournalReader.open(folder / "weft.db", alive)
    assert journal is not None
    with closing(journal):
        record = journal.run(str(run))
        if record is None:
            return Standing.CRASHED, 0  # killed before it had begun
        tasks = [fact.attempt.task for fact in journal.facts(record) if isinstance(fact, AttemptStarted)]
        assert tasks == list(range(len(tasks)))
        return record.standing, len(tasks)


def is_whole(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / "weft.db")) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_eight_processes_write_one_journal_and_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    chance, n = random.Random(7), 8
    told, ended = dict[int, int](), set[int]()
    with crowd(SCRIPT, "write", n, tmp_path, TURNS) as writing:
        writing.begin()
        runs = [*writing.members]
        while not ended.issuperset(writing.members):
            what, *rest, pid = writing.next()
            if what == "ended":
                ended.add(int(pid))
            else:
                told[int(pid)] = int(rest[0])
            alive = [each for each in writing.members if each not in ended]
            if chance.random() < 8 / (n * TURNS / 50) and len(alive) > 2:
                writing.kill(chance.choice(alive))
        assert is_whole(tmp_path)
        for run in runs:
            standing, found = recorded(tmp_path, run)
            assert found >= told.get(run, 0), "what was told to be recorded is there"
            # One that was killed may just have come to its end.
            assert standing is Standing.SUCCEEDED or (standing is Standing.CRASHED and run not in ended)
        assert 2 <= len(writing.members) < n


def test_when_files_can_not_grow_the_writer_says_so_and_the_journal_stays_whole(tmp_path: Path) -> None:
    with crowd(SCRIPT, "fill", 1, tmp_path, 2_000_000) as filling:
        filling.begin()
        what, recorded_there, *_, pid = filling.next()
        assert what == "lost"
        filling.kill(int(pid))
        assert is_whole(tmp_path)
        assert recorded(tmp_path, int(pid)) == (Standing.CRASHED, int(recorded_there))
