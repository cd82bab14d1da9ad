"""Shares of a whole, and how many of several they are: exact, whatever a float makes of them."""

from __future__ import annotations

from fractions import Fraction
from math import ceil


def exact(share: float | Fraction) -> Fraction:
    """Return ``share`` as the decimal number that its text shows, not the binary one beside it.

    >>> exact(0.07) * 100
    Fraction(7, 1)
    """
    return Fraction(str(share))


def least_of(least: int | float | Fraction, whole: int) -> int:
    """Return how many of ``whole`` are asked for: an int is a number of them, anything else a share.

    >>> least_of(3, 5), least_of(0.5, 5), least_of(0.07, 100)
    (3, 3, 7)
    """
    return least if isinstance(least, int) else ceil(exact(least) * whole)
