"""Votes among the tasks of a random plan, all of whom who have a result agree.

Who is left out by that is needed by nobody, as the check of plans sees to.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from weft.model.aggregate import Majority, Quorum
from weft.planning.prepare import PreparedTask
from weft.scheduling.voting import Election

LIKELY = 0.3


def random_elections(chance: Random, tasks: Sequence[PreparedTask]) -> list[Election]:
    """Return one vote or two, or most often none.

    >>> random_elections(Random(1), ())
    []
    """
    required = {edge.before for task in tasks for edge in task.edges if edge.required}
    able = [task.position for task in tasks if task.position not in required and not task.task.brings_back]
    if len(able) < 2 or chance.random() > LIKELY:
        return []
    return [_election(chance, f"vote {number}", able) for number in range(chance.choice((1, 1, 2)))]


def _election(chance: Random, name: str, able: Sequence[int]) -> Election:
    voters = sorted(chance.sample(able, chance.randint(2, len(able))))
    rule = chance.choice((Majority(), Quorum(chance.randint(1, len(voters))), Quorum(0.4)))
    return Election(name, tuple(voters), rule, _agree, chance.randint(0, 2))


def _agree(value: object) -> str:
    return "yes"
