"""Metrics: what a run, its groups and its tasks have done, in numbers.

All of it is worked out from facts. What a number means exactly stands beside it here, and in
docs/concepts/metrics.md; how it is shown is decided elsewhere.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import Any

import msgspec

from weft.model.outcome import Failed, Succeeded
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    CacheHit,
    CacheMissed,
    Fact,
    RunStarted,
    TaskAdded,
    TaskEnded,
)
from weft.scheduling.states import NAME_AFTER
from weft.views.critical import CriticalPath
from weft.views.gates import Gate
from weft.views.usage import LimitUse, Usage
from weft.views.waits import Life, Waits

PERCENTILES = (50, 90, 95, 99)


class TaskMetrics(msgspec.Struct, frozen=True, gc=False):
    """One task that has ended. The sum of ``waits`` and ``service_s`` is the time from submission to end.

    Attributes:
        state: how it ended: "succeeded", "failed", "cancelled" or "skipped".
        submitted: the moment, in seconds of the run's clock.
        ended: likewise.
        attempts: how many were begun.
        service_s: how long its attempts took together, in seconds.
        waits: how long it waited, in seconds by gate: "dependency", "pool gpu", "backoff" and so on.
        retried_s: of ``service_s``, what went into attempts that failed and were tried again.
        wasted_s: of ``service_s``, speculation that had to make room, or that nobody needed.
    """

    id: str
    state: str
    submitted: float
    ended: float
    attempts: int = 0
    service_s: float = 0.0
    waits: Mapping[str, float] = {}
    retried_s: float = 0.0
    wasted_s: float = 0.0
    group: str | None = None


class Totals(msgspec.Struct, frozen=True):
    """What many tasks have done together.

    Attributes:
        counts: how many tasks are in which state. Of tasks that have not ended, "running" are those of
            which an attempt runs, "waiting" all others.
        throughput: tasks that had an attempt and have ended, per second since the run began.
        attempts: how many attempts have ended.
        error_rate: of the attempts that succeeded or failed, how many failed (0 to 1).
        retries: how many attempts were made, or are to be made, because the one before had failed.
        retried_s: seconds that went into attempts that failed and were tried again.
        wasted_s: seconds of speculation that had to make room, or that nobody needed.
        service_s: seconds that all attempts took together.
        percentiles_s: of the seconds that the attempts at one task took together, by percentile (nearest
            rank), and the largest as 100; of tasks that have ended and had an attempt.
        waits: seconds that tasks which have ended waited together, by gate.
        cache_hits: how many attempts ended with a result of earlier, which still held.
        cache_misses: how many did their work although their task is cached.
    """

    counts: Mapping[str, int]
    throughput: float = 0.0
    attempts: int = 0
    error_rate: float = 0.0
    retries: int = 0
    retried_s: float = 0.0
    wasted_s: float = 0.0
    service_s: float = 0.0
    percentiles_s: Mapping[int, float] = {}
    waits: Mapping[str, float] = {}
    cache_hits: int = 0
    cache_misses: int = 0

    @property
    def cache_hit_rate(self) -> float | None:
        """Of the attempts at tasks that are cached, how many were hits (0 to 1); None if there were none."""
        looked_up = self.cache_hits + self.cache_misses
        return self.cache_hits / looked_up if looked_up else None


class Metrics(msgspec.Struct, frozen=True):
    """A run in numbers.

    Attributes:
        elapsed_s: from the first fact to the last, in seconds.
        run: of all tasks.
        groups: of the tasks of each group; those of groups inside it are counted there.
        tasks: each task that has ended, by id in plan order.
        limits: what was used of each limit. `max_concurrent` is the run's own pool, locks are "lock x".
        work_s: seconds that attempts took together, without wasted speculation: as one after the other.
        critical_path: the longest chain of tasks each of which had to wait for the one before.
        critical_path_s: the seconds of the attempts in it: no number of slots makes the run shorter.
        speed_up: ``work_s`` / ``elapsed_s``: how many times as long one after the other would have taken.
        bound_s: the larger of ``critical_path_s`` and the work, in slots times seconds, shared evenly by all
            slots.
        efficiency: ``bound_s`` / ``elapsed_s``, at most 1: how near the run came to the shortest possible.
    """

    elapsed_s: float
    run: Totals
    groups: Mapping[str, Totals] = {}
    tasks: Mapping[str, TaskMetrics] = {}
    limits: Mapping[str, LimitUse] = {}
    work_s: float = 0.0
    critical_path: tuple[str, ...] = ()
    critical_path_s: float = 0.0
    speed_up: float = 0.0
    bound_s: float = 0.0
    efficiency: float = 0.0


class _Sum:
    """Adds up tasks as they come, and as they end."""

    def __init__(self) -> None:
        self.added = self.running = 0
        self.ended: Counter[str] = Counter()
        self.outcomes: Counter[type] = Counter()  # of attempts
        self.service_s = self.retried_s = self.wasted_s = 0.0
        self.retries = self.cache_hits = self.cache_misses = 0
        self.waits: dict[str, float] = {}
        self.services_s = array("d")

    def end(self, task: TaskMetrics, n_retries: int) -> None:
        self.ended[task.state] += 1
        self.retries += n_retries
        self.retried_s += task.retried_s
        self.wasted_s += task.wasted_s
        for gate, seconds in task.waits.items():
            self.waits[gate] = self.waits.get(gate, 0.0) + seconds
        if task.attempts:
            self.services_s.append(task.service_s)

    def totals(self, elapsed_s: float) -> Totals:
        n_ended = self.ended.total()
        waiting = self.added - n_ended - self.running
        unended = {name: n for name, n in (("running", self.running), ("waiting", waiting)) if n}
        failed, succeeded = self.outcomes[Failed], self.outcomes[Succeeded]
        return Totals(
            {**self.ended, **unended},
            len(self.services_s) / elapsed_s if elapsed_s else 0.0,
            self.outcomes.total(),
            failed / (failed + succeeded) if failed else 0.0,
            self.retries,
            self.retried_s,
            self.wasted_s,
            self.service_s,
            percentiles(self.services_s),
            dict(sorted(self.waits.items())),
            self.cache_hits,
            self.cache_misses,
        )


class MetricsView:
    """Gathers the metrics of a run from its facts."""

    def __init__(self) -> None:
        self._waits = Waits()
        self._usage = Usage()
        self._began: float | None = None
        self._now = 0.0
        self._run = _Sum()
        self._run_alone = (self._run,)
        self._groups: dict[str, _Sum] = {}
        self._tasks: dict[int, TaskMetrics] = {}
        self._slot_s = 0.0  # useful work, in slots times seconds
        self._max_concurrent: int | None = None
        self._names: dict[Gate, str] = {}
        self._path = CriticalPath()
        self._before: dict[type[Fact], Callable[[Any], None]] = {  # what is looked at before `waits` moves on
            RunStarted: self._begin,
            TaskAdded: self._add,
            AttemptStarted: self._start_attempt,
            AttemptEnded: self._end_attempt,
            CacheHit: self._hit,
            CacheMissed: self._miss,
        }

    def fold(self, fact: Fact) -> None:
        """Take in the next fact."""
        if self._began is None:
            self._began = fact.at
        self._now = fact.at - self._began
        before = self._before.get(type(fact))
        if before is not None:
            before(fact)
        if isinstance(fact, TaskEnded):
            life = self._waits.lives[fact.task]
            self._waits.fold(fact)
            self._end(fact, life)
        else:
            self._waits.fold(fact)
        released = self._waits.released
        if released:
            for life in released:
                self._path.lengthen(life)
            released.clear()

    def fold_all(self, facts: Sequence[Fact]) -> None:
        """Take in the next facts."""
        for fact in facts:
            self.fold(fact)

    def metrics(self) -> Metrics:
        """Return the metrics as they stand by the last fact."""
        run, elapsed_s = self._run.totals(self._now), self._now
        work_s = run.service_s - run.wasted_s
        path_s = self._path.seconds
        path = [self._tasks[position] for position in self._path.positions()]
        bound_s = max(path_s, self._slot_s / self._max_concurrent if self._max_concurrent else 0.0)
        return Metrics(
            elapsed_s,
            run,
            {name: group.totals(elapsed_s) for name, group in self._groups.items()},
            {task.id: task for _, task in sorted(self._tasks.items())},
            self._usage.limits(elapsed_s),
            work_s,
            tuple([task.id for task in path if task.attempts]),
            path_s,
            work_s / elapsed_s if elapsed_s else 0.0,
            bound_s,
            bound_s / elapsed_s if elapsed_s else 0.0,
        )

    def _sums(self, group: str | None) -> Iterable[_Sum]:
        if group is None:
            return self._run_alone
        return self._run, self._groups.setdefault(group, _Sum())

    def _begin(self, fact: RunStarted) -> None:
        self._max_concurrent = fact.max_concurrent
        self._usage.begin(fact)

    def _add(self, fact: TaskAdded) -> None:
        for each in self._sums(fact.group):
            each.added += 1

    def _start_attempt(self, fact: AttemptStarted) -> None:
        added = self._waits.lives[fact.attempt.task].added
        self._usage.start(added, self._now)
        for each in self._sums(added.group):
            each.running += 1

    def _end_attempt(self, fact: AttemptEnded) -> None:
        life = self._waits.lives[fact.attempt.task]
        assert life.started is not None, f"{fact.attempt} ends and never began"
        self._usage.end(life.added, self._now)
        for each in self._sums(life.added.group):
            each.running -= 1
            each.outcomes[type(fact.outcome)] += 1
            each.service_s += fact.at - life.started

    def _hit(self, fact: CacheHit) -> None:
        for each in self._sums(self._waits.lives[fact.attempt.task].added.group):
            each.cache_hits += 1

    def _miss(self, fact: CacheMissed) -> None:
        for each in self._sums(self._waits.lives[fact.attempt.task].added.group):
            each.cache_misses += 1

    def _end(self, fact: TaskEnded, life: Life) -> None:
        added, waits = life.added, life.waits
        task = TaskMetrics(
            added.id,
            NAME_AFTER[type(fact.outcome)],
            added.at,
            fact.at,
            life.attempts,
            life.service_s,
            {self._name(gate): seconds for gate, seconds in waits.items()} if waits else {},
            life.retried_s,
            life.wasted_s,
            added.group,
        )
        self._tasks[fact.task] = task
        if life.attempts:
            self._slot_s += self._usage.weight(added) * (life.service_s - life.wasted_s)
        for each in self._sums(added.group):
            each.end(task, life.n_retries)

    def _name(self, gate: Gate) -> str:
        name = self._names.get(gate)
        if name is None:
            name = self._names[gate] = str(gate)
        return name


def percentiles(values: Iterable[float]) -> dict[int, float]:
    """Return some percentiles by nearest rank, and the largest as 100; nothing of nothing.

    >>> percentiles([3.0, 1.0, 2.0])
    {50: 2.0, 90: 3.0, 95: 3.0, 99: 3.0, 100: 3.0}
    """
    ordered = sorted(values)
    n = len(ordered)
    return {each: ordered[max(ceil(n * each / 100), 1) - 1] for each in (*PERCENTILES, 100)} if n else {}


def metrics_of(facts: Sequence[Fact]) -> Metrics:
    """Return the metrics of a run with these facts."""
    view = MetricsView()
    view.fold_all(facts)
    return view.metrics()
