"""Every key of a plan file: its name, what its value looks like, what it means.

The one table. The reader, the JSON Schema and the test of the docs all go by it. The structs say what is
left of each mapping once it has been read; a key that was absent, or could not be read, has its default.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.access import Undeclared
from weft.model.aggregate import COMMON
from weft.model.group import Group
from weft.model.limits import Limit, Pool
from weft.model.priority import HIGH, LOW, NORMAL, Priority
from weft.model.work import ResultFormat
from weft.planfile.quantities import Duration, Expression, Share
from weft.planfile.shapes import (
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
    Text,
    Written,
)


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


def _alone(text: str) -> tuple[str, ...]:
    return (text,)


def _command(run: str) -> TaskEntry:
    return TaskEntry(run)


def _source(pattern: str | None = None, values: tuple[str, ...] = ()) -> Source:
    return Values(values) if pattern is None else Glob(pattern)


_NAMES = ByKind(scalar=Made(Name(), _alone), items=ListOf(Name(), least=0))
_ENV = MapOf(Written(), r"[^=\s]+", "the name of an environment variable")
_PATTERN = Text("a glob")
_VALUES = ListOf(Written())

LIMIT = Record(
    "a limit", Pool, (Key("pool", Count(), "How many units may be in use at once.", into="size"),), sole=True
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
        Key("needs", _NAMES, "The tasks that must succeed before this one starts."),
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
        Key("group", Text("the name of a group"), "The group that it belongs to."),
    ),
)

AGGREGATE = Record(
    "an aggregate",
    AggregateEntry,
    (
        Key("from", _NAMES, "The tasks whose results are counted.", required=True, into="source"),
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
        Key("aggregates", MapOf(AGGREGATE), "What is made of the results of several tasks, by name."),
    ),
)
