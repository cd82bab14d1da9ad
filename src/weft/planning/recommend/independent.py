"""Independent tasks: a pool bounds how many of them run at once."""

from __future__ import annotations

from weft.planning.pairs import count_pairs
from weft.planning.recommend.evidence import AtMost, SideBySide
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure
from weft.planning.recommend.subject import Subject

# Few enough for most machines and services, enough to hide waiting.
MAX_CONCURRENT = 5


def independent(subject: Subject) -> Recommendation | None:
    """Recommend a number for `max_concurrent` where tasks are in no order.

    Sure is what the tasks declare: of those that say nothing it is only likely that nothing orders them.
    """
    pairs = count_pairs(subject.prepared, max_concurrent=max(2, 2 * len(subject.tasks)))
    n_pairs = pairs.parallel + pairs.unproven
    widest = max(subject.levels, key=len, default=[])
    if not n_pairs or len(widest) < 2:
        return None
    found = SideBySide(subject.entries_of(widest), n_pairs, pairs.unproven)
    sure = Sure.LIKELY if pairs.unproven else Sure.CERTAIN
    if subject.plan.max_concurrent is not None:
        at_most = AtMost(subject.plan.max_concurrent)
        return Recommendation(Scenario.INDEPENDENT, sure, (found, at_most))
    return Recommendation(Scenario.INDEPENDENT, sure, (found,), {"max_concurrent": MAX_CONCURRENT})
