"""What an element is, and when two of them are the same.

A result is one element, or a list, tuple or set of them. Two elements are the same when type and value are:
1, 1.0, "1" and True are four. Lists and dictionaries are compared by their JSON, in which the order of keys
does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

from weft.errors import UsageError

KeyOf = Callable[[Any], Hashable]


def elements_of(found: Any) -> Sequence[Any]:
    """Return the elements in ``found``; None has none."""
    if isinstance(found, list | tuple):
        return found
    if isinstance(found, set | frozenset):
        return sorted(found, key=text_of)  # a set has another order in every process
    return () if found is None else (found,)


def identity(element: Any) -> Hashable:
    """Return what is equal for elements that are the same, and only for these.

    Raises:
        UsageError: the element can be neither hashed nor written as JSON.
    """
    if isinstance(element, str):
        return element
    try:
        hash(element)
    except TypeError:
        return canonical(element)
    return type(element), element


def identity_by(key: KeyOf) -> KeyOf:
    """Return a function that tells elements apart by their ``key``; those without one, as `identity` does."""

    def identity_of(element: Any) -> Hashable:
        found = key(element)
        return (None, identity(element)) if found is None else identity(found)

    return identity_of


def canonical(value: Any) -> bytes:
    """Return ``value`` as JSON, the same for the same value.

    Raises:
        UsageError: JSON has no form for it.
    """
    try:
        return msgspec.json.encode(value, order="deterministic")
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise UsageError(f"it has no form in JSON: {error}") from error


def text_of(value: Any) -> str:
    """Return ``value`` as text in one line: a string as it is, else as JSON where that is possible."""
    if isinstance(value, str) and value.isprintable():
        return value
    try:
        return msgspec.json.encode(value, order="deterministic", enc_hook=str).decode()
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return repr(value)
