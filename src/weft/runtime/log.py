"""The log of runs, under `weft.run`: starts and ends of attempts at DEBUG, ends of tasks and runs at INFO.

Nothing here is a warning: what a failure means is up to whoever gets the report. A run whose log nobody wants
is not followed at all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from weft.model.outcome import Succeeded
from weft.model.sentences import outcome_sentence, sentence
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    HealthChanged,
    RetryScheduled,
    RunEnded,
    RunStopping,
    TaskAdded,
    TaskEnded,
)

LOG = logging.getLogger("weft.run")


class RunLog:
    """Logs one run."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._ids: dict[int, str] = {}  # of tasks that have not ended

    def take(self, facts: Sequence[Fact]) -> None:
        """Log these facts, as far as they are of interest."""
        for fact in facts:
            self._log(fact)

    def _log(self, fact: Fact) -> None:
        run = self._run_id
        match fact:
            case TaskAdded():
                self._ids[fact.task] = fact.id
            case AttemptStarted(_, attempt):
                LOG.debug("%s: %s: attempt %d started", run, self._ids[attempt.task], attempt.number)
            case AttemptEnded(_, attempt, outcome):
                told = outcome_sentence(outcome)
                LOG.debug("%s: %s: attempt %d %s", run, self._ids[attempt.task], attempt.number, told)
            case RetryScheduled(at, attempt, due):
                LOG.info("%s: %s is tried again in %.3g s", run, self._ids[attempt.task], due - at)
            case TaskEnded(_, task, outcome):
                level = logging.DEBUG if isinstance(outcome, Succeeded) else logging.INFO
                LOG.log(level, "%s: %s %s", run, self._ids.pop(task), outcome_sentence(outcome))
            case HealthChanged():
                LOG.info("%s: %s is %s", run, fact.scope, "healthy" if fact.healthy else "unhealthy")
            case RunStopping():
                LOG.info("%s: the run ends early: %s", run, sentence(fact.because))
            case RunEnded():
                LOG.info("%s: the run %s", run, fact.state.value)
            case _:
                pass
