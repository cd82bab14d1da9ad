"""One line about what goes wrong while the run goes on, besides the ends of tasks.

Knows which facts are news to a person, and their words; where they are written is up to the displays.
"""

from __future__ import annotations

from weft.live.wording import one_line, span
from weft.model.reason import AttemptsUsedUp, GroupLost, GroupMet, TimedOut, Unhealthy
from weft.model.sentences import sentence
from weft.scheduling.facts import (
    Fact,
    GaveUp,
    GroupDecided,
    HealthChanged,
    RetryScheduled,
    RunInterrupted,
    RunStopping,
    StopAsked,
)
from weft.scheduling.health import Circuit
from weft.views.progress import Progress

# All others are told by the lines of tasks, or not at all: a run has millions of them.
NEWS: frozenset[type] = frozenset(
    {RetryScheduled, GaveUp, StopAsked, GroupDecided, HealthChanged, RunStopping, RunInterrupted}
)


def notice(fact: Fact, progress: Progress) -> str | None:
    """Return the line that tells a person of ``fact``, or None where there is nothing to tell.

    Args:
        fact: what has happened.
        progress: of the run, which has taken in ``fact``.

    >>> notice(RunInterrupted(1.0, signal=2), Progress())
    'ending what runs'
    """
    if type(fact) not in NEWS:
        return None
    said = _said(fact, progress)
    return None if said is None else one_line(said)


def _said(fact: Fact, progress: Progress) -> str | None:
    match fact:
        case RetryScheduled(at, attempt, due):
            task = progress.task(attempt.task)
            assert task.failure is not None, f"{fact} without a failure"
            last, why = attempt.number - 1, sentence(task.failure)
            then = f"attempt {attempt.number} in {span(due - at)}"
            return f"{one_line(task.id)}: attempt {last} failed: {why}; {then}"
        case GaveUp(_, attempt, because) if not isinstance(because, AttemptsUsedUp):
            return f"{one_line(progress.task(attempt.task).id)} is not tried again: {sentence(because)}"
        case StopAsked(_, attempt, force, TimedOut() as because):
            done = "killing it, for it does not end" if force else "ending it"
            return f"{one_line(progress.task(attempt.task).id)}: {sentence(because)}; {done}"
        case GroupDecided(because=GroupMet() | GroupLost() as because):
            return sentence(because)  # else it was given up with the run, or as unhealthy, which is told
        case HealthChanged():
            return _health(fact)
        case RunStopping(_, because):
            return f"the run ends early: {sentence(because)}"
        case RunInterrupted(_, _, force):
            return "killing what still runs" if force else "ending what runs"
    return None


def _health(fact: HealthChanged) -> str:
    if fact.circuit is Circuit.HALF_OPEN:
        return f"{fact.scope}: one attempt is let through, to see whether it is healthy again"
    if fact.healthy:
        return f"{fact.scope} is healthy again"
    waits = "; its tasks wait" if fact.circuit is Circuit.OPEN else ""
    return f"{sentence(Unhealthy(fact.scope, fact.error_rate))}{waits}"
