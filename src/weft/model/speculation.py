"""Whether a task may run for nothing, or twice."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from weft.errors import UsageError


class Effects(StrEnum):
    """What a task leaves behind, as far as its user declares it."""

    UNKNOWN = "unknown"
    IDEMPOTENT = "idempotent"  # to do it twice, or half and then again, is as good as once
    PURE = "pure"  # nothing but its result


Declared = Effects | Literal["pure", "idempotent", "unknown"]


def effects_of(declared: Declared) -> Effects:
    """Return the effects that a caller declares, by themselves or by their name.

    >>> effects_of("pure")
    <Effects.PURE: 'pure'>

    Raises:
        UsageError: there are no such effects.
    """
    try:
        return Effects(declared)
    except ValueError:
        raise UsageError(f'`effects` is {declared!r}; expected "pure" or "idempotent"') from None
