"""The timeline of a run: what ran when and in which lane, what waited for what, and the critical path.

A lane is drawn for each attempt that runs at the same time as others: the first one that is free takes it, so
there are never more lanes than attempts that ran at once. How it is drawn is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

import msgspec

from weft.model.attempt import Attempt
from weft.model.outcome import Outcome
from weft.scheduling.facts import AttemptStarted, Fact, RunStarted, TaskAdded
from weft.scheduling.states import NAME_AFTER
from weft.views.critical import CriticalPath
from weft.views.waits import Life, Span, Waits


class Ran(msgspec.Struct, frozen=True):
    """An attempt: in ``lane`` from ``since`` until ``until``, in seconds since the run began."""

    task: str
    attempt: int
    since: float
    until: float
    lane: int
    state: str
    critical: bool = False


class Waited(msgspec.Struct, frozen=True):
    """A wait of ``task`` at ``gate``, in seconds since the run began."""

    task: str
    gate: str
    since: float
    until: float
    critical: bool = False


class Timeline(msgspec.Struct, frozen=True):
    """A run in time.

    Attributes:
        seconds: from the first fact to the last.
        max_concurrent: the slots of the run; None if the facts don't tell.
        n_lanes: how many attempts ran at once at most.
        ran: all attempts, in the order of their starts.
        waited: all waits, in the order of their beginnings.
        critical: the tasks of the critical path, in order: the longest chain of tasks each of which had to
            wait for the one before.
    """

    seconds: float = 0.0
    max_concurrent: int | None = None
    n_lanes: int = 0
    ran: tuple[Ran, ...] = ()
    waited: tuple[Waited, ...] = ()
    critical: tuple[str, ...] = ()


def timeline_of(facts: Sequence[Fact]) -> Timeline:
    """Return the timeline of a run with these facts; attempts that still run last until the last fact."""
    if not facts:
        return Timeline()
    began, now = facts[0].at, facts[-1].at
    lives, critical = _lives(facts, now)
    starts = {fact.attempt: number for number, fact in enumerate(facts) if isinstance(fact, AttemptStarted)}
    ran: list[tuple[Span, Life]] = []
    waited: list[Waited] = []
    for life in lives:
        is_critical = life.added.task in critical
        for span in life.spans or ():
            if span.gate is None:
                ran.append((span, life))
            else:
                moments = (span.since - began, span.until - began)
                waited.append(Waited(life.added.id, str(span.gate), *moments, is_critical))
    # By the order in which they were started: some take no time at all.
    ran.sort(key=lambda each: starts[Attempt(each[1].added.task, each[0].attempt)])
    waited.sort(key=lambda each: each.since)
    lanes = _lanes([span for span, _ in ran])
    first = facts[0]
    return Timeline(
        now - began,
        first.max_concurrent if isinstance(first, RunStarted) else None,
        max(lanes, default=-1) + 1,
        tuple(
            [
                Ran(
                    life.added.id,
                    span.attempt,
                    span.since - began,
                    span.until - began,
                    lane,
                    _state(span.outcome),
                    life.added.task in critical,
                )
                for (span, life), lane in zip(ran, lanes, strict=True)
            ]
        ),
        tuple(waited),
        tuple([lives[position].added.id for position in critical if lives[position].attempts]),
    )


def _lives(facts: Sequence[Fact], now: float) -> tuple[list[Life], dict[int, None]]:
    """Return all tasks with their spans, of those that live until ``now``; and those of the critical path."""
    waits, path = Waits(keeps_spans=True), CriticalPath()
    lives: list[Life] = []
    for fact in facts:
        waits.fold(fact)
        if isinstance(fact, TaskAdded):
            lives.append(waits.lives[fact.task])
        for life in waits.released:
            path.lengthen(life)
        waits.released.clear()
    for life in lives:
        life.cut(now)
    return lives, dict.fromkeys(path.positions())


def _state(outcome: Outcome | None) -> str:
    return "running" if outcome is None else NAME_AFTER[type(outcome)]


def _lanes(spans: Sequence[Span]) -> list[int]:
    """Return a lane for each of ``spans``, which stand in the order of their beginnings."""
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    n_lanes = 0
    lanes = []
    for span in spans:
        while busy and busy[0][0] <= span.since:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane, n_lanes = n_lanes, n_lanes + 1
        lanes.append(lane)
        # What takes no time takes no room either, but has its place behind what began before it.
        heappush(busy, (span.until, lane))
    return lanes
