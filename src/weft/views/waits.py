"""Waits: of each task, how long it waited for what, and when its attempts ran.

Replays from the facts alone who waits for whom, as the scheduler does it: a task is ready once all that comes
before it has ended; one that was skipped or taken back before that still holds back those behind it. The time
of a task, from its submission to its end, is cut into pieces without gaps: it waits at one gate at a time, or
an attempt runs. What follows from that for a run is worked out in `metrics` and `timeline`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from heapq import heappop, heappush
from typing import Any

import msgspec

from weft.model.outcome import Cancelled, Outcome, Succeeded
from weft.model.reason import NotNeeded, Preempted, WaitReason
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
    LineHeld,
    MergeStarted,
    RetryScheduled,
    RunStarted,
    SharesAsked,
    TaskAdded,
    TaskEnded,
    TaskQueued,
)
from weft.views.gates import BACKOFF, DEPENDENCY, FINISH, HAZARD, MERGE, SHARES, Gate, gate_of
from weft.views.lines import HeldLine, Mark


class _Edge(Enum):
    """Why one task comes after another."""

    NEED = 0
    HAZARD = 1
    MERGE = 2  # it comes after it when it brings back what it made


class Span(msgspec.Struct, frozen=True, gc=False):
    """A piece of a task's time: it waits at ``gate``, or, where there is none, its ``attempt`` runs.

    ``because`` is what the gate has said when it closed, if it did.
    """

    since: float
    until: float
    gate: Gate | None = None
    attempt: int = 0
    outcome: Outcome | None = None
    because: WaitReason | None = None


class Life:
    """One task, from its submission on.

    Attributes:
        added: what was told of it when it was submitted.
        started: the moment at which the attempt that runs began; None while none does.
        waits: how many seconds it has waited, by gate.
        service_s: what its attempts have taken that are over.
        wasted_s: of these, speculation that had to make room, or that nobody needed.
        retried_s: of these, attempts that failed and were tried again.
        spans: all its pieces in order, if they are kept.
    """

    __slots__ = (
        "_due",
        "_gate",
        "_is_done",
        "_line",
        "_mark",
        "_since",
        "added",
        "attempts",
        "ended",
        "followers",
        "last_s",
        "n_hazards",
        "n_merges",
        "n_needs",
        "n_retries",
        "retried_s",
        "service_s",
        "spans",
        "started",
        "waits",
        "wasted_s",
    )

    def __init__(self, added: TaskAdded, *, keeps_spans: bool) -> None:
        self.added = added
        self.n_needs = self.n_hazards = self.n_merges = 0
        self.followers: list[tuple[Life, _Edge]] | None = None  # who waits for its end, and by which edge
        self.waits: dict[Gate, float] = {}
        self.spans: list[Span] | None = [] if keeps_spans else None
        self.attempts = self.n_retries = 0
        self.service_s = self.wasted_s = self.retried_s = self.last_s = 0.0
        self.started: float | None = None
        self.ended: float | None = None
        self._since = added.at
        self._gate: Gate | None = None  # at which it waits; or it stands in a line
        self._line: HeldLine | None = None
        self._mark: Mark = ()
        self._due: float | None = None
        self._is_done = False

    @property
    def gate(self) -> Gate | None:
        """Where it waits now; None if it does not wait."""
        return self._gate if self._line is None else self._line.held_by

    @property
    def is_free(self) -> bool:
        """Whether all that comes before it has ended, and before the merge that it may have."""
        return not (self.n_needs or self.n_hazards or self.n_merges)

    def let_go(self, edge: _Edge) -> None:
        """Take in that something has ended that came before it."""
        match edge:
            case _Edge.NEED:
                self.n_needs -= 1
            case _Edge.HAZARD:
                self.n_hazards -= 1
            case _Edge.MERGE:
                self.n_merges -= 1

    def wait_at(self, gate: Gate, now: float) -> None:
        """Wait at a gate of its own."""
        self._settle(now)
        self._gate = gate

    def stand_in(self, line: HeldLine, now: float) -> None:
        """Wait in a line, at the gates that hold it."""
        self._settle(now)
        self._line, self._mark = line, line.mark(now)

    def back_off(self, due: float, now: float) -> None:
        """Wait for the moment from which on the next attempt may begin."""
        self.wait_at(BACKOFF, now)
        self._due = due
        self._is_done = False
        self.n_retries += 1
        self.retried_s += self.last_s

    def is_due(self, due: float) -> bool:
        """Tell whether it waits for that moment, and nothing else has become of it."""
        return self._due == due

    def start(self, now: float) -> None:
        """Wait no more: an attempt runs."""
        self._settle(now)
        self.started = now
        self.attempts += 1

    def stop(self, outcome: Outcome, now: float) -> None:
        """Take in that the attempt that ran is over, and how it ended."""
        assert self.started is not None, f"{self.added.id} ends an attempt that never began"
        self.last_s = now - self.started
        self.service_s += self.last_s
        self._is_done = isinstance(outcome, Succeeded)
        if _is_for_nothing(outcome):
            self.wasted_s += self.last_s
        if self.spans is not None:
            self.spans.append(Span(self.started, now, None, self.attempts, outcome))
        self.started, self._since = None, now

    def end(self, outcome: Outcome, now: float) -> None:
        """Wait no more: nothing else will become of it."""
        self._settle(now)
        self.ended = now
        if self._is_done and _is_for_nothing(outcome):  # its work is there, and is not brought back
            self.wasted_s += self.last_s

    def cut(self, now: float) -> None:
        """Let its last piece end now, if it has not ended."""
        if self.started is None:
            self._settle(now)
        elif self.spans is not None:
            self.spans.append(Span(self.started, now, None, self.attempts))

    def _settle(self, now: float) -> None:
        """Count the wait until ``now``, and wait for nothing any more."""
        line, gate = self._line, self._gate
        if now == self._since:  # as most often
            self._line = self._gate = self._due = None
            return
        if gate is not None:
            self._count(gate, now)
        elif line is not None and self.spans is not None:
            for held_by, because, until in line.pieces(self._since, now):
                self._count(held_by, until, because)
        elif line is not None:
            for held_by, seconds in line.held_since(self._mark, now):
                if seconds > 0.0:
                    self.waits[held_by] = self.waits.get(held_by, 0.0) + seconds
        self._line = self._gate = self._due = None
        self._since = now

    def _count(self, gate: Gate, until: float, because: WaitReason | None = None) -> None:
        seconds = until - self._since
        if seconds > 0.0:
            self.waits[gate] = self.waits.get(gate, 0.0) + seconds
            if self.spans is not None:
                self.spans.append(Span(self._since, until, gate, because=because))
        self._since = until


def _is_for_nothing(outcome: Outcome) -> bool:
    """Tell whether it was speculation that had to make room, or that nobody needs."""
    return isinstance(outcome, Cancelled) and isinstance(outcome.because, Preempted | NotNeeded)


class Waits:
    """Follows all tasks of a run.

    Args:
        keeps_spans: keep the pieces of each task's time, for a `timeline`.

    Attributes:
        lives: of tasks that have not ended, or that hold back others nevertheless, by position.
        released: those that hold back nobody any more, in order: what comes before one stands before it.
            Whoever wants to know of them takes them out.
    """

    def __init__(self, *, keeps_spans: bool = False) -> None:
        self.lives: dict[int, Life] = {}
        self.released: list[Life] = []
        self._keeps_spans = keeps_spans
        self._lines: dict[int, HeldLine] = {}
        self._rates: Mapping[str, object] = {}
        self._due: list[tuple[float, int]] = []
        self._awaited: dict[int, list[tuple[Life, _Edge]]] = {}  # who follows a task that is not told of yet
        self._handlers: dict[type[Fact], Callable[[Any], None]] = {
            RunStarted: self._on_run_started,
            TaskAdded: self._on_task_added,
            TaskQueued: self._on_task_queued,
            LineHeld: self._on_line_held,
            SharesAsked: self._on_shares_asked,
            AttemptStarted: self._on_attempt_started,
            AttemptEnded: self._on_attempt_ended,
            MergeStarted: self._on_merge_started,
            RetryScheduled: self._on_retry_scheduled,
            TaskEnded: self._on_task_ended,
        }

    def fold(self, fact: Fact) -> None:
        """Take in the next fact."""
        if self._due:
            self._pass_to(fact.at)
        handler = self._handlers.get(type(fact))
        if handler is not None:
            handler(fact)

    def _pass_to(self, now: float) -> None:
        """Let those stand in line again whose delay is over by ``now``."""
        while self._due and self._due[0][0] <= now:
            due, position = heappop(self._due)
            life = self.lives.get(position)
            if life is not None and life.is_due(due):
                life.stand_in(self._line(0, due), due)

    def fold_all(self, facts: Sequence[Fact]) -> None:
        """Take in the next facts."""
        for fact in facts:
            self.fold(fact)

    def _on_run_started(self, fact: RunStarted) -> None:
        self._rates = fact.rates

    def _on_task_added(self, fact: TaskAdded) -> None:
        life = self.lives[fact.task] = Life(fact, keeps_spans=self._keeps_spans)
        if self._awaited:
            life.followers = self._awaited.pop(fact.task, None)
        if fact.needs or fact.hazards:
            life.n_needs = self._follow(life, fact.needs, _Edge.NEED)
            life.n_hazards = self._follow(life, fact.hazards, _Edge.HAZARD)
        if fact.merges_after:
            life.n_merges = self._follow(life, fact.merges_after, _Edge.MERGE)
        self._look(life, fact.at)

    def _follow(self, life: Life, before: Sequence[int], edge: _Edge) -> int:
        """Let ``life`` wait for those of ``before`` that have not ended; return how many they are."""
        n_unmet = 0
        for position in before:
            before_it = self.lives.get(position)
            if before_it is not None:
                if before_it.followers is None:
                    before_it.followers = []
                before_it.followers.append((life, edge))
            elif position > life.added.task:  # it is told of next: the plan has it after those who need it
                self._awaited.setdefault(position, []).append((life, edge))
            else:
                continue
            n_unmet += 1
        return n_unmet

    def _on_task_queued(self, fact: TaskQueued) -> None:
        self.lives[fact.task].stand_in(self._line(fact.line, fact.at), fact.at)

    def _on_line_held(self, fact: LineHeld) -> None:
        self._line(fact.line, fact.at).hold(gate_of(fact.because, self._rates), fact.because, fact.at)

    def _on_shares_asked(self, fact: SharesAsked) -> None:
        self.lives[fact.task].wait_at(SHARES, fact.at)

    def _on_attempt_started(self, fact: AttemptStarted) -> None:
        self.lives[fact.attempt.task].start(fact.at)

    def _on_attempt_ended(self, fact: AttemptEnded) -> None:
        life = self.lives[fact.attempt.task]
        life.stop(fact.outcome, fact.at)
        if isinstance(fact.outcome, Cancelled) and isinstance(fact.outcome.because, Preempted):
            life.stand_in(self._line(0, fact.at), fact.at)  # it is tried again
        else:
            life.wait_at(MERGE, fact.at)  # if it ends now, that takes no time

    def _on_merge_started(self, fact: MergeStarted) -> None:
        self.lives[fact.task].wait_at(FINISH, fact.at)

    def _on_retry_scheduled(self, fact: RetryScheduled) -> None:
        self.lives[fact.attempt.task].back_off(fact.due, fact.at)
        heappush(self._due, (fact.due, fact.attempt.task))

    def _on_task_ended(self, fact: TaskEnded) -> None:
        life = self.lives[fact.task]
        life.end(fact.outcome, fact.at)
        ended = [life] if life.is_free else []
        for gone in ended:  # grows while it is walked
            del self.lives[gone.added.task]
            self.released.append(gone)
            followers, gone.followers = gone.followers, None
            for follower, edge in followers or ():
                follower.let_go(edge)
                if follower.ended is not None:
                    if follower.is_free:
                        ended.append(follower)
                elif edge is not _Edge.MERGE:
                    self._look(follower, fact.at)

    def _look(self, life: Life, now: float) -> None:
        """Let ``life`` wait for what it still has to wait for."""
        gate = DEPENDENCY if life.n_needs else HAZARD if life.n_hazards else None
        if gate is None:
            life.stand_in(self._line(0, now), now)
        elif gate is not life.gate:
            life.wait_at(gate, now)

    def _line(self, number: int, now: float) -> HeldLine:
        line = self._lines.get(number)
        if line is None:
            line = self._lines[number] = HeldLine(now)
        return line
