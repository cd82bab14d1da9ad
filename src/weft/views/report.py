"""The report of a run: how it ended, and the outcome of every task in plan order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from weft.errors import TaskFailed, TaskFailures
from weft.model.miss import MissReason, NotKeptReason
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.model.reason import EndReason, GroupLost, GroupMet, RunTimedOut, TimedOut
from weft.model.sentences import outcome_sentence
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    CacheHit,
    CacheMissed,
    Fact,
    GroupDecided,
    NotCached,
    RunEnded,
    RunInterrupted,
    RunStopping,
    TaskAdded,
    TaskEnded,
    TaskTakenUp,
    UndeclaredWrites,
)
from weft.scheduling.states import RunState
from weft.views.chronicle import TOLD_NOTHING, Chronicle
from weft.views.metrics import Metrics
from weft.views.spans import brief


class GroupReport(msgspec.Struct, frozen=True):
    """How a group ended; ``met`` is None when the run ended before that was decided.

    The counts are those of its members: of its tasks, and of the groups inside it, of which a met one
    has succeeded and a lost one failed. ``required`` is how many had to succeed, where their number decided.
    """

    met: bool | None
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0
    required: int | None = None

    @property
    def members(self) -> int:
        """How many members have ended."""
        return self.succeeded + self.failed + self.cancelled + self.skipped


class HealthReport(msgspec.Struct, frozen=True):
    """The health of the run, a group or a limit, as it was last told.

    ``error_rate`` (0 to 1) is that of the latest attempts, ``completed`` and ``failed`` count all of them.
    """

    is_healthy: bool = True
    error_rate: float = 0.0
    completed: int = 0
    failed: int = 0


class Report(msgspec.Struct, frozen=True):
    """What became of a run.

    ``outcomes`` maps task ids to outcomes, in plan order. ``aggregates`` holds the plan's
    aggregates by name. ``seconds`` is the time from the first fact to the last. ``signal`` is what
    interrupted the run, if a signal did. ``because`` tells why the run ended early, if it did. ``groups`` and
    ``health`` tell how they stood at the end; health by what was watched: "the run", "group `x`",
    "limit `x`". ``attempts`` tells the number of attempts of tasks that had more than one,
    ``undeclared`` what tasks have written in their workspaces and not declared. ``resumed``
    is the id of the run that this one has taken up, and ``taken_over`` are the tasks that were done there.
    Of tasks that are cached, ``cached`` are those whose result of earlier still held, ``missed`` tells why
    others ran, and ``not_kept`` why what they have made could not be kept. ``chronicle`` holds the facts, of
    which ``metrics`` are made.
    """

    state: RunState
    outcomes: Mapping[str, Outcome]
    aggregates: Mapping[str, Any] = {}
    seconds: float = 0.0
    signal: int | None = None
    because: EndReason | None = None
    groups: Mapping[str, GroupReport] = {}
    health: Mapping[str, HealthReport] = {}
    attempts: Mapping[str, int] = {}
    undeclared: Mapping[str, tuple[str, ...]] = {}
    resumed: str | None = None
    taken_over: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    missed: Mapping[str, MissReason] = {}
    not_kept: Mapping[str, NotKeptReason] = {}
    chronicle: Chronicle = TOLD_NOTHING

    def __str__(self) -> str:
        """The run in a line; its `repr` has all of it.

        >>> print(Report(RunState.SUCCEEDED, {"build": Succeeded(), "test": Succeeded()}, seconds=0.25))
        succeeded after 250 ms: 2 succeeded
        """
        ends = Counter(type(outcome) for outcome in self.outcomes.values())
        kinds: tuple[type[Outcome], ...] = (Succeeded, Failed, Cancelled, Skipped)
        told = ", ".join(f"{ends[kind]:,} {kind.__name__.lower()}" for kind in kinds if ends[kind])
        return f"{self.state.value} after {brief(self.seconds)}: {told or 'no tasks'}"

    @property
    def metrics(self) -> Metrics:
        """The run in numbers; worked out when they are asked for first."""
        return self.chronicle.metrics

    @property
    def timed_out(self) -> bool:
        """Whether the run failed because it, or every task that failed, took too long."""
        if self.state is not RunState.FAILED:
            return False
        failures = [end.because for end in self.outcomes.values() if isinstance(end, Failed)]
        late = bool(failures) and all(isinstance(because, TimedOut) for because in failures)
        return isinstance(self.because, RunTimedOut) or late

    @property
    def results(self) -> dict[str, Any]:
        """The results of the tasks that succeeded, in plan order."""
        return {task: done.value for task, done in self.outcomes.items() if isinstance(done, Succeeded)}

    @property
    def not_succeeded(self) -> dict[str, Outcome]:
        """The outcomes of all other tasks, in plan order."""
        return {task: end for task, end in self.outcomes.items() if not isinstance(end, Succeeded)}

    def raise_for_failures(self) -> None:
        """Raise all that went wrong at once; do nothing when every task succeeded.

        Raises:
            TaskFailures: an ExceptionGroup with the original exceptions of the tasks that raised,
                and a `TaskFailed` for each other task that did not succeed, in plan order.
        """
        errors = [error_of(task, outcome) for task, outcome in self.not_succeeded.items()]
        if errors:
            count = f"{len(errors)} of {len(self.outcomes)} tasks did not succeed"
            raise TaskFailures(count, errors)


def error_of(task: str, outcome: Outcome) -> Exception:
    """Return what to raise where the result of a task was wanted that has none."""
    if isinstance(outcome, Failed) and isinstance(outcome.exception, Exception):
        return outcome.exception
    return TaskFailed(task, outcome_sentence(outcome))


class _Group:
    """What is known of one group so far."""

    def __init__(self) -> None:
        self.met: bool | None = None
        self.required: int | None = None
        self.ended: Counter[type[Outcome]] = Counter()

    def report(self) -> GroupReport:
        ended = self.ended
        return GroupReport(
            self.met, ended[Succeeded], ended[Failed], ended[Cancelled], ended[Skipped], self.required
        )


class ReportView:
    """Gathers a report from the facts of a run."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._outcomes: dict[int, Outcome] = {}
        self._first: float | None = None
        self._last = 0.0
        self._state: RunState | None = None
        self._signal: int | None = None
        self._because: EndReason | None = None
        self._groups: dict[str, _Group] = {}
        self._group_of: dict[int, str] = {}
        self._health: dict[str, HealthReport] = {}
        self._attempts: dict[int, int] = {}
        self._undeclared: dict[int, tuple[str, ...]] = {}
        self._resumed: str | None = None
        self._taken_over: list[int] = []
        self._chronicle = Chronicle()
        self._cached: set[int] = set()
        self._missed: dict[int, MissReason] = {}
        self._not_kept: dict[int, NotKeptReason] = {}

    def fold(self, fact: Fact) -> None:
        """Take in the next fact."""
        self.fold_all((fact,))

    def fold_all(self, facts: Sequence[Fact]) -> None:
        """Take in the next facts."""
        outcomes, ids = self._outcomes, self._ids
        self._chronicle.tell(facts)
        for fact in facts:
            if type(fact) is TaskEnded:
                outcomes[fact.task] = fact.outcome
                if fact.task in self._group_of:
                    self._groups[self._group_of[fact.task]].ended[type(fact.outcome)] += 1
            elif type(fact) is TaskAdded:
                if fact.group is not None:
                    self._group_of[len(ids)] = fact.group
                    self._groups.setdefault(fact.group, _Group())
                ids.append(fact.id)
            elif type(fact) is AttemptStarted:
                if fact.attempt.number > 1:
                    self._attempts[fact.attempt.task] = fact.attempt.number
            elif type(fact) is not AttemptEnded:  # of which there are many
                self._fold_seldom(fact)
        if facts:
            self._first = facts[0].at if self._first is None else self._first
            self._last = facts[-1].at

    def _fold_seldom(self, fact: Fact) -> None:
        if isinstance(fact, UndeclaredWrites):
            self._undeclared[fact.task] = fact.paths
        elif isinstance(fact, TaskTakenUp):
            self._resumed = fact.run
            if fact.again is None:
                self._taken_over.append(fact.task)
        elif isinstance(fact, CacheHit | CacheMissed | NotCached):
            self._looked_up(fact)
        elif isinstance(fact, GroupDecided):
            self._decided(fact)
        elif isinstance(fact, RunStopping):
            self._because = self._because or fact.because
        elif isinstance(fact, RunEnded):
            self._state = fact.state
            self._health = {
                told.scope: HealthReport(told.healthy, told.error_rate, told.completed, told.failed)
                for told in fact.health
            }
        elif isinstance(fact, RunInterrupted):
            self._signal = self._signal or fact.signal

    def _looked_up(self, fact: CacheHit | CacheMissed | NotCached) -> None:
        match fact:
            case CacheHit(_, attempt):
                self._cached.add(attempt.task)
            case CacheMissed(_, attempt, because):
                self._missed[attempt.task] = because
            case NotCached(_, task, why):
                self._not_kept[task] = why

    def _has_succeeded(self, position: int) -> bool:
        return isinstance(self._outcomes.get(position), Succeeded)

    def _decided(self, fact: GroupDecided) -> None:
        group = self._groups.setdefault(fact.group, _Group())
        group.met = fact.met
        if isinstance(fact.because, GroupMet | GroupLost):
            group.required = fact.because.required
        if fact.outer is not None:
            outer = self._groups.setdefault(fact.outer, _Group())
            outer.ended[Succeeded if fact.met else Failed] += 1

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The outcomes so far, by task id, in plan order."""
        outcomes = self._outcomes
        return {task: outcomes[position] for position, task in enumerate(self._ids) if position in outcomes}

    def report(self) -> Report:
        """Return the report, without aggregates; the run must have ended."""
        assert self._state is not None, "a report before the end of the run"
        seconds = self._last - (self._first or 0.0)
        return Report(
            self._state,
            self.outcomes,
            seconds=seconds,
            signal=self._signal,
            because=self._because,
            groups={name: group.report() for name, group in self._groups.items()},
            health=dict(self._health),
            attempts={self._ids[position]: number for position, number in self._attempts.items()},
            undeclared={self._ids[position]: paths for position, paths in sorted(self._undeclared.items())},
            resumed=self._resumed,
            taken_over=tuple([self._ids[position] for position in self._taken_over]),
            chronicle=self._chronicle,
            cached=tuple([self._ids[each] for each in sorted(self._cached) if self._has_succeeded(each)]),
            missed={self._ids[position]: why for position, why in sorted(self._missed.items())},
            not_kept={self._ids[position]: why for position, why in sorted(self._not_kept.items())},
        )
