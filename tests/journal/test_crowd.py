"""Many real processes at once, some of which are killed in the middle of whatever they are doing."""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from weft.journal.reader import JournalReader
from weft.journal.standing import Standing
from weft.scheduling.facts import AttemptStarted
from weft.sharing.owner import Owner, is_alive

TURNS = int(os.environ.get("WEFT_TEST_JOURNAL_TURNS", "1000"))


def alive(owner: str) -> bool | None:
    return is_alive(msgspec.json.decode(owner, type=Owner))


class Crowd:
    """Members of one crowd, and what they tell."""

    def __init__(self, script: subprocess.Popen[str], n: int) -> None:
        self.script = script
        self.members = [self.next()[-1] for _ in range(n)]

    def begin(self) -> None:
        assert self.script.stdin is not None
        self.script.stdin.close()

    def next(self) -> list[str]:
        """The next line in words: what happened, and the process id at the end."""
        assert self.script.stdout is not None
        words = self.script.stdout.readline().split()
        assert words[:1] != ["broken"], words
        return words


@contextmanager
def crowd(member: str, n: int, folder: Path, number: int) -> Iterator[Crowd]:
    script = Path(__file__).with_name("crowd.py")
    command = [sys.executable, str(script), member, str(n), str(folder), str(number)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Crowd(process, n)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def kill(pid: int) -> None:
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([handle], [], [])  # until it is dead
    os.close(handle)


def recorded(folder: Path, run: str) -> tuple[Standing, int]:
    """How a run stands, and how many facts there are of it, all of them in order from the first."""
    journal = JournalReader.open(folder / "weft.db", alive)
    assert journal is not None
    with closing(journal):
        record = journal.run(run)
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
    told, ended, killed = dict[str, int](), set[str](), set[str]()
    with crowd("write", n, tmp_path, TURNS) as writing:
        writing.begin()
        while len(ended | killed) < n:
            what, *rest, pid = writing.next()
            if what == "ended":
                ended.add(pid)
            else:
                told[pid] = int(rest[0])
            alive = [each for each in writing.members if each not in ended | killed]
            if chance.random() < 8 / (n * TURNS / 50) and len(alive) > 2:
                victim = chance.choice(alive)
                kill(int(victim))
                killed.add(victim)
        assert is_whole(tmp_path)
        for pid in writing.members:
            standing, found = recorded(tmp_path, pid)
            assert found >= told.get(pid, 0), "what was told to be recorded is there"
            # One that was killed may just have come to its end.
            assert standing is Standing.SUCCEEDED or (standing is Standing.CRASHED and pid not in ended)
    assert len(ended) >= 2
    assert killed


def test_when_files_can_not_grow_the_writer_says_so_and_the_journal_stays_whole(tmp_path: Path) -> None:
    with crowd("fill", 1, tmp_path, 2_000_000) as filling:
        what, recorded_there, *_, pid = filling.next()
        assert what == "lost"
        kill(int(pid))
        assert is_whole(tmp_path)
        assert recorded(tmp_path, pid) == (Standing.CRASHED, int(recorded_there))
