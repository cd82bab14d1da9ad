"""Failure-tolerant tasks: an aggregate that is about shares or votes does not need all results.

Of the others, such as a concatenation, nobody but the user knows whether a part would do.
"""

from __future__ import annotations

from collections.abc import Iterator

from weft.model.aggregate import Aggregate, Frequency, Majority, Quorum, Union, Weighted
from weft.model.group import Group
from weft.planning.names import Names
from weft.planning.recommend.evidence import Aggregated, Evidence, GroupOfOthers, Tolerated
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure, of_tasks, together
from weft.planning.recommend.subject import Subject
from weft.planning.sources import sources

MIN_REQUIRED = "50%"
FEWEST_RESULTS = 2
_DOES_WITH_A_PART = Frequency | Majority | Quorum | Union | Weighted


def tolerant(subject: Subject) -> Recommendation | None:
    """Recommend how many results are enough for the tasks that an aggregate is made of."""
    names = Names(subject.tasks, subject.plan.groups)
    found: list[Evidence] = []
    left: list[Evidence] = []
    known: list[Evidence] = []
    patches: list[dict[str, object]] = []
    settled: set[str] = set()
    needed_whole = {
        at
        for declared, positions in _aggregated(subject, names).values()
        if not isinstance(declared.strategy, _DOES_WITH_A_PART)
        for at in positions
    }
    for aggregate, (declared, positions) in _aggregated(subject, names).items():
        entries = [name for name in subject.entries_of(positions) if name not in settled]
        is_whole = sum(len(subject.entries[name]) for name in entries) == len(positions)
        if len(positions) < FEWEST_RESULTS or not is_whole:
            continue
        tolerating = [name for name in _groups(subject, positions) if _tolerates(subject.plan.groups[name])]
        if tolerating:
            known.append(Tolerated(aggregate, tuple(tolerating)))
        elif not needed_whole.isdisjoint(positions):
            continue
        elif obstacles := list(_obstacles(subject, aggregate, positions, names)):
            left += obstacles
        else:
            found.append(Aggregated(aggregate, tuple(entries), len(positions)))
            patches.append(_patch(subject, aggregate, positions, _enough(declared)))
        settled.update(entries)
    if found or left:
        sure = Sure.LIKELY if found else Sure.POSSIBLE
        return Recommendation(Scenario.TOLERANT, sure, tuple(found), together(patches), tuple(left))
    return Recommendation(Scenario.TOLERANT, Sure.CERTAIN, tuple(known)) if known else None


def _aggregated(subject: Subject, names: Names) -> dict[str, tuple[Aggregate, list[int]]]:
    """Return all aggregates with the tasks that they are made of."""
    return {
        name: (aggregate, sources(aggregate.source, subject.tasks, names))
        for name, aggregate in subject.plan.aggregates.items()
    }


def _groups(subject: Subject, positions: list[int]) -> list[str]:
    groups = (subject.tasks[at].group for at in positions)
    return list(dict.fromkeys(group for group in groups if group is not None))


def _tolerates(group: Group) -> bool:
    return group.min_required is not None or group.critical is False


def _obstacles(
    subject: Subject, aggregate: str, positions: list[int], names: Names
) -> Iterator[GroupOfOthers]:
    """Yield the groups of which more would be said than of these tasks, or that say the contrary."""
    groups = _groups(subject, positions)
    for group in groups:
        members = [at for at in positions if subject.tasks[at].group == group]
        declared = subject.plan.groups[group]
        has_others = names.positions([group]) != positions or len(groups) > 1
        has_inner = any(other.group == group for other in subject.plan.groups.values())
        if has_others or has_inner or declared.atomic or declared.critical:
            yield GroupOfOthers(aggregate, subject.entries_of(members)[0], group)


def _enough(aggregate: Aggregate) -> int | str:
    """Return how many results are enough: what the aggregate says itself, if it does."""
    told = aggregate.min_required
    return MIN_REQUIRED if told is None else f"{100 * told:g}%" if isinstance(told, float) else told


def _patch(subject: Subject, aggregate: str, positions: list[int], enough: int | str) -> dict[str, object]:
    groups = _groups(subject, positions)
    if groups:
        return {"groups": {groups[0]: {"min_required": enough}}}
    entries = subject.entries_of(positions)
    group = entries[0] if len(entries) == 1 else _free_name(subject, aggregate)
    members = of_tasks({name: {"group": group} for name in entries})
    return {"groups": {group: {"min_required": enough}}} | members


def _free_name(subject: Subject, wanted: str) -> str:
    """Return a name that no task or group has yet."""
    taken = {*subject.entries, *(task.id for task in subject.tasks), *subject.plan.groups}
    while wanted in taken:
        wanted += "-sources"
    return wanted
