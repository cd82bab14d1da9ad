"""The table of recommendations: each scenario, who recognises it, and in which order they are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from weft.planning.patterns import NOWHERE, Ground
from weft.planning.prepare import PreparedPlan
from weft.planning.recommend.dependent import dependent
from weft.planning.recommend.independent import independent
from weft.planning.recommend.mixed import mixed
from weft.planning.recommend.paced import paced
from weft.planning.recommend.recommendation import Recommendation, Scenario
from weft.planning.recommend.shared import shared
from weft.planning.recommend.subject import Subject
from weft.planning.recommend.tolerant import tolerant
from weft.planning.recommend.transient import transient

TABLE: Mapping[Scenario, Callable[[Subject], Recommendation | None]] = {
    Scenario.INDEPENDENT: independent,
    Scenario.MIXED: mixed,
    Scenario.DEPENDENT: dependent,
    Scenario.SHARED: shared,
    Scenario.API: paced,
    Scenario.TOLERANT: tolerant,
    Scenario.TRANSIENT: transient,
}


def recommend(
    prepared: PreparedPlan, max_concurrent: int, ground: Ground = NOWHERE
) -> tuple[Recommendation, ...]:
    """Return what is recommended for each scenario that is recognised, in the order of the table.

    Args:
        prepared: the plan.
        max_concurrent: how many tasks would run at once.
        ground: what the plan was prepared with.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> [found] = recommend(prepare(plan(task("a", reads=[]), task("b", reads=[]))), max_concurrent=5)
    >>> found.scenario.value, found.sure.value, found.patch
    ('independent', 'certain', {'max_concurrent': 5})
    """
    subject = Subject(prepared, max_concurrent, ground)
    found = [recognise(subject) for recognise in TABLE.values()]
    return tuple(each for each in found if each is not None)
