"""Mixed workloads: what somebody waits for starts first, what is done in the background last."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce

from weft.model.priority import HIGH, LOW, NORMAL, Priority
from weft.planning.graph import topological_order
from weft.planning.recommend.evidence import Evidence, HasPriority, ManyWait, NamedSo, TakesLong
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure, of_tasks
from weft.planning.recommend.subject import Subject

# Words that people give to what may wait, and to what somebody waits for.
WORDS: dict[str, Priority] = {
    **dict.fromkeys(
        (
            "background",
            "bg",
            "speculative",
            "prefetch",
            "preload",
            "warmup",
            "optional",
            "idle",
            "housekeeping",
        ),
        LOW,
    ),
    **dict.fromkeys(("interactive", "urgent", "requested", "foreground", "hotfix", "asap"), HIGH),
}
MUCH_LONGER = 10  # times
FEWEST_WAITING = 3
MOST_TASKS = 5_000  # of which all are compared with all
_WORD = re.compile(r"[a-z]+|[A-Z][a-z]*")


def mixed(subject: Subject) -> Recommendation | None:
    """Recommend priorities where tasks differ in urgency, and none has a priority."""
    having = [
        name
        for name, members in subject.entries.items()
        if any(subject.tasks[at].priority is not NORMAL or subject.tasks[at].speculative for at in members)
    ]
    if having:
        return Recommendation(Scenario.MIXED, Sure.CERTAIN, (HasPriority(tuple(having)),))
    if len(subject.entries) < 2:
        return None
    named = list(_named(subject))
    found: list[Evidence] = [*named]
    chosen = {each.entry: each.priority for each in named}
    seen: list[tuple[ManyWait | TakesLong, Priority]] = [*_hubs(subject), *_long(subject)]
    for evidence, priority in seen:
        if chosen.setdefault(evidence.entry, priority) is priority:
            found.append(evidence)
    are_alike = len(chosen) == len(subject.entries) and len(set(chosen.values())) == 1
    if not found or are_alike:
        return None
    patch = of_tasks({name: {"priority": priority.name.lower()} for name, priority in chosen.items()})
    return Recommendation(Scenario.MIXED, Sure.LIKELY if named else Sure.POSSIBLE, tuple(found), patch)


def _named(subject: Subject) -> Iterator[NamedSo]:
    """Yield what names say; a task that others wait for does not go into the background."""
    awaited = {source for sources in subject.sources for source in sources}
    for name, members in subject.entries.items():
        texts = (name, subject.tasks[members[0]].group or "")
        words = [word.lower() for text in texts for word in _WORD.findall(text)]
        word = next((word for word in words if word in WORDS), None)
        if word and (WORDS[word] is HIGH or not awaited.intersection(members)):
            yield NamedSo(name, word, WORDS[word])


def _hubs(subject: Subject) -> Iterator[tuple[ManyWait, Priority]]:
    """Yield the entries that at least half of all tasks wait for, beside tasks that could take their slots.

    Where all can start that may, none needs a priority.
    """
    n_tasks = len(subject.tasks)
    is_wide = max(map(len, subject.levels), default=0) > subject.max_concurrent
    if not is_wide or n_tasks > MOST_TASKS:
        return
    before = _before(subject)
    for name, members in subject.entries.items():
        own = sum(1 << at for at in members)
        waiting = sum(1 << at for at, sources in enumerate(before) if sources & own)
        related = reduce(int.__or__, (before[at] for at in members), own | waiting)
        n_waiting, n_beside = waiting.bit_count(), n_tasks - related.bit_count()
        if n_waiting >= FEWEST_WAITING and 2 * n_waiting >= n_tasks and n_beside:
            yield ManyWait(name, n_waiting, n_tasks, n_beside), HIGH


def _before(subject: Subject) -> list[int]:
    """Return for each task those that have ended when it starts: an integer with a bit for each."""
    before = [0] * len(subject.tasks)
    for position in topological_order(len(before), subject.sources):
        for source in subject.sources[position]:
            before[position] |= before[source] | 1 << source
    return before


def _long(subject: Subject) -> Iterator[tuple[TakesLong, Priority]]:
    """Yield what takes much longer than others of its level, which has more tasks than slots."""
    awaited = {source for sources in subject.sources for source in sources}
    told: set[str] = set()
    for level in subject.levels:
        known = [at for at in level if subject.tasks[at].duration_s]
        if len(level) <= subject.max_concurrent or len(known) < 2:
            continue
        shortest_s = min(subject.tasks[at].duration_s or 0.0 for at in known)
        for at in known:
            duration_s = subject.tasks[at].duration_s or 0.0
            (name,) = subject.entries_of([at])
            if duration_s >= MUCH_LONGER * shortest_s and at not in awaited and name not in told:
                told.add(name)
                yield TakesLong(name, duration_s, shortest_s), LOW
