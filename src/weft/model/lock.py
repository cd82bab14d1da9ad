"""Locks that tasks take by name: one task at a time, or many that only share.

Knows what the user declares. Who gets a lock is decided in `scheduling.admission`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from weft.errors import UsageError
from weft.model.nothing import NOTHING
from weft.model.scope import Scope


class Hold(StrEnum):
    """How a task holds a lock."""

    EXCLUSIVE = "exclusive"  # nobody else holds it
    SHARED = "shared"  # others that share may hold it too


class Lock(msgspec.Struct, frozen=True):
    """A lock that is declared because it is shared with other processes; others need no declaration."""

    scope: Scope = Scope.MACHINE


def compatible(one: Hold, other: Hold) -> bool:
    """Tell whether two may hold a lock at the same time."""
    return one is Hold.SHARED and other is Hold.SHARED


Locks = str | Iterable[str] | Mapping[str, Hold | str]


def holds(locks: Locks | None) -> Mapping[str, Hold]:
    """Return the locks that a caller asks for; a list of names asks for each of them exclusively.

    Raises:
        UsageError: no lock is held like this.

    >>> holds(["deploy"]), holds({"index": "shared"})
    ({'deploy': <Hold.EXCLUSIVE: 'exclusive'>}, {'index': <Hold.SHARED: 'shared'>})
    """
    if locks is None:
        return NOTHING
    if isinstance(locks, Mapping):
        return {name: _hold(name, hold) for name, hold in locks.items()}
    names = (locks,) if isinstance(locks, str) else locks
    return dict.fromkeys(names, Hold.EXCLUSIVE)


def _hold(name: str, hold: Hold | str) -> Hold:
    try:
        return Hold(hold)
    except ValueError:
        raise UsageError(f'lock `{name}` is held {hold!r}; expected "exclusive" or "shared"') from None


def token_variable(lock: str) -> str:
    """Return the variable in which a command finds the fencing token of a lock that it holds.

    >>> token_variable("deploy-eu")
    'WEFT_TOKEN_DEPLOY_EU'
    """
    return "WEFT_TOKEN_" + re.sub(r"[^A-Z0-9]", "_", lock.upper())
