"""A forecast: a run of the real scheduler in virtual time, with every task taking as long as expected.

Knows when tasks would start and end. What one might change about a plan, and whether it is worth
it, is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

import msgspec

from weft.model.attempt import Attempt
from weft.model.limits import MAX_CONCURRENT
from weft.model.outcome import Succeeded
from weft.planning.pairs import demand_of
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
    scheduler = Scheduler(max_concurrent, prepared.plan.limits)
    due: list[tuple[float, int, Attempt]] = []
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    now = 0.0
    events: list[Event] = [TasksSubmitted(prepared.tasks), PlanClosed()]
    while events:
        for action in scheduler.steps(events, now).actions:
            if isinstance(action, StartAttempt):
                position = action.attempt.task
                starts[position] = now
                ends[position] = round(now + _duration_s(prepared, position), _DIGITS)
                heappush(due, (ends[position], position, action.attempt))
        events = []
        while due and (not events or due[0][0] == now):
            now, _, attempt = heappop(due)
            events.append(AttemptFinished(attempt, Succeeded()))
    spans = tuple(Span(starts[position], ends[position]) for position in range(len(prepared.tasks)))
    weights = [dict(demand_of(task, max_concurrent))[MAX_CONCURRENT] for task in prepared.plan.tasks]
    return Forecast(spans, now, _widest(spans, [1] * len(spans)), _widest(spans, weights))


def _widest(spans: Sequence[Span], weights: Sequence[int]) -> int:
    """Return the largest sum of ``weights`` at one moment; what ends then has made room for what starts."""
    widest = now = 0
    running: list[tuple[float, float, int]] = []
    for span, weight in sorted(zip(spans, weights, strict=True), key=lambda pair: pair[0].start_s):
        while running and running[0][0] <= span.start_s and running[0][1] < span.start_s:
            now -= heappop(running)[2]
        heappush(running, (span.end_s, span.start_s, weight))
        now += weight
        widest = max(widest, now)
    return widest


def _duration_s(prepared: PreparedPlan, position: int) -> float:
    duration_s = prepared.plan.tasks[position].duration_s
    return UNKNOWN_S if duration_s is None else duration_s
