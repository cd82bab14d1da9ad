"""What if: how long a run would take if something about the plan were different.

Runs the real scheduler in virtual time on a plan that has been changed. Knows changes and what they come to;
nothing of the user's own plan moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import assert_never

import msgspec

from weft.errors import PlanError, UsageError
from weft.model.limits import MAX_CONCURRENT, Limit, Pool
from weft.model.rate import Rate, limit_in
from weft.planning.check import task_problems
from weft.planning.loosen import loosen
from weft.planning.merges import shares_place
from weft.planning.names import Names
from weft.planning.nearest import nearest
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.prepare import PreparedPlan
from weft.views.forecast import forecast
from weft.views.page import WIDTH, Page, seconds

FORMS = "`jobs N`, `drop A->B`, `private A` or `limit NAME N`"

_JOBS = re.compile(r"(?:-j|--jobs|jobs)[\s=]*(-?\d+)")
_DROP = re.compile(r"drop\s+(.+?)\s*->\s*(.+)")
_PRIVATE = re.compile(r"private\s+(.+)")
_LIMIT = re.compile(r"limit\s+(.+?)[\s=]+(-?\d+)")
_RATE = re.compile(r"limit\s+(.+?)[\s=]+(\d+\s*/\s*\w+)")


class Jobs(msgspec.Struct, frozen=True, tag=True):
    """``max_concurrent`` tasks may run at once."""

    max_concurrent: int

    def __str__(self) -> str:
        return f"jobs {self.max_concurrent}"


class Drop(msgspec.Struct, frozen=True, tag=True):
    """Nothing orders ``after`` directly after ``before``."""

    before: str
    after: str

    def __str__(self) -> str:
        return f"drop {self.before}->{self.after}"


class Private(msgspec.Struct, frozen=True, tag=True):
    """``task`` writes to a workspace of its own."""

    task: str

    def __str__(self) -> str:
        return f"private {self.task}"


class Limited(msgspec.Struct, frozen=True, tag=True):
    """The pool ``name`` holds ``size`` units."""

    name: str
    size: int

    def __str__(self) -> str:
        return f"limit {self.name} {self.size}"


class Paced(msgspec.Struct, frozen=True, tag=True):
    """The rate ``name`` lets so much start, as in "200/min"."""

    name: str
    rate: str

    def __str__(self) -> str:
        return f"limit {self.name} {self.rate}"


Change = Jobs | Drop | Private | Limited | Paced


class Prediction(msgspec.Struct, frozen=True):
    """How long a run would take with ``change`` and all changes before it."""

    change: Change
    makespan_s: float


class WhatIf(Page, frozen=True):
    """How long a run would take as the plan is, and with each further change."""

    max_concurrent: int
    makespan_s: float
    predictions: tuple[Prediction, ...]

    def lines(self) -> Iterator[str]:
        """Return the page line by line."""
        labels = [
            "as it is",
            *(f"{'and ' if n else ''}{told.change}" for n, told in enumerate(self.predictions)),
        ]
        width = min(max(map(len, labels)), WIDTH - 40)
        yield f"{labels[0]:{width}}  {seconds(self.makespan_s):>12}  with {self.max_concurrent} at once"
        for label, told in zip(labels[1:], self.predictions, strict=True):
            yield f"{label:{width}}  {seconds(told.makespan_s):>12}  {self._saved(told.makespan_s)}"

    def _saved(self, makespan_s: float) -> str:
        saved_s = self.makespan_s - makespan_s
        if abs(saved_s) < 0.05:
            return "no shorter"
        return f"{seconds(abs(saved_s))} {'shorter' if saved_s > 0 else 'longer'}"


def parse_change(text: str) -> Change:
    """Return the change that ``text`` asks for.

    >>> parse_change("drop build -> test")
    Drop(before='build', after='test')
    >>> parse_change("-j 16")
    Jobs(max_concurrent=16)

    Raises:
        UsageError: it is none.
    """
    text = text.strip()
    if match := _JOBS.fullmatch(text):
        return Jobs(_at_least_one(int(match[1]), text))
    if match := _DROP.fullmatch(text):
        return Drop(match[1], match[2])
    if match := _PRIVATE.fullmatch(text):
        return Private(match[1])
    if match := _LIMIT.fullmatch(text):
        size = _at_least_one(int(match[2]), text)
        return Jobs(size) if match[1] == MAX_CONCURRENT else Limited(match[1], size)
    if match := _RATE.fullmatch(text):
        limit_in(match[2])
        return Paced(match[1], match[2])
    raise UsageError(f"`{text}` is no change of a plan\n  hint: expected {FORMS}")


def _at_least_one(number: int, text: str) -> int:
    if number < 1:
        raise UsageError(f"`{text}`: expected 1 or more")
    return number


def what_if(
    prepared: PreparedPlan, max_concurrent: int, changes: Sequence[Change], ground: Ground = NOWHERE
) -> WhatIf:
    """Return what ``changes`` come to, each on top of those before it.

    ``ground`` is what the plan was prepared with.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> chain = prepare(plan(task("a"), task("b", needs=["a"])))
    >>> [told.makespan_s for told in what_if(chain, 1, [Drop("a", "b"), Jobs(2)]).predictions]
    [2.0, 1.0]

    Raises:
        UsageError: a change names what is not in the plan, or changes nothing.
        PlanError: a task could not run any more.
    """
    predictions = []
    trial = _Trial(prepared, max_concurrent, ground)
    makespan_s = trial.makespan_s()
    for change in changes:
        trial.apply(change)
        predictions.append(Prediction(change, trial.makespan_s()))
    return WhatIf(max_concurrent, makespan_s, tuple(predictions))


class _Trial:
    """A plan, and the changes that have been made to it."""

    def __init__(self, prepared: PreparedPlan, max_concurrent: int, ground: Ground) -> None:
        self._prepared = prepared
        self._max_concurrent = max_concurrent
        self._ground = ground
        self._dropped: list[tuple[int, int]] = []
        self._private: list[int] = []

    def apply(self, change: Change) -> None:
        match change:
            case Jobs(max_concurrent):
                self._max_concurrent = max_concurrent
            case Drop():
                self._drop(change)
            case Private(task):
                self._keep_private(task)
            case Limited(name, size):
                self._prepared = _limited(self._prepared, name, _pool(self._limit(name), name, size))
            case Paced(name, rate):
                self._prepared = _limited(self._prepared, name, _rate(self._limit(name), name, rate))
            case _:
                assert_never(change)

    def makespan_s(self) -> float:
        return forecast(self._loosened(), self._max_concurrent).makespan_s

    def _loosened(self) -> PreparedPlan:
        return loosen(self._prepared, dropped=self._dropped, private=self._private, ground=self._ground)

    def _limit(self, name: str) -> Limit:
        limits = self._prepared.plan.limits
        if name not in limits:
            near = nearest(name, (*limits, MAX_CONCURRENT))
            hint = f"\n  hint: did you mean `{near}`?" if near else ""
            raise UsageError(f"there is no limit `{name}` in the plan{hint}")
        return limits[name]

    def _drop(self, change: Drop) -> None:
        before, after = change.before, change.after
        sources = frozenset(positions_of(self._prepared, before))
        tasks = self._loosened().tasks
        edges = [edge for position in positions_of(self._prepared, after) for edge in tasks[position].edges]
        pairs = sorted({(edge.before, edge.after) for edge in edges if edge.before in sources})
        if not pairs:
            hint = f"\n  hint: `weft explain {before} {after}` tells what does order them"
            raise UsageError(f"nothing orders `{after}` directly after `{before}`{hint}")
        self._dropped += pairs

    def _keep_private(self, name: str) -> None:
        positions = positions_of(self._prepared, name)
        groups = self._prepared.plan.groups
        if any(shares_place(self._prepared.tasks[position].task, groups) for position in positions):
            hint = "\n  hint: its members work in one place, the group's"
            raise UsageError(f"`{name}` is in an atomic group, and can't have a workspace of its own{hint}")
        if all(self._prepared.tasks[position].task.accesses is None for position in positions):
            hint = "\n  hint: it declares no accesses; what depends on them is not known"
            raise UsageError(f"a workspace of its own changes nothing about `{name}`{hint}")
        self._private += positions


def positions_of(prepared: PreparedPlan, name: str) -> list[int]:
    """Return the positions of the task or the members of the fan-out of this name.

    Raises:
        UsageError: there is neither.
    """
    names = Names(prepared.plan.tasks, prepared.plan.groups)
    if not names.knows(name):
        near = nearest(name, names)
        hint = f"\n  hint: did you mean `{near}`?" if near else ""
        raise UsageError(f"there is no task `{name}` in the plan{hint}")
    return names.positions([name])


def position_of(prepared: PreparedPlan, name: str) -> int:
    """Return the position of the task of this name.

    Raises:
        UsageError: there is none, or it is a fan-out of several.
    """
    positions = positions_of(prepared, name)
    if len(positions) > 1:
        member = prepared.tasks[positions[0]].task.id
        raise UsageError(
            f"`{name}` is a fan-out of {len(positions)} tasks\n  hint: name one, such as `{member}`"
        )
    return positions[0]


def _pool(limit: Limit, name: str, size: int) -> Pool:
    if isinstance(limit, Rate):
        hint = f"\n  hint: write `limit {name} {size}/min`, or whatever span it is"
        raise UsageError(f"`{name}` is a rate: {size} of it says nothing{hint}")
    return msgspec.structs.replace(limit, size=size)


def _rate(limit: Limit, name: str, rate: str) -> Rate:
    if not isinstance(limit, Rate):
        raise UsageError(f"`{name}` is a pool: it knows no span\n  hint: write `limit {name} N`")
    first, *others = limit.windows
    if others:
        raise UsageError(f"`{name}` has {len(limit.windows)} windows, and this tells of one")
    return Rate({first.cost: rate})


def _limited(prepared: PreparedPlan, name: str, limit: Limit) -> PreparedPlan:
    plan = prepared.plan
    changed = msgspec.structs.replace(plan, limits={**plan.limits, name: limit})
    for task in plan.tasks:
        if found := task_problems(task, changed.limits, changed.groups):
            raise PlanError(found)
    return msgspec.structs.replace(prepared, plan=changed)
