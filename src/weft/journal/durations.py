"""How long tasks took in earlier runs: what the order of starts and the time left are reckoned by.

Kept as a moving average for each task that has succeeded, and for each family: of a fan-out the members
of today may be new. An average that moves follows a task that grows, as a median over runs does not, and
needs neither the facts of those runs nor more than one row per task.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import fmean

import msgspec

from weft.model.outcome import Succeeded
from weft.scheduling.facts import AttemptStarted, CacheHit, Fact, TaskAdded, TaskEnded

# What takes less than a process takes to start is not remembered by its name: a journal is not to have a row
# for each of a million calls.
SHORTEST_S = 0.002
# The last run counts for a third: one that was disturbed does not upset the order, three in a row do.
WEIGHT_OF_LAST = 1 / 3
# SQLite takes 999 parameters in its oldest versions.
# One statement of many rows takes half as long as many of one.
_NAMES_PER_QUERY = 500
_ROWS_PER_STATEMENT = 300

_UPDATE = f"""
    INSERT INTO durations (name, is_family, seconds) VALUES %s
    ON CONFLICT (is_family, name) DO UPDATE
    SET seconds = seconds + {WEIGHT_OF_LAST} * (excluded.seconds - seconds)
"""


class Durations(msgspec.Struct, frozen=True):
    """Seconds by task, and by family the mean of its members."""

    tasks: Mapping[str, float] = {}
    families: Mapping[str, float] = {}

    def expected_s(self, task: str, family: str | None) -> float | None:
        """Return how long a task will take, as far as that is known: by itself, else by its family.

        >>> Durations({"a[1]": 2.0}, {"a": 3.0}).expected_s("a[2]", "a")
        3.0
        """
        own = self.tasks.get(task)
        return self.families.get(family) if own is None and family is not None else own


class Stopwatch:
    """Takes the time of each task that succeeds: of its last attempt, waits not counted.

    One whose result was kept of earlier has taken no time that would tell of the next. One that took less
    than `SHORTEST_S` counts for its family; by itself only if it was expected to take longer.
    """

    def __init__(self) -> None:
        self._added: dict[int, TaskAdded] = {}  # those that have not ended
        self._started: dict[int, float] = {}
        self._tasks: dict[str, float] = {}
        self._families: dict[str, list[float]] = {}

    def look(self, facts: Iterable[Fact]) -> None:
        """Take in the next facts."""
        added, started = self._added, self._started
        for fact in facts:
            if type(fact) is AttemptStarted:
                started[fact.attempt.task] = fact.at
            elif type(fact) is TaskEnded:
                task, since = added.pop(fact.task), started.pop(fact.task, None)
                if since is not None and type(fact.outcome) is Succeeded:
                    self._take(task, fact.at - since)
            elif type(fact) is TaskAdded:
                added[fact.task] = fact
            elif type(fact) is CacheHit:
                started.pop(fact.attempt.task, None)

    @property
    def durations(self) -> Durations:
        """What was measured so far."""
        return Durations(self._tasks, {name: fmean(members) for name, members in self._families.items()})

    def _take(self, task: TaskAdded, seconds: float) -> None:
        if seconds >= SHORTEST_S or (task.duration_s or 0.0) >= SHORTEST_S:
            self._tasks[task.id] = seconds
        if task.family is not None:
            self._families.setdefault(task.family, []).append(seconds)


def remember(connection: sqlite3.Connection, measured: Durations) -> None:
    """Let the averages move by what was ``measured``; to be called inside of a transaction."""
    rows = [(name, False, seconds) for name, seconds in measured.tasks.items()]
    rows += [(name, True, seconds) for name, seconds in measured.families.items()]
    rows = [row for row in rows if _is_text(row[0])]
    for first in range(0, len(rows), _ROWS_PER_STATEMENT):
        some = rows[first : first + _ROWS_PER_STATEMENT]
        marks = ", ".join(["(?, ?, ?)"] * len(some))
        connection.execute(_UPDATE % marks, [*chain.from_iterable(some)])


def recall(connection: sqlite3.Connection, tasks: Sequence[str], families: Sequence[str]) -> Durations:
    """Return what is known of these tasks and families."""
    return Durations(_recall(connection, tasks, False), _recall(connection, families, True))


def _is_text(name: str) -> bool:
    """Tell whether SQLite can hold ``name``: not if it is that of a file, and no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _recall(connection: sqlite3.Connection, names: Sequence[str], is_family: bool) -> dict[str, float]:
    found: dict[str, float] = {}
    names = [name for name in names if _is_text(name)]
    for first in range(0, len(names), _NAMES_PER_QUERY):
        some = names[first : first + _NAMES_PER_QUERY]
        marks = ", ".join("?" * len(some))
        query = f"SELECT name, seconds FROM durations WHERE is_family = ? AND name IN ({marks})"
        found.update(connection.execute(query, (is_family, *some)))
    return found
