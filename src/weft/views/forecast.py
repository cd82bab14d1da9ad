"""A forecast: a run of the real scheduler in virtual time, with every task taking as long as expected.

Knows when tasks would start and end. What one might change about a plan, and whether it is worth
it, is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

import msgspec

from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Succeeded
from weft.model.policy import Policy
from weft.model.reason import CancelAsked
from weft.model.scope import Scope
from weft.model.task import Task
from weft.planning.demand import weight_of
from weft.planning.prepare import PreparedPlan, PreparedTask
from weft.planning.priority import UNKNOWN_S
from weft.scheduling.actions import Action, BringBack, StartAttempt, StopAttempt
from weft.scheduling.events import AttemptFinished, BroughtBack, Event, PlanClosed, TasksSubmitted, TimePassed
from weft.scheduling.scheduler import Scheduler

_DIGITS = 9  # of a second: sums of durations in whatever order give the same moment


class Span(msgspec.Struct, frozen=True):
    """When a task would run, in seconds from the start of the run."""

    start_s: float
    end_s: float


class Forecast(msgspec.Struct, frozen=True):
    """How a run would go.

    ``spans`` stand in plan order. ``widest`` is the most tasks at one moment, ``widest_slots`` the most
    units of `max_concurrent` that are in use at one moment.
    """

    spans: tuple[Span, ...]
    makespan_s: float
    widest: int
    widest_slots: int


def forecast(prepared: PreparedPlan, max_concurrent: int) -> Forecast:
    """Return how ``prepared`` would run if every task took its expected duration, and succeeded.

    A task that tells no duration takes a second. What is shared with other processes is free.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> three = prepare(plan(task("a", duration_s=2.0), task("b"), task("c", needs=["b"])))
    >>> forecast(three, 2).makespan_s
    2.0
    """
    return _VirtualRun(prepared, max_concurrent).to_its_end()


class _VirtualRun:
    """A run in which time passes from one event to the next."""

    def __init__(self, prepared: PreparedPlan, max_concurrent: int) -> None:
        plan = prepared.plan
        self._tasks = tuple([_untimed(task) for task in prepared.tasks])
        self._max_concurrent = max_concurrent
        limits = {
            name: msgspec.structs.replace(limit, scope=Scope.RUN) for name, limit in plan.limits.items()
        }
        policy = Policy(aging_s=plan.policy.aging_s)
        self._scheduler = Scheduler(max_concurrent, limits, plan.groups, policy)
        self._spans = [Span(0.0, 0.0)] * len(prepared.tasks)
        self._ends: list[tuple[float, int, Attempt]] = []
        self._n_slots = 0

    def to_its_end(self) -> Forecast:
        now, widest, widest_slots = 0.0, 0, 0
        events: list[Event] = [TasksSubmitted(self._tasks), PlanClosed()]
        while events:
            step = self._scheduler.steps(events, now)
            stopped = self._perform(step.actions, now)
            widest, widest_slots = max(widest, len(self._ends)), max(widest_slots, self._n_slots)
            now, events = (now, stopped) if stopped else self._next(now, step.wake_at)
        return Forecast(tuple(self._spans), now, widest, widest_slots)

    def _perform(self, actions: Sequence[Action], now: float) -> list[Event]:
        """Start what is to be started; return the ends of what is stopped or brought back, which is quick."""
        stopped: list[Event] = []
        for action in actions:
            if isinstance(action, StartAttempt):
                position = action.attempt.task
                end_s = round(now + _duration_s(self._tasks[position].task), _DIGITS)
                self._spans[position] = Span(now, end_s)
                heappush(self._ends, (end_s, position, action.attempt))
                self._n_slots += self._weight(position)
            elif isinstance(action, StopAttempt):
                self._ends = sorted(end for end in self._ends if end[2] != action.attempt)
                self._spans[action.attempt.task] = Span(self._spans[action.attempt.task].start_s, now)
                self._n_slots -= self._weight(action.attempt.task)
                stopped.append(AttemptFinished(action.attempt, Cancelled(CancelAsked())))
            elif isinstance(action, BringBack):
                stopped.append(BroughtBack(action.task))
        return stopped

    def _next(self, now: float, wake_at: float | None) -> tuple[float, list[Event]]:
        """Return what happens next, and when."""
        ends = self._ends
        if wake_at is not None and wake_at > now and (not ends or wake_at < ends[0][0]):
            return wake_at, [TimePassed()]
        events: list[Event] = []
        while ends and (not events or ends[0][0] == now):
            now, position, attempt = heappop(ends)
            self._n_slots -= self._weight(position)
            events.append(AttemptFinished(attempt, Succeeded()))
        return now, events

    def _weight(self, position: int) -> int:
        return min(weight_of(self._tasks[position].task), self._max_concurrent)


def _untimed(prepared: PreparedTask) -> PreparedTask:
    """Return the task without timeouts: it is not to fail."""
    if prepared.task.timeout is None:
        return prepared
    return msgspec.structs.replace(prepared, task=msgspec.structs.replace(prepared.task, timeout=None))


def _duration_s(task: Task) -> float:
    return UNKNOWN_S if task.duration_s is None else task.duration_s
