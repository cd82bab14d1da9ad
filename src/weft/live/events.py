"""One line about what has happened to one task."""

from __future__ import annotations

from weft.live.wording import one_line, span
from weft.model.miss import MissReason
from weft.model.outcome import Outcome, Succeeded
from weft.model.sentences import outcome_sentence, sentence
from weft.views.progress import TaskProgress


def started_line(task: TaskProgress, attempt: int) -> str:
    """Return the line for the start of an attempt.

    >>> started_line(TaskProgress("build"), 1), started_line(TaskProgress("build"), 2)
    ('build started', 'build started: attempt 2')
    """
    again = f": attempt {attempt}" if attempt > 1 else ""
    return f"{one_line(task.id)} started{again}"


def missed_line(task: TaskProgress, because: MissReason) -> str:
    """Return the line that tells why a task runs that is cached.

    >>> from weft.model.miss import InputGone
    >>> missed_line(TaskProgress("build"), InputGone("a.c"))
    'build runs: its input `a.c` is gone'
    """
    return f"{one_line(task.id)} runs: {one_line(sentence(because))}"


def ended_line(task: TaskProgress, outcome: Outcome) -> str:
    """Return the line for the end of a task, with the time that its attempts took, if it had any.

    >>> ended_line(TaskProgress("build", spent_s=0.25), Succeeded())
    'build succeeded (0.25 s)'
    """
    if task.is_cached and isinstance(outcome, Succeeded):
        return f"{one_line(task.id)} is cached"
    took = f" ({span(task.spent_s)})" if task.spent_s is not None else ""
    return f"{one_line(task.id)} {one_line(outcome_sentence(outcome, task.attempts))}{took}"
