"""Progress: how far a run has come, how fast it goes, and how long it may still take.

Knows facts only; how this is shown is decided in `live`. Every fact costs the same, whatever the
size of the run, and nothing is kept of a task that has ended: a run may have a million of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import exp
from typing import Any

import msgspec

from weft.model.outcome import Cancelled, Failed, Succeeded
from weft.model.reason import FailureReason
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    CacheHit,
    Fact,
    RetryScheduled,
    RunInterrupted,
    RunStopping,
    TaskAdded,
    TaskEnded,
    TaskTakenUp,
)
from weft.scheduling.states import CANCELLED, FAILED, SKIPPED, STATE_AFTER, SUCCEEDED, TaskState

# What happened this long ago counts 1/e of what happens now: long enough for a steady number,
# short enough to follow a change.
WINDOW_S = 10.0


class _Family(msgspec.Struct, gc=False):
    """What is known of tasks that are alike, and so may be expected to take equally long."""

    n_unended: int = 0
    n_unknown: int = 0  # of those: how many don't tell their duration
    n_measured: int = 0
    measured_s: float = 0.0

    def mean_s(self) -> float | None:
        return self.measured_s / self.n_measured if self.n_measured else None


class TaskProgress(msgspec.Struct, gc=False):
    """A task that has not ended.

    ``started`` is the moment at which the attempt that runs began, ``attempts`` how many have begun.
    ``failure`` tells why the last one that is over failed, if it did. ``is_taken_over``
    tells that it was done in the run that this one takes up, ``is_cached`` that it has a result of earlier.
    """

    id: str
    family: str | None = None
    duration_s: float | None = None
    started: float | None = None
    spent_s: float | None = None  # in attempts that are over; None when there was none
    attempts: int = 0
    failure: FailureReason | None = None
    is_taken_over: bool = False
    is_cached: bool = False


class _Recent:
    """Ended tasks and busy slots of the last seconds; what is older fades away."""

    def __init__(self) -> None:
        self.at: float | None = None
        self._n_ended = 0.0
        self._busy_s = 0.0
        self._span_s = 0.0

    def count(self) -> None:
        self._n_ended += 1.0

    def pass_to(self, now: float, n_running: int) -> None:
        """Let time go on until ``now``, during which ``n_running`` tasks ran."""
        if self.at is None:
            self.at = now
        elif now > self.at:
            fade = exp((self.at - now) / WINDOW_S)
            fresh_s = WINDOW_S * (1.0 - fade)
            self._n_ended *= fade
            self._busy_s = self._busy_s * fade + fresh_s * n_running
            self._span_s = self._span_s * fade + fresh_s
            self.at = now

    def rate(self, now: float) -> float:
        fade, span_s = self._span(now)
        return self._n_ended * fade / span_s if span_s > 0.0 else 0.0

    def concurrency(self, now: float, n_running: int) -> float:
        fade, span_s = self._span(now)
        busy_s = self._busy_s * fade + WINDOW_S * (1.0 - fade) * n_running
        return busy_s / span_s if span_s > 0.0 else float(n_running)

    def _span(self, now: float) -> tuple[float, float]:
        fade = exp(min(0.0, (self.at or 0.0) - now) / WINDOW_S) if self.at is not None else 1.0
        return fade, self._span_s * fade + WINDOW_S * (1.0 - fade)


class Progress:
    """Gathers the state of a run from its facts.

    >>> progress = Progress()
    >>> progress.fold(TaskAdded(0.0, 0, "build"))
    >>> progress.added, progress.waiting, progress.done
    (1, 1, 0)
    """

    def __init__(self) -> None:
        self.added = 0
        self.done = 0
        self.cached = 0  # of those that succeeded: how many have a result of earlier
        self.began: float | None = None
        self.is_ending = False  # the run ends early: nothing new starts
        self._ended = [0] * len(TaskState)
        self._tasks: dict[int, TaskProgress] = {}
        self._running: dict[int, TaskProgress] = {}
        self._due: dict[int, float] = {}  # when the next attempt of tasks that back off may begin
        self._families: dict[str | None, _Family] = {}
        self._all = _Family()
        self._known_s = 0.0  # the durations that unended tasks tell, added up
        self._recent = _Recent()
        self._handlers: dict[type[Fact], Callable[[Any], None]] = {
            TaskAdded: self._on_task_added,
            TaskTakenUp: self._on_task_taken_up,
            AttemptStarted: self._on_attempt_started,
            AttemptEnded: self._on_attempt_ended,
            CacheHit: self._on_cache_hit,
            RetryScheduled: self._on_retry_scheduled,
            TaskEnded: self._on_task_ended,
            RunStopping: self._on_ending,
            RunInterrupted: self._on_ending,
        }

    def fold(self, fact: Fact) -> None:
        """Take in the next fact."""
        if fact.at != self._recent.at:
            self._recent.pass_to(fact.at, len(self._running))
            if self.began is None:
                self.began = fact.at
        handler = self._handlers.get(type(fact))
        if handler is not None:
            handler(fact)

    @property
    def running(self) -> Collection[TaskProgress]:
        """The tasks of which an attempt runs, in the order of their starts."""
        return self._running.values()

    @property
    def waiting(self) -> int:
        return self.added - self.done - len(self._running) - len(self._due)

    @property
    def backing_off(self) -> int:
        """How many tasks failed and have not begun their next attempt."""
        return len(self._due)

    @property
    def succeeded(self) -> int:
        return self._ended[SUCCEEDED]

    @property
    def failed(self) -> int:
        return self._ended[FAILED]

    @property
    def cancelled(self) -> int:
        return self._ended[CANCELLED]

    @property
    def skipped(self) -> int:
        return self._ended[SKIPPED]

    def task(self, position: int) -> TaskProgress:
        """Return what is known of a task that has not ended."""
        return self._tasks[position]

    def rate(self, now: float) -> float:
        """Return how many tasks per second have come to their end of late; skipped ones don't count."""
        return self._recent.rate(now)

    def remaining_s(self, now: float) -> float | None:
        """Return how many seconds the tasks known so far may still take.

        A task is expected to take what it tells, else the mean of its family, else the mean of all.
        None when that is not enough to know, or nothing has started yet.
        """
        work_s = self._expected_work_s()
        if work_s is None or self._recent.at is None or not (self._running or self._all.n_measured):
            return None
        longest_s = 0.0
        for task in self._running.values():
            expected_s = self._expected_s(task) or 0.0
            left_s = max(0.0, expected_s - (now - (task.started or 0.0)))
            work_s -= expected_s - left_s
            longest_s = max(longest_s, left_s)
        for position, due in self._due.items():
            longest_s = max(longest_s, due - now + (self._expected_s(self._tasks[position]) or 0.0))
        concurrency = self._recent.concurrency(now, len(self._running))
        return max(longest_s, work_s / max(1.0, concurrency))

    def _expected_work_s(self) -> float | None:
        work_s = max(0.0, self._known_s)
        for family in self._families.values():
            if family.n_unknown:
                mean_s = self._mean_s(family)
                if mean_s is None:
                    return None
                work_s += mean_s * family.n_unknown
        return work_s

    def _expected_s(self, task: TaskProgress) -> float | None:
        if task.duration_s is not None:
            return task.duration_s
        return self._mean_s(self._families[task.family])

    def _mean_s(self, family: _Family) -> float | None:
        mean_s = family.mean_s()
        return mean_s if mean_s is not None else self._all.mean_s()

    def _on_task_added(self, fact: TaskAdded) -> None:
        self.added += 1
        self._tasks[fact.task] = TaskProgress(fact.id, fact.family, fact.duration_s)
        family = self._families.get(fact.family)
        if family is None:
            family = self._families[fact.family] = _Family()
        family.n_unended += 1
        if fact.duration_s is None:
            family.n_unknown += 1
        else:
            self._known_s += fact.duration_s

    def _on_task_taken_up(self, fact: TaskTakenUp) -> None:
        self._tasks[fact.task].is_taken_over = fact.again is None

    def _on_attempt_started(self, fact: AttemptStarted) -> None:
        position = fact.attempt.task
        task = self._running[position] = self._tasks[position]
        task.started = fact.at
        task.attempts = fact.attempt.number
        self._due.pop(position, None)

    def _on_attempt_ended(self, fact: AttemptEnded) -> None:
        task = self._running.pop(fact.attempt.task)
        assert task.started is not None, f"{fact} without a start"
        spent_s = fact.at - task.started
        task.started = None
        task.spent_s = (task.spent_s or 0.0) + spent_s
        task.failure = fact.outcome.because if type(fact.outcome) is Failed else None
        if type(fact.outcome) is Cancelled or task.is_cached:
            return  # cut short: it says nothing about others
        for kin in (self._families[task.family], self._all):
            kin.n_measured += 1
            kin.measured_s += spent_s

    def _on_cache_hit(self, fact: CacheHit) -> None:
        self._running[fact.attempt.task].is_cached = True

    def _on_retry_scheduled(self, fact: RetryScheduled) -> None:
        self._due[fact.attempt.task] = fact.due

    def _on_task_ended(self, fact: TaskEnded) -> None:
        self.done += 1
        self._due.pop(fact.task, None)
        self._ended[STATE_AFTER[type(fact.outcome)]] += 1
        task = self._tasks.pop(fact.task)
        if task.is_cached and type(fact.outcome) is Succeeded:
            self.cached += 1
        if task.spent_s is not None:
            self._recent.count()
        family = self._families[task.family]
        family.n_unended -= 1
        if task.duration_s is None:
            family.n_unknown -= 1
        else:
            self._known_s -= task.duration_s
        if not family.n_unended:
            del self._families[task.family]

    def _on_ending(self, fact: RunStopping | RunInterrupted) -> None:
        self.is_ending = True
