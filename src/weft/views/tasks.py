"""What became of each task of a run, in a row: its outcome, its attempts and the time they took."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from weft.model.outcome import Outcome
from weft.model.reason import AgainReason
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact, TaskAdded, TaskEnded, TaskTakenUp


class TaskRow(msgspec.Struct):
    """What is known of one task so far.

    ``outcome`` is None while it has none. ``started`` is the moment at which its first attempt began, and
    ``seconds`` is what its attempts took; both are None if there was none. ``taken_from`` is the run in which
    it was done, if that was an earlier one, and ``again`` tells why it was done again.
    """

    id: str
    outcome: Outcome | None = None
    attempts: int = 0
    started: float | None = None
    seconds: float | None = None
    taken_from: str | None = None
    again: AgainReason | None = None


def task_rows(facts: Iterable[Fact]) -> list[TaskRow]:
    """Return a row for each task, in plan order.

    >>> [row.id for row in task_rows([TaskAdded(0.0, 0, "a"), TaskAdded(0.0, 1, "b")])]
    ['a', 'b']
    """
    rows: dict[int, TaskRow] = {}
    began: dict[int, float] = {}
    for fact in facts:
        match fact:
            case TaskAdded():
                rows[fact.task] = TaskRow(fact.id)
            case TaskTakenUp():
                rows[fact.task].again = fact.again
                rows[fact.task].taken_from = fact.run if fact.again is None else None
            case AttemptStarted(at, attempt):
                row = rows[attempt.task]
                began[attempt.task] = at
                row.attempts = attempt.number
                row.started = at if row.started is None else row.started
            case AttemptEnded(at, attempt):
                row = rows[attempt.task]
                row.seconds = (row.seconds or 0.0) + at - began.pop(attempt.task)
            case TaskEnded():
                rows[fact.task].outcome = fact.outcome
            case _:
                pass  # is not about a task alone
    return [row for _, row in sorted(rows.items())]
