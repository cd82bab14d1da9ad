"""Limits that tasks share, by name.

Knows what the user declares. Who gets a free slot is decided in `scheduling.admission`.
"""

from __future__ import annotations

import msgspec

from weft.model.health import Health

# The pool that every task stands in: `-j N` and `max_concurrent:` set its size, and a task
# that weighs more than one says so under this name.
MAX_CONCURRENT = "max_concurrent"


class Pool(msgspec.Struct, frozen=True):
    """At most ``size`` units in use at once; ``health`` watches the attempts that use it.

    >>> Pool(2).size
    2
    """

    size: int
    health: Health | None = None


Limit = Pool  # rates and locks join here
