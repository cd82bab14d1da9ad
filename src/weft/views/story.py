"""The story of one task: all that happened to it, why it waited, and for how long at which gate.

The facts of a run tell when each task took its units and gave them back; the outline of its plan tells which.
So at each moment it is known which pools were too full for the task, which locks were held, which circuits
open. What is not in the facts is told as such: the turn of others that came first, the room of a
rate, what other processes had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from weft.model.limits import MAX_CONCURRENT
from weft.model.outcome import Outcome
from weft.model.reason import (
    CircuitOpen,
    CircuitProbing,
    EdgeReason,
    LockHeld,
    PoolFull,
    WaitReason,
)
from weft.planning.outline import Outline, OutlinedTask
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    Fact,
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
    TaskAdded,
    TaskEnded,
    TaskQueued,
    TaskTakenUp,
    UndeclaredWrites,
)
from weft.scheduling.health import Circuit

_TOO_SHORT_S = 0.005  # to be told: it would be 0.00 s


class Happened(msgspec.Struct, frozen=True, tag=True):
    """A fact about the task, or about the run while the task had not ended."""

    at: float
    fact: Fact


class WaitedFor(msgspec.Struct, frozen=True, tag=True):
    """It waited ``seconds`` for tasks before it; ``last`` was the one that ended last, if they have ended."""

    at: float
    seconds: float
    tasks: tuple[str, ...]
    last: str | None = None
    because: EdgeReason | None = None


class WaitedAt(msgspec.Struct, frozen=True, tag=True):
    """It could have run, and waited ``seconds`` at a gate, as it was then.

    Without a reason all gates of which the facts tell were open: it was the turn of others, ``rates`` had no
    room, or other processes had what they share with this run.
    """

    at: float
    seconds: float
    because: WaitReason | None
    rates: tuple[str, ...] = ()


Passage = Happened | WaitedFor | WaitedAt


class Story(msgspec.Struct, frozen=True):
    """What happened to a task, in order. ``outcome`` is None if it has none."""

    task: str
    passages: tuple[Passage, ...]
    outcome: Outcome | None = None


def story_of(task: str, facts: Iterable[Fact], outline: Outline | None) -> Story | None:
    """Return the story of ``task``; None if the run has no such task.

    Args:
        task: its id.
        facts: of the whole run, in order.
        outline: of its plan. Without it the waits are not told apart.
    """
    told = _Teller(task, outline)
    for fact in facts:
        told.take(fact)
    return told.story()


class _Gates:
    """What was taken, and by whom."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._used: Counter[str] = Counter()
        self._holders: dict[str, dict[int, bool]] = {}
        self._circuits: dict[str, HealthChanged] = {}

    def started(self, position: int) -> None:
        self._move(position, 1)
        for lock, alone in self._task(position).locks.items():
            self._holders.setdefault(lock, {})[position] = alone

    def ended(self, position: int) -> None:
        self._move(position, -1)
        for lock in self._task(position).locks:
            self._holders[lock].pop(position, None)

    def health(self, fact: HealthChanged) -> None:
        self._circuits[fact.scope] = fact

    def closed(self, task: OutlinedTask, scopes: set[str], ids: dict[int, str]) -> Iterator[WaitReason]:
        """Yield what keeps ``task``, which is watched in ``scopes``, from starting now."""
        for scope, fact in self._circuits.items():
            if scope in scopes and fact.circuit is Circuit.OPEN:
                yield CircuitOpen(scope, fact.error_rate, 0.0)
            elif scope in scopes and fact.circuit is Circuit.HALF_OPEN:
                yield CircuitProbing(scope)
        for lock, alone in task.locks.items():
            holders = self._holders.get(lock, {})
            if holders and (alone or any(holders.values())):
                yield LockHeld(lock, tuple(ids[position] for position in holders))
        for pool, units in (*task.pools.items(), (MAX_CONCURRENT, task.slots)):
            free = self._outline.sizes[pool] - self._used[pool]
            if units > free:
                yield PoolFull(pool, max(0, free), units)

    def _move(self, position: int, sign: int) -> None:
        task = self._task(position)
        self._used[MAX_CONCURRENT] += sign * task.slots
        for pool, units in task.pools.items():
            self._used[pool] += sign * units

    def _task(self, position: int) -> OutlinedTask:
        return self._outline.tasks[position]


