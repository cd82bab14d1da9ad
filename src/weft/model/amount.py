"""Numbers of units as people write them: bytes in the largest unit that is exact."""

from __future__ import annotations

_UNITS = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20))


def amount(units: int) -> str:
    """Return ``units`` in words; what is a whole number of MiB was meant as a size.

    >>> amount(3), amount(6 * 2**30), amount(1536 * 2**20)
    ('3', '6GiB', '1536MiB')
    """
    for unit, size in _UNITS:
        if units >= size and units % size == 0:
            return f"{units // size}{unit}"
    return str(units)
