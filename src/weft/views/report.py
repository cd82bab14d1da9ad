"""The report of a run: how it ended, and the outcome of every task in plan order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from weft.errors import TaskFailed, TaskFailures
from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.sentences import outcome_sentence
from weft.scheduling.facts import Fact, RunEnded, RunInterrupted, TaskAdded, TaskEnded
from weft.scheduling.states import RunState


class Report(msgspec.Struct, frozen=True):
    """What became of a run.

    ``outcomes`` maps task ids to outcomes, in plan order. ``aggregates`` holds the plan's
    aggregates by name. ``seconds`` is the time from the first fact to the last. ``signal`` is what
    interrupted the run, if a signal did.
    """

    state: RunState
    outcomes: Mapping[str, Outcome]
    aggregates: Mapping[str, Any] = {}
    seconds: float = 0.0
    signal: int | None = None

    @property
    def results(self) -> dict[str, Any]:
        """The results of the tasks that succeeded, in plan order."""
        return {task: done.value for task, done in self.outcomes.items() if isinstance(done, Succeeded)}

    @property
    def not_succeeded(self) -> dict[str, Outcome]:
        """The outcomes of all other tasks, in plan order."""
        return {task: end for task, end in self.outcomes.items() if not isinstance(end, Succeeded)}

    def raise_for_failures(self) -> None:
        """Raise all that went wrong at once; do nothing when every task succeeded.

        Raises:
            TaskFailures: an ExceptionGroup with the original exceptions of the tasks that raised,
                and a `TaskFailed` for each other task that did not succeed, in plan order.
        """
        errors = [error_of(task, outcome) for task, outcome in self.not_succeeded.items()]
        if errors:
            count = f"{len(errors)} of {len(self.outcomes)} tasks did not succeed"
            raise TaskFailures(count, errors)


def error_of(task: str, outcome: Outcome) -> Exception:
    """Return what to raise where the result of a task was wanted that has none."""
    if isinstance(outcome, Failed) and isinstance(outcome.exception, Exception):
        return outcome.exception
    return TaskFailed(task, outcome_sentence(outcome))


class ReportView:
    """Gathers a report from the facts of a run."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._outcomes: dict[int, Outcome] = {}
        self._first: float | None = None
        self._last = 0.0
        self._state: RunState | None = None
        self._signal: int | None = None

    def fold(self, fact: Fact) -> None:
        """Take in the next fact."""
        self.fold_all((fact,))

    def fold_all(self, facts: Sequence[Fact]) -> None:
        """Take in the next facts."""
        outcomes, ids = self._outcomes, self._ids
        for fact in facts:
            if isinstance(fact, TaskEnded):
                outcomes[fact.task] = fact.outcome
            elif isinstance(fact, TaskAdded):
                ids.append(fact.id)
            elif isinstance(fact, RunEnded):
                self._state = fact.state
            elif isinstance(fact, RunInterrupted):
                self._signal = self._signal or fact.signal
        if facts:
            self._first = facts[0].at if self._first is None else self._first
            self._last = facts[-1].at

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcomes so far, by task id, in plan order."""
        outcomes = self._outcomes
        return {task: outcomes[position] for position, task in enumerate(self._ids) if position in outcomes}

    def report(self, aggregates: Mapping[str, Any] | None = None) -> Report:
        """Return the report; the run must have ended."""
        assert self._state is not None, "a report before the end of the run"
        seconds = self._last - (self._first or 0.0)
        return Report(self._state, self.outcomes, aggregates or {}, seconds, self._signal)
