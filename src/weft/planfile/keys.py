"""Every key of a plan file: its name, what its value looks like, what it means.

The one table. The reader, the JSON Schema and the test of the docs all go by it. The structs say what is
left of each mapping once it has been read; a key that was absent, or could not be read, has its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from weft.errors import UsageError
from weft.model.access import Undeclared
from weft.model.cache import CACHE_BYTES, Cache, cache_of
from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Limit, Pool
from weft.model.lock import Hold, Lock, holds
from weft.model.policy import AGING_S, GRACE_S
from weft.model.priority import HIGH, LOW, NORMAL, Priority
from weft.model.rate import Aimd, Cost, Rate
from weft.model.retry import Jitter, Retry, RetryBudget
from weft.model.scope import Scope
from weft.model.timeout import Timeout
from weft.model.work import ResultFormat
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planfile.other_words import HINTS_OF_PLAN, HINTS_OF_TASK
from weft.planfile.quantities import (
    Amount,
    Duration,
    ExitCode,
    Expression,
    Factor,
    Failure,
    Least,
    PerSpan,
    Share,
    Weight,
    Window,
)
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
    Shape,
    Text,
    Written,
)

T = TypeVar("T")

# The strategies of aggregates, and which keys each of them has besides `from`, `strategy` and `min_required`.
_COUNTED = ("field", "key", "max_supporters")
KEYS_OF: Mapping[str, tuple[str, ...]] = {
    "ordered": ("field",),
    "concat": ("field",),
    "union": _COUNTED,
    "intersection": _COUNTED,
    "frequency": (*_COUNTED, "threshold"),
    "majority": (*_COUNTED, "stop_when_decided"),
    "quorum": (*_COUNTED, "quorum", "stop_when_decided"),
    "weighted": (*_COUNTED, "weights"),
    "reduce": ("field", "run"),
    "merge-files": ("files", "to", "header"),
}
# Those that the strategy can't do without.
NEEDED_BY: Mapping[str, str] = {
    "quorum": "quorum",
    "weighted": "weights",
    "reduce": "run",
    "merge-files": "to",
}


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
    limits: Mapping[str, Cost] = {}
    locks: Mapping[str, Hold] = {}
    priority: Priority = NORMAL
    duration: float | None = None
    result: ResultFormat = ResultFormat.NONE
    reads: tuple[str, ...] | None = None
    writes: tuple[str, ...] | None = None
    group: str | None = None
    retry: Retry | None = None
    timeout: Timeout | None = None
    speculative: bool = False
    pure: bool = False
    idempotent: bool = False
    workspace: Workspace | None = None
    merge: Merge | None = None
    cache: Cache | None = None


class AggregateEntry(msgspec.Struct, frozen=True):
    """One entry under `aggregates`; ``source`` is what stands under `from`. What is absent is None."""

    source: tuple[str, ...] = ()
    strategy: str | None = None
    field: str | None = None
    key: str | None = None
    threshold: float | None = None
    quorum: int | float | None = None
    weights: Mapping[str, float] | str | None = None
    run: str | tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None
    to: str | None = None
    header: str | None = None
    min_required: int | float | None = None
    max_supporters: int | None = None
    stop_when_decided: bool | None = None


class CacheEntry(msgspec.Struct, frozen=True):
    """The entry `cache` of the plan."""

    size: int = CACHE_BYTES


class PlanEntry(msgspec.Struct, frozen=True):
    """The whole file."""

    max_concurrent: int | None = None
    limits: Mapping[str, Limit] = {}
    locks: Mapping[str, Lock] = {}
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
    aging: float = AGING_S
    workspace: Workspace | None = None
    merge: Merge | None = None
    cache: CacheEntry = CacheEntry()


def _alone(value: T) -> tuple[T, ...]:
    return (value,)


def _command(run: str) -> TaskEntry:
    return TaskEntry(run)


def _source(pattern: str | None = None, values: tuple[str, ...] = ()) -> Source:
    return Values(values) if pattern is None else Glob(pattern)


def _limit(
    pool: int | None = None,
    health: Health | None = None,
    scope: Scope = Scope.RUN,
    adapt: Aimd | bool | None = None,
    **paced: Any,
) -> Limit:
    if pool is None:
        adapting = adapt if isinstance(adapt, Aimd) else None if adapt is False else Aimd()
        return Rate(health=health, scope=scope, adapt=adapting, **paced)
    if paced or adapt is not None:
        raise UsageError(f"a pool has no `{next(iter(paced), 'adapt')}`, which is for rates")
    return Pool(pool, health, scope)


def _merge(
    policy: MergePolicy | None = None,
    at: MergeAt = MergeAt.TASK,
    command: str | tuple[str, ...] | None = None,
) -> Merge:
    if policy is None:
        policy = MergePolicy.FAIL if command is None else MergePolicy.COMMAND
    return Merge(policy, command, at)


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
_RATES: Shape[Any] = ByKind(scalar=PerSpan(), items=ListOf(PerSpan()))
_RATE: Shape[Any] = ByKind(scalar=PerSpan(), items=ListOf(PerSpan()), table=MapOf(_RATES))
_CODE = ExitCode()
_CODES = ByKind(scalar=Made(_CODE, _alone), items=ListOf(_CODE))
_SCOPE = Choice({scope.value: scope for scope in Scope})
_HOLD = Choice({hold.value: hold for hold in Hold})
_REST = Choice({rest.value: rest for rest in Rest})
_GROUP_NAME = Text("the name of a group")
_RUN: Shape[Any] = ByKind(scalar=Text("a command"), items=ListOf(Written()))
_KIND = Choice({kind.value: kind for kind in WorkspaceKind})
_POLICIES = {policy.value: policy for policy in MergePolicy}
_WITHOUT_COMMAND = {word: policy for word, policy in _POLICIES.items() if policy is not MergePolicy.COMMAND}

WORKSPACE = Record(
    "a workspace",
    Workspace,
    (
        Key("kind", _KIND, "What a task finds there: the plan's directory, an empty one, or a copy."),
        Key("include", _NAMES, "The files of which a copy is made. Without it, all."),
        Key("exclude", _NAMES, "What is neither copied nor brought back, as in a .gitignore."),
        Key("setup", _RUN, "A command that runs there before the task."),
        Key("readonly", _NAMES, "What the task must leave as it is, in the form of `reads`."),
        Key("ports", _NAMES, "TCP ports of its own: `http` is told to it as WEFT_PORT_HTTP."),
    ),
)

MERGE = Record(
    "how it is merged",
    _merge,
    (
        Key("policy", Choice(_POLICIES), "What becomes of files that others have changed as well."),
        Key(
            "at",
            Choice({at.value: at for at in MergeAt}),
            "When: at the end of the task, of its group, or of the run.",
        ),
        Key("command", _RUN, "A command that merges two files into one."),
    ),
)

_WORKSPACE = Key(
    "workspace",
    ByKind(scalar=Made(_KIND, Workspace), table=WORKSPACE),
    "Where it works: in the plan's directory, an empty one of its own, or its own copy.",
)
_MERGE = Key(
    "merge",
    ByKind(scalar=Made(Choice(_WITHOUT_COMMAND), Merge), table=MERGE),
    "How what was made in a workspace is brought back: what becomes of files that others have changed.",
)

CACHE = Record(
    "how it is cached",
    Cache,
    (
        Key("inputs", _NAMES, "The files that its result depends on. Without it, its `reads`."),
        Key("outputs", _NAMES, "The files that it makes. Without it, its `writes`."),
        Key("ttl", Duration(), "For how long a result may be used. Without it, for ever.", into="ttl_s"),
        Key("env", _NAMES, "Environment variables that its result depends on; its own `env` always counts."),
        Key("version", Written(), "Any text: another one makes all earlier results void."),
        Key(
            "restore",
            Flag(),
            "Whether copies of its outputs are kept, and put back where they are missing or changed.",
        ),
    ),
)

CACHE_OF_ALL = Record(
    "the cache",
    CacheEntry,
    (Key("size", Amount(), "How large it may be after a run: what was used longest ago goes first."),),
)

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

ADAPT = Record(
    "how it adapts",
    Aimd,
    (
        Key("decrease", Share(), "The part of the rate that a burst of refusals leaves."),
        Key("increase", Share(), "The part of the limit that each span without a refusal gives back."),
    ),
)

LIMIT = Record(
    "a limit",
    _limit,
    (
        Key("pool", Amount(), "How many units may be in use at once."),
        Key("rate", _RATE, "How many units may be started in each span of time.", into="limit"),
        Key("burst", Count(), "The most units of a rate at one moment; the rest is spread evenly."),
        Key(
            "adapt",
            ByKind(scalar=Flag(), table=ADAPT),
            "Whether a rate is lowered when the other side refuses, and by how much.",
        ),
        Key("refused_on", _CODES, "The exit codes by which commands tell that the other side has refused."),
        Key("health", HEALTH, "How many of the attempts that use it may fail."),
        Key("scope", _SCOPE, "Who counts together: the tasks of a run, or all runs of a user on a machine."),
    ),
    one_of=("pool", "rate"),
)

LOCK = Record(
    "a lock",
    Lock,
    (Key("scope", _SCOPE, "Among whom it is held: the tasks of a run, or all runs of a user on a machine."),),
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
    one_of=("glob", "list"),
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
        _WORKSPACE,
        _MERGE,
    ),
)

TASK = Record(
    "a task",
    TaskEntry,
    (
        Key(
            "run",
            _RUN,
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
        Key(
            "limits",
            MapOf(ByKind(scalar=Amount(), table=MapOf(Count(0)))),
            "How many units of each pool it takes while it runs, and what its start costs of each rate.",
        ),
        Key(
            "locks",
            ByKind(
                scalar=Made(Name(), holds), items=Made(ListOf(Name(), least=0), holds), table=MapOf(_HOLD)
            ),
            "The locks that it holds while it runs.",
        ),
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
        Key(
            "speculative",
            Flag(),
            "Whether it runs only where nothing else can, and makes room. It must be pure or idempotent.",
        ),
        Key("pure", Flag(), "Whether it leaves nothing behind but its result."),
        Key("idempotent", Flag(), "Whether doing it twice, or half and then again, is as good as once."),
        _WORKSPACE,
        _MERGE,
        Key(
            "cache",
            ByKind(scalar=Made(Flag(), cache_of), table=CACHE),
            "Whether it need not run while its last result holds, and what that depends on.",
        ),
    ),
    hints={**HINTS_OF_TASK, **{key.name: f"write `workspace: {{{key.name}: …}}`" for key in WORKSPACE.keys}},
)

AGGREGATE = Record(
    "an aggregate",
    AggregateEntry,
    (
        Key(
            "from",
            _NAMES,
            "The tasks, fan-outs or groups whose results become one, or patterns for ids with `*` and `?`.",
            required=True,
            into="source",
        ),
        Key("strategy", Choice({name: name for name in KEYS_OF}), "How they become one.", required=True),
        Key("field", Expression(), "Where in each result to look, as a JMESPath."),
        Key("key", Expression(), "What makes two elements or answers the same, as a JMESPath into each."),
        Key("threshold", Share(), "The share of results in which an element must stand."),
        Key("quorum", Least(), "How many votes an answer needs, or which share of those that are cast."),
        Key(
            "weights",
            ByKind(scalar=Expression(), table=MapOf(Weight())),
            "What votes weigh: by the names of tasks, or where in each result that stands, as a JMESPath.",
        ),
        Key(
            "run",
            _RUN,
            "The command that is given the JSON array of all values, and writes JSON.",
        ),
        Key(
            "files",
            _NAMES,
            "The files of each task, as globs with `{task}` and `{value}`. Without it, its standard output.",
        ),
        Key(
            "to", Text("a file"), "The file that the texts are written to, relative to the plan's directory."
        ),
        Key("header", Written(), "The line before each text, with `{task}` and `{file}`; empty for none."),
        Key("min_required", Least(), "How many results there must be. Without it, any number."),
        Key("max_supporters", Count(0), "Of each element or answer, so many names of tasks are kept."),
        Key(
            "stop_when_decided",
            Flag(),
            "Whether voters are left out as soon as they can't change the verdict any more.",
        ),
    ),
)

PLAN = Record(
    "a plan",
    PlanEntry,
    (
        Key("max_concurrent", Count(), "How many tasks may run at once."),
        Key(
            "limits",
            MapOf(ByKind(scalar=Made(Amount(), Pool), table=LIMIT)),
            "Limits that tasks share, by name: how many units may be in use at once, or start in a span.",
        ),
        Key("locks", MapOf(LOCK), "Locks that need more to be said than that tasks hold them, by name."),
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
        Key(
            "aging",
            Duration(),
            "How long a task waits for tasks of a higher priority before it moves up one level.",
        ),
        _WORKSPACE,
        _MERGE,
        Key("cache", CACHE_OF_ALL, "What holds for the results that are kept of all tasks."),
        Key("aggregates", MapOf(AGGREGATE), "What is made of the results of several tasks, by name."),
    ),
    hints=HINTS_OF_PLAN,
)
