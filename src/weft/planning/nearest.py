"""The name that a user probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 200  # of a name that may be meant for another one


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that is most like ``name``, if one is near.

    >>> nearest("biuld", ["build", "test"])
    'build'
    >>> nearest("deploy", ["build", "test"]) is None
    True
    """
    # Comparing is quadratic, and nobody means a name when writing a page.
    close = get_close_matches(name, list(names), n=1, cutoff=0.6) if len(name) <= _LONGEST else []
    return close[0] if close else None


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """Return a hint with the name that was probably meant, if there is one.

    >>> did_you_mean("biuld", ["build", "test"])
    'did you mean `build`?'
    """
    near = nearest(name, names)
    return f"did you mean `{near}`?" if near else None
