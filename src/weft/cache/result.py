"""Results as JSON: what is read is what was written, type by type, or it is not written at all.

A result that comes back as something else, a list where there was a tuple, would be a wrong one. What JSON
has no form for is written as a mapping with one key, the name of its type behind a `$`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

MARK = "$"


class CannotStore(Exception):
    """Says what stands in the way, in words that follow "because"."""


def encode_result(value: Any) -> bytes:
    """Return ``value`` as JSON.

    Raises:
        CannotStore: something in it has no form in which it would come back as it was.

    >>> decode_result(encode_result({"a": (1, b"x"), 2: {3.5}}))
    {'a': (1, b'x'), 2: {3.5}}
    """
    try:
        return json.dumps(_plain(value, "it"), allow_nan=False, separators=(",", ":")).encode()
    except RecursionError as error:
        raise CannotStore("it is nested too deeply, or holds itself") from error
    except ValueError as error:  # a number with more digits than Python writes
        raise CannotStore(str(error)) from error


def decode_result(content: bytes) -> Any:
    """Return what `encode_result` was given.

    Raises:
        ValueError: this is not what it has returned.
    """
    try:
        return _value(json.loads(content))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"not a result: {error}") from error


def _plain(value: Any, where: str) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return _items(value, where)
    if kind is dict:
        return _mapping(value, where)
    if kind is bytes:
        return {"$bytes": value.hex()}
    if kind is tuple:
        return {"$tuple": _items(value, where)}
    if kind in (set, frozenset):
        return {f"${kind.__name__}": _items(value, where)}
    raise CannotStore(
        f"{where} is of the type {kind.__module__}.{kind.__qualname__}".replace(" builtins.", " ")
    )


def _items(values: Any, where: str) -> list[Any]:
    return [_plain(value, f"{where}[{at}]") for at, value in enumerate(values)]


def _mapping(value: dict[Any, Any], where: str) -> dict[str, Any]:
    if all(type(key) is str and not key.startswith(MARK) for key in value):
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    pairs = [
        [_plain(key, f"a key of {where}"), _plain(item, f"{where}[{key!r}]")] for key, item in value.items()
    ]
    return {"$dict": pairs}


def _value(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if len(plain) == 1:
        [(name, inner)] = plain.items()
        if name.startswith(MARK):
            return _MADE[name](inner)
    return {key: _value(item) for key, item in plain.items()}


_MADE: Mapping[str, Callable[[Any], Any]] = {
    "$float": float,
    "$bytes": bytes.fromhex,
    "$tuple": lambda items: tuple(map(_value, items)),
    "$set": lambda items: set(map(_value, items)),
    "$frozenset": lambda items: frozenset(map(_value, items)),
    "$dict": lambda pairs: {_value(key): _value(item) for key, item in pairs},
}
