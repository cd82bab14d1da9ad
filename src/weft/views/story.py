"""The story of one task: all that happened to it, and for how long it waited at which gate.

What the gates were is worked out in `waits`, as for the metrics and the timeline: at each moment a task waits
at one of them, or an attempt runs. Here it is told in order, with the tasks that it waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from weft.model.outcome import Outcome
from weft.model.reason import WaitReason
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    CacheHit,
    CacheMissed,
    Fact,
    GaveUp,
    GroupDecided,
    HealthChanged,
    LineHeld,
    MergeEnded,
    MergeStarted,
    NotCached,
    RetryScheduled,
    RunEnded,
    RunInterrupted,
    RunStarted,
    RunStopping,
    SharesAsked,
    StopAsked,
    TaskAdded,
    TaskEnded,
    TaskQueued,
    TaskTakenUp,
    UndeclaredWrites,
)
from weft.views.gates import DEPENDENCY, HAZARD, MERGE, Gate
from weft.views.waits import Life, Span, Waits


class Happened(msgspec.Struct, frozen=True, tag=True):
    """A fact about the task, or about the run while the task had not ended."""

    at: float
    fact: Fact


class WaitedAt(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """It waited ``seconds`` in all at one gate, from ``at`` on, perhaps with others between.

    ``because`` is what the gate said when it closed, if that was told. Where it waited for others, ``tasks``
    are these, and ``last`` is the one that ended last; without it, ``tasks`` are those that have not ended.
    """

    at: float
    seconds: float
    gate: Gate
    because: WaitReason | None = None
    tasks: tuple[str, ...] = ()
    last: str | None = None


Passage = Happened | WaitedAt


class Story(msgspec.Struct, frozen=True):
    """What happened to a task, in order. ``outcome`` is None if it has none."""

    task: str
    passages: tuple[Passage, ...]
    outcome: Outcome | None = None


def story_of(task: str, facts: Sequence[Fact]) -> Story | None:
    """Return the story of ``task``, up to the last of the ``facts``; None if the run has no such task."""
    for place, fact in enumerate(facts):
        if isinstance(fact, TaskAdded) and fact.id == task:
            happened = [Happened(fact.at, fact), *_happened(fact, facts[place + 1 :])]
            end = happened[-1].fact
            # What happens at the moment at which a wait begins has come before it.
            passages: list[Passage] = [*happened, *_waits(place, fact, facts)]
            passages.sort(key=lambda passage: passage.at)
            return Story(task, tuple(passages), end.outcome if isinstance(end, TaskEnded) else None)
    return None


def _happened(added: TaskAdded, later: Iterable[Fact]) -> Iterator[Happened]:
    scopes = {"the run", *(f"limit `{name}`" for name in added.limits)}
    if added.group is not None:
        scopes.add(f"group `{added.group}`")
    for fact in later:
        if _is_of_interest(fact, added.task, scopes):
            yield Happened(fact.at, fact)
            if isinstance(fact, TaskEnded):
                return


def _is_of_interest(fact: Fact, position: int, scopes: set[str]) -> bool:
    match fact:
        case HealthChanged():
            return fact.scope in scopes
        case GroupDecided():
            return f"group `{fact.group}`" in scopes
        case RunInterrupted() | RunStopping():
            return True
        case TaskTakenUp() | TaskAdded() | TaskEnded() | UndeclaredWrites() | NotCached():
            return fact.task == position
        case MergeStarted() | MergeEnded():
            return fact.task == position
        case AttemptStarted() | StopAsked() | AttemptEnded() | RetryScheduled() | GaveUp():
            return fact.attempt.task == position
        case CacheHit() | CacheMissed():
            return fact.attempt.task == position
        case RunStarted() | TaskQueued() | LineHeld() | SharesAsked() | RunEnded():
            return False  # what they mean for the task is told as its waits


class _Others:
    """The tasks that one task waits for: which there are at each gate, and which of them ended last."""

    def __init__(self, added: TaskAdded, living: Mapping[int, Life]) -> None:
        before = {DEPENDENCY: added.needs, HAZARD: added.hazards, MERGE: added.merges_after}
        self._pending = {
            gate: {other for other in others if other in living or other > added.task}
            for gate, others in before.items()
        }
        self._ids: dict[int, str] = {position: life.added.id for position, life in living.items()}
        self._all = {gate: tuple(sorted(pending)) for gate, pending in self._pending.items()}
        self._last: dict[Gate, int] = {}

    def add(self, fact: TaskAdded) -> None:
        self._ids[fact.task] = fact.id

    def let_go(self, position: int) -> None:
        """Take in that a task, if it is one of these, holds back nobody any more."""
        for gate, pending in self._pending.items():
            if position in pending:
                pending.discard(position)
                self._last[gate] = position

    def at(self, gate: Gate) -> tuple[tuple[str, ...], str | None]:
        """Return `WaitedAt.tasks` and `WaitedAt.last`."""
        pending = self._pending.get(gate)
        if pending is None:
            return (), None
        told = sorted(pending) if pending else self._all[gate]
        names = tuple([self._ids[each] for each in told if each in self._ids])
        return names, None if pending or not names else self._ids[self._last[gate]]


def _waits(place: int, added: TaskAdded, facts: Sequence[Fact]) -> Iterator[WaitedAt]:
    """Yield where a task waited that was ``added`` by the fact at ``place``."""
    waits = Waits(keeps_spans=True)
    waits.fold_all(facts[:place])
    waits.released.clear()
    others = _Others(added, waits.lives)
    waits.fold(added)
    life = waits.lives[added.task]
    for fact in facts[place + 1 :]:
        waits.fold(fact)
        if isinstance(fact, TaskAdded):
            others.add(fact)
        for gone in waits.released:
            others.let_go(gone.added.task)
        waits.released.clear()
        if life.ended is not None:
            break
    else:
        life.cut(facts[-1].at)
    for ran, spans in groupby(life.spans or (), key=lambda span: span.gate is None):
        if not ran:
            yield from _between_attempts(spans, others)


def _between_attempts(spans: Iterable[Span], others: _Others) -> Iterator[WaitedAt]:
    """Yield the waits at each gate as one."""
    by_gate: dict[Gate, list[Span]] = {}
    for span in spans:
        assert span.gate is not None, f"{span} is no wait"
        by_gate.setdefault(span.gate, []).append(span)
    for gate, its in by_gate.items():
        seconds = sum(span.until - span.since for span in its)
        yield WaitedAt(its[0].since, seconds, gate, its[0].because, *others.at(gate))
