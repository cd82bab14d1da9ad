"""An aggregate: how the results of several tasks become one.

Knows what the user declares. The counting is done in `views.aggregate`.
"""

from __future__ import annotations

import msgspec

# A pattern is called common when 40 % of the results mention it; whoever thinks otherwise says so.
COMMON = 0.4


class Frequency(msgspec.Struct, frozen=True):
    """Elements that stand in at least ``threshold`` (0 to 1) of the results.

    ``source`` names the tasks or families whose results are counted; ``field`` is a JMESPath
    into each result, leading to one element or a list of them.
    """

    source: tuple[str, ...]
    field: str | None = None
    threshold: float = COMMON


Aggregate = Frequency  # the other strategies join here
