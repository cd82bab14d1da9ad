"""Reads the journal: which runs there were, how they stand, what happened in them.

Nothing is held open between two calls, and no reader ever keeps a writer waiting.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from weft.disk.turns import in_turn
from weft.journal.database import JournalError, errors_told, open_to_read
from weft.journal.durations import Durations, recall
from weft.journal.encoding import PassedOver, decode, from_json
from weft.journal.fingerprint import Fingerprint
from weft.journal.resume import Earlier
from weft.journal.schema import place_of
from weft.journal.standing import Standing
from weft.model.outcome import Outcome, Succeeded
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    MergeEnded,
    MergeStarted,
    TaskAdded,
    TaskEnded,
    TaskTakenUp,
)

_PAGES_AT_ONCE = 64
_COLUMNS = "number, id, started, argv, owner, state, seconds, counts, plan"

# Whether the owner of a run, as its writer has named it, still lives; None if that can't be seen.
IsAlive = Callable[[str], bool | None]


class RunRecord(msgspec.Struct, frozen=True):
    """What is known of a run without reading its facts.

    ``started`` is in seconds since 1970. ``seconds`` and ``counts`` (how many tasks ended how) are known
    when it has ended.
    """

    number: int
    id: str
    started: float
    argv: tuple[str, ...]
    owner: str
    standing: Standing
    seconds: float | None = None
    counts: Mapping[str, int] = {}
    plan: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether no more facts will come, as far as that can be seen."""
        return self.standing is not Standing.RUNNING and self.standing is not Standing.UNSEEN


class JournalReader:
    """The journal at one path. To be used in one thread, and closed.

    Args:
        connection: as `database.open_to_read` gives it.
        path: of the file, for messages.
        is_alive: tells whether the owner of a run still lives.

    Attributes:
        passed_over: facts that were written by a newer Weft, and how often; for a note to the user.

    Raises:
        JournalError: here and in all methods: the file can't be read.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, is_alive: IsAlive) -> None:
        self._connection = connection
        self._path = path
        self._is_alive = is_alive
        self.passed_over: Counter[PassedOver] = Counter()

    @classmethod
    def open(cls, path: Path, is_alive: IsAlive) -> JournalReader | None:
        """Open the journal at ``path``; None if no run was ever recorded there."""
        connection = open_to_read(path)
        return None if connection is None else cls(connection, path, is_alive)

    def runs(self, limit: int = -1) -> list[RunRecord]:
        """Return the newest ``limit`` runs, newest first; all by default."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM runs ORDER BY number DESC LIMIT ?", limit)
        return [self._record(row) for row in rows]

    def run(self, id: str) -> RunRecord | None:
        """Return the run of that id, None if there is none."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM runs WHERE id = ?", id)
        return self._record(rows[0]) if rows else None

    def facts(self, run: RunRecord) -> Iterator[Fact]:
        """Yield the facts of a run, in order, as far as they are written when they are asked for."""
        for _, facts in self._pages(run, 0):
            yield from facts

    def follow(self, run: RunRecord, pause: Callable[[], object]) -> Iterator[Sequence[Fact]]:
        """Yield the facts of a run until it is over, those that were written together at a time.

        Args:
            run: which may still go on.
            pause: called whenever nothing new is there; it returns when it is time to look again.
        """
        seq = 0
        while True:
            now = self.run(run.id)  # asked for first: what was written before the end is then read as well
            for n, facts in self._pages(run, seq):
                seq += n
                yield facts
            if now is None or now.is_over:
                return
            pause()

    def outcomes(self, run: RunRecord) -> dict[str, Outcome]:
        """Return the outcomes by task, of those that have one, in plan order."""
        return dict(self.earlier(run).outcomes)

    def earlier(self, run: RunRecord) -> Earlier:
        """Return what `resume` has to know of a run."""
        ids: dict[int, str] = {}
        started: set[int] = set()
        outcomes: dict[int, Outcome] = {}
        work: dict[int, Succeeded] = {}  # what the last attempt at a task has come to
        merging: dict[int, Succeeded] = {}
        written: set[int] = set()
        for fact in self.facts(run):
            if isinstance(fact, TaskAdded):
                ids[fact.task] = fact.id
            elif isinstance(fact, TaskTakenUp) and fact.has_written:
                written.add(fact.task)
            elif isinstance(fact, AttemptStarted):
                started.add(fact.attempt.task)
            elif isinstance(fact, AttemptEnded) and isinstance(fact.outcome, Succeeded):
                work[fact.attempt.task] = fact.outcome
            elif isinstance(fact, MergeStarted) and fact.task in work:
                merging[fact.task] = work[fact.task]
            elif isinstance(fact, MergeEnded):
                merging.pop(fact.task, None)
            elif isinstance(fact, TaskEnded):
                outcomes[fact.task] = fact.outcome
        return Earlier(
            {ids[position]: outcomes[position] for position in ids if position in outcomes},
            frozenset(ids[position] for position in started),
            self.fingerprints(run),
            {ids[position]: outcome for position, outcome in merging.items()},
            written=frozenset(ids[position] for position in written),
        )

    def durations(self, tasks: Sequence[str], families: Sequence[str] = ()) -> Durations:
        """Return how long these tasks, and the members of these families, took in earlier runs."""
        with errors_told(self._path):
            return in_turn(lambda: recall(self._connection, tasks, families))

    def fingerprints(self, run: RunRecord) -> dict[str, Fingerprint]:
        """Return those of the tasks of a run; nothing if it was not one of a plan."""
        rows = self._rows("SELECT tasks FROM plans WHERE digest = ?", run.plan)
        try:
            return from_json(rows[0][0], dict[str, Fingerprint]) if rows else {}
        except ValueError as error:
            raise self._damaged(run, f"its plan can't be read: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _pages(self, run: RunRecord, seq: int) -> Iterator[tuple[int, list[Fact]]]:
        end = place_of(run.number + 1, 0)
        expected = place_of(run.number, seq)
        query = "SELECT place, n, facts FROM facts WHERE place >= ? AND place < ? ORDER BY place LIMIT ?"
        while rows := self._rows(query, expected, end, _PAGES_AT_ONCE):
            for place, n, page in rows:
                if place != expected:
                    raise self._damaged(run, f"{place - expected} facts are missing")
                expected += n
                yield n, self._decoded(run, page)

    def _decoded(self, run: RunRecord, page: bytes) -> list[Fact]:
        try:
            facts, passed_over = decode(page)
        except ValueError as error:
            raise self._damaged(run, str(error)) from error
        self.passed_over.update(passed_over)
        return facts

    def _record(self, row: tuple[Any, ...]) -> RunRecord:
        number, id, started, argv, owner, state, seconds, counts, plan = row
        known = {
            "number": number,
            "id": id,
            "started": started,
            "argv": from_json(argv, tuple[str, ...]),
            "owner": owner,
            "standing": state if state is not None else self._standing(owner),
            "seconds": seconds,
            "counts": msgspec.json.decode(counts) if counts is not None else {},
            "plan": plan,
        }
        return msgspec.convert(known, RunRecord)

    def _standing(self, owner: str) -> Standing:
        alive = self._is_alive(owner)
        if alive is None:
            return Standing.UNSEEN
        return Standing.RUNNING if alive else Standing.CRASHED

    def _rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        with errors_told(self._path):
            return in_turn(lambda: self._connection.execute(query, arguments).fetchall())

    def _damaged(self, run: RunRecord, what: str) -> JournalError:
        return JournalError(f"the journal {self._path} is damaged: of run {run.id} {what}")
