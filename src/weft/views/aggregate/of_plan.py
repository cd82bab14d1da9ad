"""The aggregates of a plan: whose results each of them is made of, and what is made of them here.

What needs files or a command is made in `runtime.aggregates`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, assert_never

import msgspec

from weft.errors import TooFewResults
from weft.model.aggregate import (
    Aggregate,
    Concat,
    Frequency,
    Intersection,
    Majority,
    MergeFiles,
    Ordered,
    Quorum,
    Reduce,
    Union,
    Weighted,
)
from weft.model.outcome import Outcome
from weft.model.plan import Plan
from weft.model.share import least_of
from weft.planning.names import Names
from weft.planning.sources import sources
from weft.scheduling.voting import Election
from weft.views.aggregate.attendance import Made
from weft.views.aggregate.elements import frequency, intersection, key_reader, union
from weft.views.aggregate.field import field_reader
from weft.views.aggregate.identity import identity
from weft.views.aggregate.lists import concat, ordered
from weft.views.aggregate.votes import majority, quorum, weighted


class NotMade(msgspec.Struct, frozen=True):
    """In place of an aggregate that a run could not make from its results."""

    why: str


class PlanResults:
    """The outcomes of a run, as the aggregates of its plan ask for them.

    Args:
        plan: whose tasks all have ended.
        outcomes: the outcome of each of them, by id.
        met: of each group by name, whether it is met.
    """

    def __init__(self, plan: Plan, outcomes: Mapping[str, Outcome], met: Mapping[str, bool | None]) -> None:
        self._plan = plan
        self._names = Names(plan.tasks, plan.groups)
        self._outcomes = outcomes
        self._met = met

    def of(self, aggregate: Aggregate) -> dict[str, Outcome]:
        """Return the outcomes of which ``aggregate`` is made, by task, in plan order.

        Raises:
            TooFewResults: it is made from a group that has not got what it requires.
        """
        for name in aggregate.source:
            group = self._plan.groups.get(name)
            if group is not None and group.min_required is not None and not self._met.get(name):
                raise TooFewResults(f"the group `{name}` has not got what it requires")
        return {task: self._outcomes[task] for task in self._ids(aggregate.source)}

    def made(self, aggregate: Aggregate) -> Made:
        """Return what is made of the results, for all strategies but those that need files or a command.

        Raises:
            TooFewResults: there are fewer results than are required.
            UsageError: a result can't be read as the aggregate wants.
        """
        outcomes, strategy = self.of(aggregate), aggregate.strategy
        lists: dict[str, Any] = {"field": aggregate.field, "min_required": aggregate.min_required}
        counts = {**lists, "key": aggregate.key, "max_supporters": aggregate.max_supporters}
        match strategy:
            case Ordered():
                return ordered(outcomes, **lists)
            case Concat():
                return concat(outcomes, **lists)
            case Union():
                return union(outcomes, **counts)
            case Intersection():
                return intersection(outcomes, **counts)
            case Frequency(threshold):
                return frequency(outcomes, threshold=threshold, **counts)
            case Majority():
                return majority(outcomes, **counts)
            case Quorum(least):
                return quorum(outcomes, least, **counts)
            case Weighted(weights):
                known = weights if isinstance(weights, str) else self._weights(weights)
                return weighted(outcomes, known, **counts)
            case Reduce() | MergeFiles():
                raise AssertionError(f"{strategy} needs more than results")
            case _:
                assert_never(strategy)

    def _weights(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return what the votes of each task weigh; a later name wins over an earlier one."""
        return {task: weight for name, weight in weights.items() for task in self._ids((name,))}

    def _ids(self, source: tuple[str, ...]) -> list[str]:
        tasks = self._plan.tasks
        return [tasks[position].id for position in sources(source, tasks, self._names)]


def elections_of(plan: Plan) -> tuple[Election, ...]:
    """Return the votes of ``plan`` that end as soon as they are decided.

    Raises:
        UsageError: a `field` or `key` is no JMESPath.
    """
    names = Names(plan.tasks, plan.groups) if plan.aggregates else None
    found = []
    for name, aggregate in plan.aggregates.items():
        if aggregate.stop_when_decided and isinstance(aggregate.strategy, Majority | Quorum):
            assert names is not None
            voters = tuple(sources(aggregate.source, plan.tasks, names))
            required = 0 if aggregate.min_required is None else least_of(aggregate.min_required, len(voters))
            found.append(Election(name, voters, aggregate.strategy, _Ballot(aggregate), required))
    return tuple(found)


class _Ballot:
    """Tells what a result votes for: the same answers are equal."""

    def __init__(self, aggregate: Aggregate) -> None:
        self._find = field_reader(aggregate.field)
        self._key = key_reader(aggregate.key) or identity

    def __call__(self, value: object) -> Hashable:
        answer = self._find(value)
        return None if answer is None else self._key(answer)
