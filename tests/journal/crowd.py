"""Members of a crowd that write their runs into one journal, and tell how many facts they have recorded."""

from __future__ import annotations

import os
import random
import resource
from pathlib import Path

import msgspec
from tests.crowd import fork, ready, tell

from weft.journal.database import JournalLost
from weft.journal.reader import JournalReader
from weft.journal.writer import Header, JournalWriter
from weft.model.attempt import Attempt
from weft.scheduling.facts import AttemptStarted, Fact, RunEnded
from weft.scheduling.states import RunState
from weft.sharing.owner import this_process

TELL_EVERY = 50


def begun(folder: Path, run: str) -> JournalWriter:
    owner = msgspec.json.encode(this_process()).decode()
    return JournalWriter(folder / "weft.db", Header(run, 0.0, owner), learns=False)


def turn(first: int, n: int) -> list[Fact]:
    """Facts that are numbered, so that whoever reads them sees what is missing."""
    return [AttemptStarted(0.0, Attempt(first + number)) for number in range(n)]


def write(folder: Path, turns: int) -> None:
    """Record ``turns`` turns of any size, then the end."""
    ready()
    journal = begun(folder, str(os.getpid()))  # all at once make the file
    chance, recorded = random.Random(os.getpid()), 0
    for number in range(turns):
        n = chance.choice((1, 1, 4, 40, 1500))
        journal.append(turn(recorded, n))
        recorded += n
        if number % TELL_EVERY == 0:
            tell("recorded", recorded)
            look(folder)
    journal.append([RunEnded(1.0, RunState.SUCCEEDED)])
    journal.close()


def look(folder: Path) -> None:
    """Read while others write."""
    journal = JournalReader.open(folder / "weft.db", lambda owner: None)
    assert journal is not None
    assert journal.runs(1)
    journal.close()


def fill(folder: Path, largest_bytes: int) -> None:
    """Record until files may not grow any more."""
    ready()
    journal = begun(folder, str(os.getpid()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, largest_bytes))
    recorded = 0
    try:
        while True:
            journal.append(turn(recorded, 100))
            recorded += 100
    except JournalLost as lost:
        tell("lost", recorded, repr(str(lost).partition("hint: ")[2]))


if __name__ == "__main__":
    fork(write, fill)
