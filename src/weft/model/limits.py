"""Limits that tasks share, by name.

Knows what the user declares. Who gets a free slot is decided in `scheduling.admission`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.health import Health
from weft.model.rate import Cost, Rate, Window
from weft.model.scope import Scope

# The pool that every task stands in: `-j N` and `max_concurrent:` set its size, and a task
# that weighs more than one says so under this name.
MAX_CONCURRENT = "max_concurrent"


class Pool(msgspec.Struct, frozen=True):
    """At most ``size`` units in use at once; ``health`` watches the attempts that use it.

    A pool with the ``scope`` "machine" is shared with all Weft processes of this user.

    >>> Pool(2).size
    2
    """

    size: int
    health: Health | None = None
    scope: Scope = Scope.RUN


Limit = Pool | Rate


def sizes(limits: Mapping[str, Limit]) -> tuple[dict[str, int], dict[str, tuple[Window, ...]]]:
    """Return the sizes of the pools among ``limits``, and the windows of the rates.

    >>> sizes({"gpu": Pool(2)})
    ({'gpu': 2}, {})
    """
    pools = {name: limit.size for name, limit in limits.items() if isinstance(limit, Pool)}
    rates = {name: limit.windows for name, limit in limits.items() if isinstance(limit, Rate)}
    return pools, rates


def units_of(cost: Cost) -> int:
    """Return the units that ``cost`` takes of a pool, which has no costs of several names."""
    assert isinstance(cost, int), f"{cost} was checked to be one number"
    return cost
