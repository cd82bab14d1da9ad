"""Transient failures: what goes over the network fails now and then, and is tried again after a while."""

from __future__ import annotations

from collections.abc import Iterator

from weft.model.speculation import Effects
from weft.planning.recommend.evidence import (
    Evidence,
    MayCountTwice,
    MaySend,
    NamesNetwork,
    TriedAgain,
    UsesNetwork,
)
from weft.planning.recommend.network import Way, others_of, ways_of
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure, of_tasks
from weft.planning.recommend.subject import Subject

MAX_ATTEMPTS = 3


def transient(subject: Subject) -> Recommendation | None:
    """Recommend attempts for tasks that go over the network and are tried once.

    Not for those that send something, or add to a file: of these it must be known that twice is as good
    as once. Functions only name what they may do, so that nothing of them is more than possible.
    """
    found: list[UsesNetwork | NamesNetwork] = []
    left: list[Evidence] = []
    known: list[str] = []
    for name, members in subject.entries.items():
        at = members[0]  # all have one command, with other values in it
        task, named = subject.tasks[at], subject.functions[at]
        ways = [way for member in members for way in ways_of(subject.scripts[member])]
        is_unknown = task.effects is Effects.UNKNOWN
        if not ways and not named.modules:
            continue
        if task.retry is not None or (ways and all(way.has_retry for way in ways)):
            known.append(name)
        elif is_unknown and named.sends is not None:
            left.append(MaySend(name, named.modules, named.sends))
        elif is_unknown and (harm := next(_harms(subject, at, ways), None)):
            left.append(MayCountTwice(name, harm))
        elif named.modules:
            found.append(NamesNetwork(name, named.modules))
        else:
            others = others_of(subject.scripts[at]) if is_unknown else ()
            found.append(UsesNetwork(name, tuple(dict.fromkeys(way.name for way in ways)), others))
    if found or left:
        is_likely = found and all(isinstance(each, UsesNetwork) and not each.others for each in found)
        sure = Sure.LIKELY if is_likely else Sure.POSSIBLE
        retry = {"retry": {"max_attempts": MAX_ATTEMPTS}}
        patch = of_tasks({each.entry: retry for each in found})
        return Recommendation(Scenario.TRANSIENT, sure, tuple(found), patch, tuple(left))
    return Recommendation(Scenario.TRANSIENT, Sure.CERTAIN, (TriedAgain(tuple(known)),)) if known else None


def _harms(subject: Subject, at: int, ways: list[Way]) -> Iterator[str]:
    yield from (way.name for way in ways if way.sends)
    yield from (f">> {output.path}" for output in subject.scripts[at].outputs if output.adds)
