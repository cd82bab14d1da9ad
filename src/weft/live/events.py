"""One line about what has happened to one task."""

from __future__ import annotations

from weft.live.wording import one_line, span
from weft.model.outcome import Outcome
from weft.model.sentences import outcome_sentence
from weft.views.progress import TaskProgress


def started_line(task: TaskProgress) -> str:
    """Return the line for the start of an attempt.

    >>> started_line(TaskProgress("build"))
    'build started'
    """
    return f"{one_line(task.id)} started"


def ended_line(task: TaskProgress, outcome: Outcome) -> str:
    """Return the line for the end of a task, with the time that its attempts took, if it had any.

    >>> from weft.model.outcome import Succeeded
    >>> ended_line(TaskProgress("build", spent_s=0.25), Succeeded())
    'build succeeded (0.25 s)'
    """
    took = f" ({span(task.spent_s)})" if task.spent_s is not None else ""
    return f"{one_line(task.id)} {one_line(outcome_sentence(outcome))}{took}"
