"""Random pools, rates and locks, and what a task takes of them.

The numbers are few and small, so that many tasks meet at them in a short run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

import msgspec

from weft.model.limits import MAX_CONCURRENT, Limit, Pool
from weft.model.lock import Hold, Lock
from weft.model.rate import Aimd, Cost, Rate, Window
from weft.model.scope import Scope
from weft.testing.random_policy import random_health

LOCKS = ("deploy", "index")
REFUSED = 2  # the exit code of a task that the other side of a rate has refused
_HOLDS, _SCOPES = tuple(Hold), tuple(Scope)


def random_limits(chance: Random, *, troubled: bool) -> dict[str, Limit]:
    """Return up to three pools and two rates; in a ``troubled`` plan some of them are watched."""
    likely = 0.2 if troubled else 0.0
    names = ("api", "disk", "gpu")[: chance.randint(0, 3)]
    limits: dict[str, Limit] = {
        name: Pool(chance.randint(1, 4), random_health(chance, likely)) for name in names
    }
    for name in ("calls", "model")[: chance.choice((0, 0, 1, 2))]:
        limits[name] = _rate(chance, likely)
    return limits


def random_shares(chance: Random, limits: Mapping[str, Limit]) -> tuple[dict[str, Limit], dict[str, Lock]]:
    """Return ``limits``, some of which are shared with other processes now, and the locks that are."""
    if chance.random() < 0.6:
        return dict(limits), {}
    scoped = {
        name: msgspec.structs.replace(limit, scope=chance.choice(_SCOPES)) for name, limit in limits.items()
    }
    return scoped, {name: Lock(chance.choice(_SCOPES)) for name in LOCKS}


def _rate(chance: Random, likely: float) -> Rate:
    limit = chance.randint(2, 6)
    specs = (
        f"{limit}/{chance.choice((0.5, 1.0, 2.0))}s",
        (f"{limit}/0.5s", f"{limit + 2}/2s"),
        {"requests": f"{limit}/0.5s", "tokens": f"{chance.randint(4, 9)}/1s"},
    )
    return Rate(
        chance.choice(specs),
        burst=chance.choice((None, None, chance.randint(1, limit))),
        adapt=chance.choice((None, Aimd(), Aimd(0.5, 0.5))),
        refused_on=chance.choice(((), (REFUSED,))),
        health=random_health(chance, likely),
    )


def random_costs(chance: Random, limits: Mapping[str, Limit]) -> Iterator[tuple[str, Cost]]:
    """Yield what a task takes, of limits that it takes anything of."""
    for name, limit in limits.items():
        if chance.random() < 0.4:
            yield name, chance.randint(1, limit.size) if isinstance(limit, Pool) else _cost(chance, limit)
    if chance.random() < 0.2:
        yield MAX_CONCURRENT, chance.randint(1, 3)


def _cost(chance: Random, rate: Rate) -> Cost:
    largest = largest_costs(rate.windows)
    if len(largest) == 1:
        return chance.randint(0, max(largest.values()))
    return {name: chance.randint(0, most) for name, most in largest.items() if chance.random() < 0.8}


def largest_costs(windows: tuple[Window, ...]) -> dict[str, int]:
    """Return the largest of each cost that all of ``windows`` let start.

    >>> largest_costs(Rate(("3/s", "8/min")).windows)
    {'': 3}
    """
    largest: dict[str, int] = {}
    for window in windows:
        largest[window.cost] = min(largest.get(window.cost, window.largest), window.largest)
    return largest


def random_locks(chance: Random) -> dict[str, Hold]:
    """Return what a task holds, which is mostly nothing."""
    return {name: chance.choice(_HOLDS) for name in LOCKS if chance.random() < 0.15}
