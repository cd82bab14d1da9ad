"""A forecast: a run of the real scheduler in virtual time, with every task taking as long as expected.

Knows when tasks would start and end. What one might change about a plan, and whether it is worth
it, is asked elsewhere.
"""

from __future__ import annotations

from heapq import heappop, heappush

import msgspec

from weft.model.attempt import Attempt
from weft.model.limits import MAX_CONCURRENT
from weft.model.outcome import Succeeded
from weft.model.task import Task
from weft.planning.prepare import PreparedPlan
from weft.planning.priority import UNKNOWN_S
from weft.scheduling.actions import StartAttempt
from weft.scheduling.events import AttemptFinished, Event, PlanClosed, TasksSubmitted
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

    A task that tells no duration takes a second.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> three = prepare(plan(task("a", duration_s=2.0), task("b"), task("c", needs=["b"])))
    >>> forecast(three, 2).makespan_s
    2.0
    """
    scheduler = Scheduler(max_concurrent, prepared.plan.limits, prepared.plan.groups)
    spans = [Span(0.0, 0.0)] * len(prepared.tasks)
    due: list[tuple[float, int, Attempt]] = []
    now, widest, n_slots, widest_slots = 0.0, 0, 0, 0
    events: list[Event] = [TasksSubmitted(prepared.tasks), PlanClosed()]
    while events:
        for action in scheduler.steps(events, now).actions:
            if isinstance(action, StartAttempt):
                task = prepared.plan.tasks[action.attempt.task]
                end_s = round(now + _duration_s(task), _DIGITS)
                spans[action.attempt.task] = Span(now, end_s)
                heappush(due, (end_s, action.attempt.task, action.attempt))
                n_slots += _weight(task, max_concurrent)
        widest, widest_slots = max(widest, len(due)), max(widest_slots, n_slots)
        events = []
        while due and (not events or due[0][0] == now):
            now, position, attempt = heappop(due)
            n_slots -= _weight(prepared.plan.tasks[position], max_concurrent)
            events.append(AttemptFinished(attempt, Succeeded()))
    return Forecast(tuple(spans), now, widest, widest_slots)


def _duration_s(task: Task) -> float:
    return UNKNOWN_S if task.duration_s is None else task.duration_s


def _weight(task: Task, max_concurrent: int) -> int:
    return min(task.limits.get(MAX_CONCURRENT, 1), max_concurrent)
