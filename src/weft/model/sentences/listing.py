"""Names in a row, as they stand in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """Return ``names`` in a row, of many the first two.

    >>> listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('`a` and `b`', '`a`, `b` and 3 more')
    """
    *others, last = [f"`{task}`" for task in names]
    if len(others) > 3:
        return f"{others[0]}, {others[1]} and {len(others) - 1} more"
    return f"{', '.join(others)} and {last}" if others else last
