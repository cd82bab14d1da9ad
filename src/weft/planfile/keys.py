"""Every key of a plan file: its name, what its value looks like, what it means.

The one table. The reader, the JSON Schema and the test of the docs all go by it. The structs say what is
left of each mapping once it has been read; a key that was absent, or could not be read, has its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from weft.model.access import Undeclared
from weft.model.aggregate import COMMON
from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Limit, Pool
from weft.model.policy import GRACE_S
from weft.model.priority import HIGH, LOW, NORMAL, Priority
from weft.model.retry import Jitter, Retry, RetryBudget
from weft.model.timeout import Timeout
from weft.model.work import ResultFormat
from weft.planfile.quantities import Duration, Expression, Factor, Failure, Least, Share, Window
from weft.planfile.shapes import (
    LARGEST,
    ByKind,
    Choice,
    Count,
    Flag,
    Key,
    ListOf,
    Made,
    MapOf,
    Name,
    Record,
    Shape,
    Text,
    Written,
)

T = TypeVar("T")


class Glob(msgspec.Struct, frozen=True):
    """The files that match a pattern."""

    pattern: str


class Values(msgspec.Struct, frozen=True):
    """Values as they stand in the plan."""

    values: tuple[str, ...]


Source = Glob | Values


class TaskEntry(msgspec.Struct, frozen=True):
    """One entry under `tasks`: a task, or a fan-out where ``each`` says so."""

    run: str | tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    each: Mapping[str, Source] = {}
    env: Mapping[str, str] = {}
    cwd: str = "."
    limits: Mapping[str, int] = {}
    priority: Priority = NORMAL
    duration: float | None = None
    result: ResultFormat = ResultFormat.NONE
    reads: tuple[str, ...] | None = None
    writes: tuple[str, ...] | None = None
    group: str | None = None
    retry: Retry | None = None
    timeout: Timeout | None = None


class AggregateEntry(msgspec.Struct, frozen=True):
    """One entry under `aggregates`; ``source`` is what stands under `from`."""

    source: tuple[str, ...] = ()
    strategy: str = "frequency"
    field: str | None = None
    threshold: float = COMMON


class PlanEntry(msgspec.Struct, frozen=True):
    """The whole file."""

    max_concurrent: int | None = None
    limits: Mapping[str, Limit] = {}
    env: Mapping[str, str] = {}
    tasks: Mapping[str, TaskEntry] = {}
    aggregates: Mapping[str, AggregateEntry] = {}
    groups: Mapping[str, Group] = {}
    undeclared: Undeclared = Undeclared.PARALLEL
    on_failure: Rest = Rest.CONTINUE
    timeout: float | None = None
    retry_budget: RetryBudget | None = None
    health: Health | None = None
    grace: float = GRACE_S


def _alone(value: T) -> tuple[T, ...]:
    return (value,)


def _command(run: str) -> TaskEntry:
    return TaskEntry(run)


def _source(pattern: str | None = None, values: tuple[str, ...] = ()) -> Source:
    return Values(values) if pattern is None else Glob(pattern)


def _limit(size: int = LARGEST, health: Health | None = None) -> Limit:
    return Pool(size, health)  # one that can't be read is wide enough for every task


def _health(window: int | float | None = None, **others: Any) -> Health:
    if window is None:
        return Health(**others)
    return Health(**{"window": window} if isinstance(window, int) else {"window_s": window}, **others)


_NAMES = ByKind(scalar=Made(Name(), _alone), items=ListOf(Name(), least=0))
_ENV = MapOf(Written(), r"[^=\s]+", "the name of an environment variable")
_PATTERN = Text("a glob")
_VALUES = ListOf(Written())
_FAILURE: Shape[int | str] = Failure()
_FAILURES = ByKind(scalar=Made(_FAILURE, _alone), items=ListOf(_FAILURE))
_REST = Choice({rest.value: rest for rest in Rest})
_GROUP_NAME = Text("the name of a group")

HEALTH = Record(
    "what is healthy",
    _health,
    (
        Key("max_error_rate", Share(), "Healthy is an error rate below this."),
        Key("window", Window(), "How many of the latest attempts are looked at, or those of how long."),
        Key("min_samples", Count(), "With fewer attempts than this nothing is said."),
        Key(
            "when_unhealthy",
            Choice({what.value: what for what in WhenUnhealthy}),
            "What is done: it is told, or nothing starts until a probe has succeeded, or all is given up.",
        ),
        Key(
            "cool_down",
            Duration(),
            "How long nothing starts before a probe is let through.",
            into="cool_down_s",
        ),
    ),
)

LIMIT = Record(
    "a limit",
    _limit,
    (
        Key("pool", Count(), "How many units may be in use at once.", required=True, into="size"),
        Key("health", HEALTH, "How many of the attempts that use it may fail."),
    ),
)

RETRY = Record(
    "how it is tried again",
    Retry,
    (
        Key("max_attempts", Count(), "The most attempts, the first included."),
        Key("base", Duration(), "Attempt number n is followed by a delay of base * factor^n.", into="base_s"),
        Key("factor", Factor(), "By how much each delay is longer than the one before."),
        Key("ceiling", Duration(), "The longest delay.", into="ceiling_s"),
        Key("jitter", Choice({jitter.value: jitter for jitter in Jitter}), "How chance spreads the delays."),
        Key("retry_on", _FAILURES, "The failures after which to try again. Without it, all."),
        Key("give_up_on", _FAILURES, "The failures after which not to; it wins over `retry_on`."),
        Key(
            "budget",
            Duration(),
            "No attempt begins when so much time has passed since the first one did.",
            into="budget_s",
        ),
        Key(
            "retry_after_ceiling",
            Duration(),
            "The longest wait that a failure may ask for.",
            into="retry_after_ceiling_s",
        ),
    ),
)

TIMEOUT = Record(
    "its timeouts",
    Timeout,
    (
        Key("attempt", Duration(), "How long an attempt may take.", into="attempt_s"),
        Key("task", Duration(), "How long all attempts and the waits between them may take.", into="task_s"),
    ),
)

RETRY_BUDGET = Record(
    "a budget for retries",
    RetryBudget,
    (
        Key("share", Share(), "The largest part of all attempts that may be retries."),
        Key("at_least", Count(0), "So many retries are always allowed."),
    ),
)

EACH = Record(
    "a source of values",
    _source,
    (
        Key(
            "glob",
            _PATTERN,
            "The files that match this pattern, relative to the plan's directory.",
            into="pattern",
        ),
        Key("list", _VALUES, "These values, as they are written.", into="values"),
    ),
    sole=True,
)

GROUP = Record(
    "a group",
    Group,
    (
        Key(
            "atomic",
            Flag(),
            "Nothing that conflicts with a member runs between the members.",
        ),
        Key(
            "critical",
            Flag(),
            "Whether the run ends when the group fails, or else goes on as if it had not.",
        ),
        Key("min_required", Least(), "How many members must succeed. Without it, all."),
        Key("when_met", _REST, "What becomes of the other members as soon as enough have succeeded."),
        Key("when_lost", _REST, "What becomes of them as soon as enough can't succeed any more."),
        Key("group", _GROUP_NAME, "The group that this one belongs to."),
        Key("health", HEALTH, "How many attempts of its members may fail."),
    ),
)

TASK = Record(
    "a task",
    TaskEntry,
    (
        Key(
            "run",
            ByKind(scalar=Text("a command"), items=ListOf(Written())),
            "The command. A string is a script for /bin/sh; a list is a program and its arguments.",
            required=True,
        ),
        Key(
            "needs",
            _NAMES,
            "The tasks that must succeed, and groups that must be met, before this one starts.",
        ),
        Key(
            "each",
            MapOf(
                ByKind(scalar=Made(_PATTERN, Glob), items=Made(_VALUES, Values), table=EACH),
                r"[A-Za-z_][A-Za-z0-9_]*",
                "a placeholder: letters, digits and `_`, not a digit first",
            ),
            "Fan-out: one task for each value, or for each combination where there are several keys.",
        ),
        Key("env", _ENV, "Environment variables of this task, on top of the plan's."),
        Key("cwd", Text("a directory"), "The directory it runs in, relative to the plan's."),
        Key("limits", MapOf(Count()), "How many units of each limit it takes while it runs."),
        Key(
            "priority",
            Choice({"high": HIGH, "normal": NORMAL, "low": LOW}),
            "Tasks of a higher priority start first.",
        ),
        Key("duration", Duration(), "How long it is expected to take; it shapes the order of starts only."),
        Key(
            "result",
            Choice({way.value: way for way in ResultFormat}),
            "How its standard output becomes its result.",
        ),
        Key("reads", _NAMES, "What it reads: paths, directories, globs, resources such as `db:orders`."),
        Key("writes", _NAMES, "What it writes, in the same form."),
        Key("group", _GROUP_NAME, "The group that it belongs to."),
        Key(
            "retry",
            ByKind(scalar=Made(Count(), Retry), table=RETRY),
            "How it is tried again when it fails: the most attempts, or more than that.",
        ),
        Key(
            "timeout",
            ByKind(scalar=Made(Duration(), Timeout), table=TIMEOUT),
            "How long an attempt may take, or more than that.",
        ),
    ),
)

AGGREGATE = Record(
    "an aggregate",
    AggregateEntry,
    (
        Key("from", _NAMES, "The tasks, or groups, whose results are counted.", required=True, into="source"),
        Key("strategy", Choice({"frequency": "frequency"}), "How the results become one.", required=True),
        Key("field", Expression(), "Where in each result the counted elements are, as a JMESPath."),
        Key("threshold", Share(), "The share of results in which an element must stand."),
    ),
)

PLAN = Record(
    "a plan",
    PlanEntry,
    (
        Key("max_concurrent", Count(), "How many tasks may run at once."),
        Key(
            "limits",
            MapOf(ByKind(scalar=Made(Count(), Pool), table=LIMIT)),
            "Limits that tasks share, by name: how many units of each may be in use at once.",
        ),
        Key("env", _ENV, "Environment variables of every task."),
        Key(
            "tasks",
            MapOf(ByKind(scalar=Made(Text("a command"), _command), table=TASK)),
            "The tasks by name. The order written is program order.",
            required=True,
        ),
        Key("groups", MapOf(GROUP), "Tasks that are treated alike, by the name of the group."),
        Key(
            "undeclared",
            Choice({way.value: way for way in Undeclared}),
            "What is done about tasks that declare neither `reads` nor `writes`.",
        ),
        Key("on_failure", _REST, "What becomes of the rest after a failure that no group tolerates."),
        Key("timeout", Duration(), "How long the run may take."),
        Key(
            "retry_budget",
            ByKind(scalar=Made(Share(), RetryBudget), table=RETRY_BUDGET),
            "How much of the work of the run may be retries.",
        ),
        Key("grace", Duration(), "How long a task that was asked to end is given before it is killed."),
        Key("health", HEALTH, "How many of all attempts may fail."),
        Key("aggregates", MapOf(AGGREGATE), "What is made of the results of several tasks, by name."),
    ),
)
