"""One line about what has happened to one task."""

from __future__ import annotations

from weft.live.wording import one_line, span
from weft.model.outcome import Outcome
from weft.model.sentences import outcome_sentence
from weft.views.progress import TaskProgress


def started_line(task: TaskProgress, attempt: int) -> str:
    """Return the line for the start of an attempt.

    >>> started_line(TaskProgress("build"), 1), started_line(TaskProgress("build"), 2)
    ('build started', 'build started: attempt 2')
    """
    again = f": attempt {attempt}" if attempt > 1 else ""
    return f"{one_line(task.id)} started{again}"


def ended_line(task: TaskProgress, outcome: Outcome) -> str:
    """Return the line for the end of a task, with the time that its attempts took, if it had any.

    >>> from weft.model.outcome import Succeeded
    >>> ended_line(TaskProgress("build", spent_s=0.25), Succeeded())
    'build succeeded (0.25 s)'
    """
    took = f" ({span(task.spent_s)})" if task.spent_s is not None else ""
    return f"{one_line(task.id)} {one_line(outcome_sentence(outcome, task.attempts))}{took}"
