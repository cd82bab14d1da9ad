"""From the entries under `aggregates` to Aggregates: each strategy has its own keys.

A key that another strategy has would be without effect, and is told as a mistake.
"""

from __future__ import annotations

from msgspec.structs import replace

from weft.model.aggregate import (
    COMMON,
    HEADER,
    MAX_SUPPORTERS,
    Aggregate,
    Concat,
    Frequency,
    Intersection,
    Majority,
    MergeFiles,
    Ordered,
    Quorum,
    Reduce,
    Strategy,
    Union,
    Weighted,
)
from weft.model.work import Command, ResultFormat
from weft.planfile.keys import AGGREGATE, KEYS_OF, NEEDED_BY, AggregateEntry, PlanEntry
from weft.planfile.reading import Reading
from weft.planfile.tree import Table, node_at

_OWN = frozenset(key for keys in KEYS_OF.values() for key in keys)
_MEANINGS = {key.name: key.meaning for key in AGGREGATE.keys}


def aggregates_of(entry: PlanEntry, reading: Reading) -> dict[str, Aggregate]:
    """Return the aggregates of a plan; those whose strategy can't be told are left out."""
    found = {}
    for name, written in entry.aggregates.items():
        strategy = written.strategy
        if strategy is None:
            continue
        _check_keys(name, strategy, reading)
        # What is for other strategies has been told of.
        aggregate = replace(written, **dict.fromkeys(_OWN.difference(KEYS_OF[strategy])))
        most = aggregate.max_supporters
        found[name] = Aggregate(
            aggregate.source,
            _strategy(strategy, aggregate, entry),
            aggregate.field,
            aggregate.key,
            aggregate.min_required,
            MAX_SUPPORTERS if most is None else most,
            bool(aggregate.stop_when_decided),
        )
    return found


def _check_keys(name: str, strategy: str, reading: Reading) -> None:
    """Take down the keys that the strategy has no use for, and those that it lacks."""
    path = ("aggregates", name)
    node = node_at(reading.tree, path)
    assert isinstance(node, Table), f"{path} was read as a mapping"
    for key in node.nodes:
        if key in _OWN and key not in KEYS_OF[strategy]:
            others = ", ".join(f"`{other}`" for other, keys in KEYS_OF.items() if key in keys)
            message = f"`{key}` of aggregate `{name}` has no effect: it is for {others}"
            reading.problem((*path, key), message, f"the strategy here is `{strategy}`")
    needed = NEEDED_BY.get(strategy)
    if needed is not None and needed not in node.nodes:
        message = f"aggregate `{name}` has no `{needed}`, which the strategy `{strategy}` needs"
        reading.problem(path, message, f"`{needed}:` {_MEANINGS[needed]}")


def _strategy(name: str, entry: AggregateEntry, plan: PlanEntry) -> Strategy:
    """Return the strategy of this ``name``; what can't be read has something in its place."""
    match name:
        case "ordered":
            return Ordered()
        case "concat":
            return Concat()
        case "union":
            return Union()
        case "intersection":
            return Intersection()
        case "frequency":
            return Frequency(COMMON if entry.threshold is None else entry.threshold)
        case "majority":
            return Majority()
        case "quorum":
            return Quorum(1 if entry.quorum is None else entry.quorum)
        case "weighted":
            return Weighted(entry.weights or {})
        case "reduce":
            return Reduce(Command(entry.run or "", plan.env, result=ResultFormat.JSON))
        case "merge-files":
            header = HEADER if entry.header is None else entry.header
            return MergeFiles(entry.to or "", entry.files or (), header)
    raise AssertionError(f"`{name}` is none of {KEYS_OF}")
