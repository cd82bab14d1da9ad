"""Shared resources: tasks that only stand in each other's way get a place of their own to write."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from weft.model.access import Undeclared
from weft.model.reason import WriteAfterRead, WriteAfterWrite
from weft.model.workspace import MergePolicy
from weft.planning.loosen import loosen
from weft.planning.merges import shares_place
from weft.planning.pairs import count_pairs
from weft.planning.recommend.evidence import Clash, Evidence, Freed, IsPrivate, SameOutput
from weft.planning.recommend.network import others_of
from weft.planning.recommend.own_place import Keys, keys_for, own_place, ways
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure, of_tasks
from weft.planning.recommend.subject import Subject, entry_of

# How many entries are tried, and in a large plan how many tasks all trials may prepare.
MOST_TRIALS = 20
MOST_TRIED_TASKS = 100_000
MOST_COMPARED = 100  # of the tasks that write one file


def shared(subject: Subject) -> Recommendation | None:
    """Recommend workspaces for tasks that wait for others only because both touch the same.

    And for those whose commands write the same file in no order, which one of them does not declare.
    """
    clashes = list(_clashes(subject))
    waiting = dict.fromkeys(clash.after for clash in clashes)
    useful = _useful(subject, list(waiting))
    chosen: dict[str, Keys] = {}
    found: list[Evidence] = []
    left: list[Evidence] = []
    for name in useful:
        place = own_place(subject, name)
        if isinstance(place, dict):
            chosen[name] = place
            found += [clash for clash in clashes if clash.after == name]
        else:
            left.append(place)
    if n_freed := _sequential(subject, []) - _sequential(subject, chosen):
        found.append(Freed(n_freed))
    else:
        chosen, found = {}, []
    for same, policy in _same_outputs(subject, chosen):
        found.append(same)
        chosen |= {name: keys_for(subject, name, policy) for name in same.entries}
    if found or left:
        is_seen = not any(others_of(subject.scripts[at]) for name in chosen for at in subject.entries[name])
        sure = Sure.LIKELY if found and is_seen else Sure.POSSIBLE
        return Recommendation(Scenario.SHARED, sure, tuple(found), of_tasks(chosen), tuple(left))
    private = tuple(entry_of(task) for task in subject.tasks if task.is_private)
    return (
        Recommendation(Scenario.SHARED, Sure.CERTAIN, (IsPrivate(tuple(dict.fromkeys(private))),))
        if private
        else None
    )


def _clashes(subject: Subject) -> Iterator[Clash]:
    """Yield what orders two entries for no better reason than that the later one writes, one for each two."""
    told: set[tuple[str, str]] = set()
    for prepared in subject.prepared.tasks:
        if prepared.task.is_private or shares_place(prepared.task, subject.plan.groups):
            continue
        for edge in prepared.edges:
            both = (entry_of(subject.tasks[edge.before]), entry_of(prepared.task))
            if isinstance(edge.because, WriteAfterRead | WriteAfterWrite) and both not in told:
                told.add(both)
                yield Clash(*both, edge.because)


def _useful(subject: Subject, names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that free a pair if they have a place of their own, on top of the others."""
    least = _sequential(subject, names)
    kept = list(names)
    n_trials = min(MOST_TRIALS, MOST_TRIED_TASKS // max(1, len(subject.tasks)))
    for name in names[:n_trials]:
        others = [other for other in kept if other != name]
        if _sequential(subject, others) == least:
            kept = others
    return kept


def _sequential(subject: Subject, private: Collection[str]) -> int:
    """Return how many pairs are in order if these entries have a place of their own."""
    positions = [at for name in private for at in subject.entries[name]]
    prepared = subject.prepared
    if positions:
        prepared = loosen(prepared, private=positions, ground=subject.ground)
    return count_pairs(prepared, max(2, 2 * len(subject.tasks))).sequential


def _same_outputs(subject: Subject, chosen: Collection[str]) -> Iterator[tuple[SameOutput, MergePolicy]]:
    """Yield the files that several commands write which nothing orders, since one does not declare it.

    All of those tasks need a workspace then: the order of what is brought back is that of the plan.
    """
    if subject.plan.undeclared is Undeclared.SEQUENTIAL:
        return
    for path, positions in subject.writers.items():
        found = ways(subject, path, positions)
        names = subject.entries_of(positions)
        if len(positions) < 2 or len(found) != 1 or path.startswith(("/", "..")) or set(names) & set(chosen):
            continue
        tasks = [subject.tasks[at] for at in positions]
        is_silent = any(task.accesses is None for task in tasks)
        taken = any(task.is_private or shares_place(task, subject.plan.groups) for task in tasks)
        if is_silent and not taken and _in_no_order(subject, positions):
            yield SameOutput(names, path), MergePolicy.UNION if True in found else MergePolicy.LAST


def _in_no_order(subject: Subject, positions: Sequence[int]) -> bool:
    before = {at: subject.before(at) for at in positions[:MOST_COMPARED]}
    chain = sorted(before, key=lambda at: len(before[at]))
    return any(first not in before[second] for first, second in pairwise(chain))
