"""Results of tasks as JSON holds them.

What JSON can't hold is told, never turned into something else in silence.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

# The key that marks what is only told.
REPR = "$repr"
LONGEST_REPR = 1000

# Python writes no integers of more than 4,300 digits, for their writing takes too long.
LONGEST_INT_BITS = 4096


def as_json(value: Any) -> Any:
    """Return ``value`` if JSON can hold it; parts that it can't are told as ``{"$repr": ...}``.

    >>> as_json({"sizes": (1, 2.5), "kinds": frozenset(), "ratio": float("nan")})
    {'sizes': [1, 2.5], 'kinds': {'$repr': 'frozenset()'}, 'ratio': {'$repr': 'nan'}}
    """
    try:
        return _as_json(value)
    except RecursionError:  # it contains itself, or is nested too deeply
        return {REPR: object.__repr__(value)}


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool)):
        return value
    if type(value) is int and value.bit_length() <= LONGEST_INT_BITS:
        return value
    if type(value) is float and isfinite(value):
        return value
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {key: _as_json(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return [_as_json(part) for part in value]
    return {REPR: _told(value)}


def _told(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a user's __repr__ may raise anything, and the value stays told
        text = object.__repr__(value)
    return text if len(text) <= LONGEST_REPR else text[: LONGEST_REPR - 1] + "…"
