"""Lengths of time that were measured, for people.

Knows numbers only, and loads nothing: who has little to do writes them, too.
"""

from __future__ import annotations


def brief(number: float) -> str:
    """Return a length of time that was measured, to three digits at most.

    >>> brief(0.000883), brief(0.0421), brief(7.0), brief(1234.56)
    ('0.9 ms', '42.1 ms', '7 s', '20 min 35 s')
    """
    if number >= 59.95:
        return in_minutes(number)
    if number >= 0.9995:
        return f"{number:.3g} s"
    if number >= 0.00005:
        return f"{number * 1e3:.{0 if number >= 0.09995 else 1}f} ms"
    return f"{number * 1e6:.0f} µs" if number > 0.0 else "0 s"


def in_minutes(number: float) -> str:
    """Return a length of time of a minute or more; a second more or less does not matter to an hour.

    >>> in_minutes(125), in_minutes(3661)
    ('2 min 5 s', '1 h 1 min')
    """
    minutes, rest = divmod(round(number), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"
