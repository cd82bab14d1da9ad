"""Health: the error rate of the latest attempts, and the circuit that opens when it is too high.

Knows successes, failures and moments. What an open circuit keeps from starting is decided in
`admission`, and what becomes of an unhealthy run in `scheduler`.

    CLOSED ──too many failures──→ OPEN ──cool-down over──→ HALF_OPEN ──the probe succeeds──→ CLOSED
                                   ↑                           │
                                   └──────the probe fails──────┘

This is the circuit breaker of M. Nygard, "Release It!" (2007).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum

from weft.model.attempt import Attempt
from weft.model.group import Group
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Limit
from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.task import Task


class Circuit(Enum):
    """Whether attempts may start."""

    CLOSED = "closed"  # they may
    OPEN = "open"  # none may
    HALF_OPEN = "half open"  # one may, as a probe


class Monitor:
    """Watches the attempts of a run, a ``group`` or a limit: its ``scope``, in words.

    Attributes:
        completed: how many attempts ended, over all.
        failed: how many of them failed, over all.
        healthy: whether the error rate of the latest attempts is below the largest that is allowed.
        circuit: opens only where ``health`` says "pause".
        due: when an open circuit lets a probe through.
        probe: the attempt that a half-open circuit has let through.
    """

    def __init__(self, scope: str, health: Health, group: str | None = None) -> None:
        self.scope = scope
        self.health = health
        self.group = group
        self.completed = 0
        self.failed = 0
        self.healthy = True
        self.circuit = Circuit.CLOSED
        self.due = 0.0
        self.probe: Attempt | None = None
        self._samples: deque[tuple[float, bool]] = deque()
        self._n_failed = 0  # of the samples

    @property
    def error_rate(self) -> float:
        """How many of the latest attempts failed, from 0 to 1."""
        return self._n_failed / len(self._samples) if self._samples else 0.0

    @property
    def told(self) -> tuple[str, bool, Circuit, float, int, int]:
        """What a fact tells of it."""
        return self.scope, self.healthy, self.circuit, self.error_rate, self.completed, self.failed

    def started(self, attempt: Attempt) -> None:
        """Take in that an attempt was let through."""
        assert self.circuit is not Circuit.OPEN, f"{attempt} went through the open circuit of {self.scope}"
        if self.circuit is Circuit.HALF_OPEN:
            assert self.probe is None, f"{attempt} and {self.probe} are probes of {self.scope}"
            self.probe = attempt

    def ended(self, attempt: Attempt, success: bool | None, now: float) -> None:
        """Take in how an attempt ended; None when it was cut short, which says nothing."""
        if success is not None:
            self.completed += 1
            self.failed += not success
            self._sample(success, now)
        if self.probe == attempt:
            self.probe = None
            if success is not None:
                self._judge_probe(success, now)
        elif self.circuit is Circuit.CLOSED:  # an open one learns nothing from those that were on their way
            self._judge(now)

    def cool_down_over(self) -> None:
        """Let one attempt through."""
        assert self.circuit is Circuit.OPEN, f"{self.scope} cools down and is {self.circuit}"
        self.circuit = Circuit.HALF_OPEN

    def _judge_probe(self, success: bool, now: float) -> None:
        if success:
            self._samples.clear()
            self._n_failed = 0
            self.circuit, self.healthy = Circuit.CLOSED, True
        else:
            self._open(now)

    def _judge(self, now: float) -> None:
        enough = len(self._samples) >= self.health.min_samples
        self.healthy = not enough or self.error_rate < self.health.max_error_rate
        if not self.healthy and self.health.when_unhealthy is WhenUnhealthy.PAUSE:
            self._open(now)

    def _open(self, now: float) -> None:
        self.circuit, self.healthy = Circuit.OPEN, False
        self.due = now + self.health.cool_down_s

    def _sample(self, success: bool, now: float) -> None:
        samples, health = self._samples, self.health
        samples.append((now, success))
        self._n_failed += not success
        while samples[0][0] < now - health.window_s if health.window_s else len(samples) > health.window:
            self._n_failed -= not samples.popleft()[1]


class Monitors:
    """All monitors of a run, and which of them watch a task.

    Args:
        run: the health of the run, if it is watched.
        groups: of the plan.
        limits: of the plan.
    """

    def __init__(self, run: Health | None, groups: Mapping[str, Group], limits: Mapping[str, Limit]) -> None:
        self.all: list[Monitor] = []
        self._groups = groups
        self._of_run = self._add("the run", run)
        self._of_group = {
            name: self._add(f"group `{name}`", group.health, group=name) for name, group in groups.items()
        }
        self._of_limit = {
            name: self._add(f"limit `{name}`", limit.health) for name, limit in limits.items() if limit.health
        }

    def _add(self, scope: str, health: Health | None, group: str | None = None) -> tuple[int, ...]:
        if health is None:
            return ()
        self.all.append(Monitor(scope, health, group))
        return (len(self.all) - 1,)

    def of(self, task: Task) -> tuple[int, ...]:
        """Return the numbers of the monitors that watch ``task``."""
        found = self._of_run
        group = task.group
        while group is not None:
            found += self._of_group[group]
            group = self._groups[group].group
        for name in task.limits if self._of_limit else ():
            found += self._of_limit.get(name, ())
        return found

    def started(self, task: Task, attempt: Attempt) -> None:
        """Let those who watch ``task`` know that an attempt has started."""
        for number in self.of(task):
            self.all[number].started(attempt)

    def ended(self, task: Task, attempt: Attempt, outcome: Outcome, now: float) -> Iterator[int]:
        """Let those who watch ``task`` know how an attempt ended; yield the numbers of those it has moved."""
        success = {Succeeded: True, Failed: False}.get(type(outcome))
        for number in self.of(task):
            monitor = self.all[number]
            before = monitor.healthy, monitor.circuit, monitor.probe
            monitor.ended(attempt, success, now)
            if before != (monitor.healthy, monitor.circuit, monitor.probe):
                yield number