class _Teller:
    """Takes in the facts of a run, and keeps what belongs to one task."""

    def __init__(self, task: str, outline: Outline | None) -> None:
        self._id = task
        self._outline = outline
        self._gates = _Gates(outline) if outline is not None else None
        self._position: int | None = None
        self._ids: dict[int, str] = {}
        self._scopes = {"the run"}
        self._pending: set[int] = set()
        self._passages: list[Passage] = []
        self._outcome: Outcome | None = None
        self._waits_since: float | None = None  # for tasks before it
        self._ready_since: float | None = None
        self._looked_at = 0.0
        self._spans: dict[str, tuple[WaitReason | None, float]] = {}

    def take(self, fact: Fact) -> None:
        at = fact.at
        if self._ready_since is not None and at > self._looked_at:
            self._let_pass(at)
        if isinstance(fact, TaskAdded):
            self._ids[fact.task] = fact.id
            if fact.id == self._id:
                self._begin(fact)
            return
        if isinstance(fact, AttemptStarted):
            self._on_started(fact)
        elif isinstance(fact, AttemptEnded):
            self._on_ended(fact)
        elif isinstance(fact, TaskEnded):
            self._on_task_ended(fact)
        else:
            if isinstance(fact, HealthChanged) and self._gates is not None:
                self._gates.health(fact)
            if self._is_of_interest(fact):
                self._tell(fact)
            if isinstance(fact, RetryScheduled) and fact.attempt.task == self._position:
                self._be_ready(fact.due)

    def story(self) -> Story | None:
        if self._position is None:
            return None
        if self._waits_since is not None and self._outcome is None:
            self._tell_wait_for(self._looked_at, None)
        return Story(self._id, tuple(self._passages), self._outcome)

    def _is_of_interest(self, fact: Fact) -> bool:
        match fact:
            case HealthChanged():
                return fact.scope in self._scopes
            case GroupDecided():
                return f"group `{fact.group}`" in self._scopes
            case RunInterrupted() | RunStopping():
                return True
            case (
                TaskTakenUp()
                | TaskAdded()
                | TaskEnded()
                | UndeclaredWrites()
                | MergeStarted()
                | MergeEnded()
                | NotCached()
            ):
                return fact.task == self._position
            case RunStarted() | TaskQueued() | LineHeld() | SharesAsked() | RunEnded():
                return False  # what they mean for the task is told as its waits
            case _:
                return fact.attempt.task == self._position

    def _begin(self, fact: TaskAdded) -> None:
        self._position = fact.task
        if fact.group is not None:
            self._scopes.add(f"group `{fact.group}`")
        self._tell(fact)
        if self._outline is None:
            return
        task = self._outline.tasks[fact.task]
        self._scopes |= {f"limit `{name}`" for name in (*task.pools, *task.rates)}
        self._pending = {before for before, _ in task.after}
        if self._pending:
            self._waits_since = fact.at
        else:
            self._be_ready(fact.at)

    def _on_started(self, fact: AttemptStarted) -> None:
        position = fact.attempt.task
        if position == self._position:
            self._tell_waits()
            self._tell(fact)
        if self._gates is not None:
            self._gates.started(position)

    def _on_ended(self, fact: AttemptEnded) -> None:
        if self._gates is not None:
            self._gates.ended(fact.attempt.task)
        if fact.attempt.task == self._position:
            self._tell(fact)

    def _on_task_ended(self, fact: TaskEnded) -> None:
        if fact.task == self._position:
            if self._waits_since is not None:
                self._tell_wait_for(fact.at, None)
            self._tell_waits()
            self._tell(fact)
            self._outcome = fact.outcome
        elif fact.task in self._pending:
            self._pending.discard(fact.task)
            if not self._pending and self._waits_since is not None and self._outcome is None:
                self._tell_wait_for(fact.at, fact.task)
                self._be_ready(fact.at)

    def _tell(self, fact: Fact) -> None:
        if self._position is not None and self._outcome is None:
            self._passages.append(Happened(fact.at, fact))

    def _tell_wait_for(self, now: float, last: int | None) -> None:
        assert self._outline is not None
        assert self._position is not None
        assert self._waits_since is not None
        after = self._outline.tasks[self._position].after
        seconds, since = now - self._waits_since, self._waits_since
        self._waits_since = None
        if last is not None and seconds >= _TOO_SHORT_S:
            because = next(reason for before, reason in after if before == last)
            names = tuple(dict.fromkeys(self._ids[before] for before, _ in after))
            self._passages.append(WaitedFor(since, seconds, names, self._ids[last], because))
        elif last is None:
            pending = sorted(self._pending)
            self._passages.append(WaitedFor(since, seconds, tuple(self._ids[each] for each in pending)))

    def _be_ready(self, at: float) -> None:
        if self._gates is not None:
            self._ready_since = self._looked_at = at
            self._spans = {}

    def _let_pass(self, now: float) -> None:
        """Count the time since it was looked at last for the gates that are closed now, before ``now``."""
        assert self._gates is not None
        assert self._outline is not None
        assert self._position is not None
        task = self._outline.tasks[self._position]
        closed = tuple(self._gates.closed(task, self._scopes, self._ids))
        for because in closed or (None,):
            name = _gate(because)
            first, seconds = self._spans.get(name, (because, 0.0))
            self._spans[name] = (first, seconds + now - self._looked_at)
        self._looked_at = now

    def _tell_waits(self) -> None:
        if self._ready_since is None or self._outline is None or self._position is None:
            return
        rates = self._outline.tasks[self._position].rates
        for because, seconds in self._spans.values():
            if seconds >= _TOO_SHORT_S:
                told = rates if because is None else ()
                self._passages.append(WaitedAt(self._ready_since, seconds, because, told))
        self._ready_since = None


def _gate(because: WaitReason | None) -> str:
    match because:
        case PoolFull(pool):
            return f"pool {pool}"
        case LockHeld(lock):
            return f"lock {lock}"
        case CircuitOpen(scope) | CircuitProbing(scope):
            return f"circuit {scope}"
        case _:
            return ""
