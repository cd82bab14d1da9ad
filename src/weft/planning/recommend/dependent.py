"""Dependent tasks: a graph orders them, and those of one level run at once."""

from __future__ import annotations

from collections.abc import Iterator

from weft.planning.recommend.evidence import Levels, UsesOutput
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure, of_tasks, together
from weft.planning.recommend.subject import Subject, entry_of


def dependent(subject: Subject) -> Recommendation | None:
    """Recommend `needs` where a command names what an earlier one writes, and nothing orders the two."""
    missing = list(_missing(subject))
    if missing:
        needs = [of_tasks({found.reader: {"needs": [found.writer]}}) for found in missing]
        return Recommendation(Scenario.DEPENDENT, Sure.LIKELY, tuple(missing), together(needs))
    n_edges = sum(map(len, subject.sources))
    if not n_edges:
        return None
    groups = tuple(subject.entries_of(level) for level in subject.levels)
    return Recommendation(Scenario.DEPENDENT, Sure.CERTAIN, (Levels(groups, n_edges),))


def _missing(subject: Subject) -> Iterator[UsesOutput]:
    told: set[tuple[str, str]] = set()
    for reader, script in enumerate(subject.scripts):
        named = [path for path in script.named if path in subject.writers]
        before = subject.before(reader) if named else set()
        for path in named:
            for writer in subject.writers[path]:
                both = (entry_of(subject.tasks[writer]), entry_of(subject.tasks[reader]))
                if writer < reader and writer not in before and both[0] != both[1] and both not in told:
                    told.add(both)
                    if not subject.before(writer).intersection(subject.entries[both[1]]):
                        yield UsesOutput(*both, path)
