"""Random retries, timeouts, groups and health: what a plan says about things that go wrong.

The numbers are few and small, so that many things happen at one instant of a short run.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.policy import Policy
from weft.model.retry import TIMEOUT, Jitter, Retry, RetryBudget
from weft.model.timeout import Timeout, timeout_of

GROUPS = ("outer", "inner", "aside")
_JITTERS, _RESTS, _WHEN_UNHEALTHY = tuple(Jitter), tuple(Rest), tuple(WhenUnhealthy)


def random_retry(chance: Random) -> Retry | None:
    """Return how a task is tried again, if it is."""
    if chance.random() < 0.4:
        return None
    return Retry(
        chance.randint(2, 4),
        base_s=chance.choice((0.0, 0.25, 0.5)),
        ceiling_s=2.0,
        jitter=chance.choice(_JITTERS),
        retry_on=chance.choice(((), (), (1, TIMEOUT))),
        give_up_on=chance.choice(((), (), (), (2,), (TIMEOUT,))),
        budget_s=chance.choice((None, None, None, 1.0, 3.0)),
        retry_after_ceiling_s=1.0,
    )


def random_timeout(chance: Random) -> Timeout | None:
    """Return how long a task may take, if that is bounded."""
    if chance.random() < 0.7:
        return None
    return timeout_of(chance.choice((None, 0.5, 1.0, 2.0)), chance.choice((None, 1.0, 3.0)))


def random_health(chance: Random, likely: float) -> Health | None:
    """Return what counts as healthy, if anything watches."""
    if chance.random() >= likely:
        return None
    return Health(
        chance.choice((0.3, 0.5, 1.0)),
        window=chance.choice((3, 5)),
        window_s=chance.choice((None, None, 1.0)),
        min_samples=chance.randint(1, 3),
        when_unhealthy=chance.choice(_WHEN_UNHEALTHY),
        cool_down_s=chance.choice((0.0, 0.5, 1.0)),
    )


def random_groups(chance: Random, members: Sequence[str | None]) -> dict[str, Group]:
    """Return the groups of tasks with ``members`` as their groups; each may stand inside one before it."""
    names = [name for name in GROUPS if name in members]
    return {name: _group(chance, names[:number]) for number, name in enumerate(names)}


def _group(chance: Random, others: Sequence[str]) -> Group:
    return Group(
        critical=chance.choice((None, None, True, False, False)),
        min_required=chance.choice((None, None, 1, 0.5)),
        when_met=chance.choice(_RESTS),
        when_lost=chance.choice((None, None, *_RESTS)),
        group=chance.choice((None, *others)),
        health=random_health(chance, 0.2),
    )


def random_policy(chance: Random) -> Policy:
    """Return what a run does when things go wrong."""
    return Policy(
        chance.choice((Rest.CONTINUE, Rest.CONTINUE, Rest.CONTINUE, *_RESTS)),
        timeout_s=chance.choice((None, None, None, None, 2.5)),
        retry_budget=chance.choice((None, None, None, None, RetryBudget(0.2, at_least=1))),
        health=random_health(chance, 0.2),
        grace_s=chance.choice((0.0, 0.25, 1.0)),
    )
