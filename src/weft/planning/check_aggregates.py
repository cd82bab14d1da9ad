"""Do the aggregates of a plan make sense: where they come from, their numbers, and who may be left out?

Knows names, numbers and edges. Whether a `field` can be read is found out by those who read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from weft.errors import Problem
from weft.model.aggregate import (
    MAX_SUPPORTERS,
    Aggregate,
    Frequency,
    Intersection,
    Majority,
    MergeFiles,
    Quorum,
    Union,
    Weighted,
)
from weft.model.plan import Plan
from weft.model.reason import NeedsGroup
from weft.model.sentences import sentence
from weft.model.work import has_result
from weft.planning.names import Names
from weft.planning.nearest import did_you_mean
from weft.planning.sources import is_pattern, sources
from weft.planning.wiring import Wiring


def aggregate_problems(plan: Plan, wiring: Wiring) -> Iterator[Problem]:
    """Yield what is wrong with the aggregates of ``plan``."""
    outputs: dict[str, str] = {}
    for title, aggregate in plan.aggregates.items():
        unknown = list(_from(plan, title, aggregate, wiring.names))
        yield from unknown
        positions = sources(aggregate.source, plan.tasks, wiring.names)
        for key, message, hint in _numbers(aggregate, None if unknown else len(positions)):
            yield Problem(("aggregates", title, key), f"`{key}` of aggregate `{title}` {message}", hint)
        for key, why in _without_effect(aggregate):
            yield Problem(("aggregates", title, key), f"`{key}` of aggregate `{title}` has no effect: {why}")
        strategy = aggregate.strategy
        if isinstance(strategy, Weighted) and isinstance(strategy.weights, Mapping):
            yield from _weights(title, strategy.weights, wiring.names)
        if isinstance(strategy, MergeFiles):
            if strategy.to in outputs:
                message = f"aggregates `{outputs[strategy.to]}` and `{title}` both write `{strategy.to}`"
                yield Problem(("aggregates", title, "to"), message, "give each a file of its own")
            outputs.setdefault(strategy.to, title)
        if aggregate.stop_when_decided:
            yield from _left_out(plan, title, aggregate, set(positions), wiring)


def _from(plan: Plan, title: str, aggregate: Aggregate, names: Names) -> Iterator[Problem]:
    for number, name in enumerate(aggregate.source):
        path = ("aggregates", title, "from", number)
        positions = sources([name], plan.tasks, names)
        if is_pattern(name, names):
            if not positions:
                message = f"aggregate `{title}` is made from `{name}`, which matches no task"
                yield Problem(path, message, "`*` stands for any text, and `?` for one character")
                continue
        elif not names.knows(name):
            message = f"aggregate `{title}` is made from `{name}`, which is not in the plan"
            yield Problem(path, message, did_you_mean(name, names))
            continue
        reads_results = not isinstance(aggregate.strategy, MergeFiles)
        if reads_results and not any(has_result(plan.tasks[position].work) for position in positions):
            message = f"aggregate `{title}` is made from `{name}`, which has no result"
            yield Problem(path, message, f"give `{name}` a `result:`, such as json")


def _numbers(aggregate: Aggregate, n_tasks: int | None) -> Iterator[tuple[str, str, str | None]]:
    """Yield keys, and what is wrong with their numbers; ``n_tasks`` is None where nobody knows."""
    strategy = aggregate.strategy
    if isinstance(strategy, Frequency) and not 0 <= strategy.threshold <= 1:
        yield "threshold", f"is {strategy.threshold:g}; expected 0 to 1", "1 stands for 100%"
    if isinstance(strategy, Quorum):
        yield from _least("quorum", strategy.least, n_tasks)
    if aggregate.min_required is not None:
        yield from _least("min_required", aggregate.min_required, n_tasks)
    if aggregate.max_supporters < 0:
        yield "max_supporters", f"is {aggregate.max_supporters}; expected 0 or more", None
    if aggregate.stop_when_decided and not isinstance(strategy, Majority | Quorum):
        yield "stop_when_decided", "is for votes: the strategies `majority` and `quorum`", None


def _without_effect(aggregate: Aggregate) -> Iterator[tuple[str, str]]:
    """Yield the keys that the strategy has no use for, and why."""
    if isinstance(aggregate.strategy, MergeFiles) and aggregate.field is not None:
        yield "field", "texts are taken as they are"
    if not isinstance(aggregate.strategy, Union | Intersection | Frequency | Majority | Quorum | Weighted):
        if aggregate.key is not None:
            yield "key", "nothing is compared"
        if aggregate.max_supporters != MAX_SUPPORTERS:
            yield "max_supporters", "nothing is counted"


def _least(key: str, least: int | float, n_tasks: int | None) -> Iterator[tuple[str, str, str | None]]:
    if isinstance(least, bool) or not (least >= 1 if isinstance(least, int) else 0 < least <= 1):
        yield key, f"is {least!r}; expected a whole number, 1 or more, or a share up to 1.0", None
    elif isinstance(least, int) and n_tasks is not None and least > n_tasks:
        hint = f"a share of them is written `{least}%`, and {least / 100:g} in Python"
        message = f"is {least}; expected no more than its tasks, of which there are {n_tasks}"
        yield key, message, hint if least <= 100 else None


def _weights(title: str, weights: Mapping[str, float], names: Names) -> Iterator[Problem]:
    for name, weight in weights.items():
        path = ("aggregates", title, "weights", name)
        if not names.knows(name):
            message = f"aggregate `{title}` weighs `{name}`, which is not in the plan"
            yield Problem(path, message, did_you_mean(name, names))
        if not (isfinite(weight) and weight >= 0):
            message = f"the weight of `{name}` in aggregate `{title}` is {weight:g}; expected 0 or more"
            yield Problem(path, message)


def _left_out(
    plan: Plan, title: str, aggregate: Aggregate, voters: set[int], wiring: Wiring
) -> Iterator[Problem]:
    """Yield the tasks that can't do without a voter, which may be left out."""
    told: set[str] = set()
    for edges in wiring.edges:
        for edge in edges:
            if edge.before not in voters or not edge.required or isinstance(edge.because, NeedsGroup):
                continue
            after = plan.tasks[edge.after]
            entry = after.family or after.id
            if entry not in told:
                told.add(entry)
                voter = plan.tasks[edge.before].id
                message = (
                    f"aggregate `{title}` may leave out `{voter}` by `stop_when_decided`, and `{entry}` can't"
                    f" do without: {sentence(edge.because)}"
                )
                hint = f"put the voters into a group, and let `{entry}` need the group"
                yield Problem(("aggregates", title, "stop_when_decided"), message, hint)
