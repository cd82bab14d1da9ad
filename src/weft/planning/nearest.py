"""The name that a user probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that is most like ``name``, if one is near.

    >>> nearest("biuld", ["build", "test"])
    'build'
    >>> nearest("deploy", ["build", "test"]) is None
    True
    """
    close = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return close[0] if close else None
