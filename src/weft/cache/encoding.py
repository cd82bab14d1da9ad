"""A digest of any value: the same in every process, for equal mappings and sets in whatever order they are.

A value is what Python would pickle of it: its class and its state, piece by piece. What can't be pickled, as
a socket or a lock, can't be told from another one either, and is an error that names the way to it. Functions
and classes are told by a function that the caller brings: what they are made of is the matter of `code`.
"""

from __future__ import annotations

import enum
import logging
import os
import re
import types
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any

from weft.disk.content import new_hash
from weft.errors import UsageError

# What is nested deeper than this is more likely to go on for ever.
DEEPEST = 100

_LRU = type(lru_cache(len))
Reference = Callable[[Any, str], bytes]  # a function, class or module, and the way to it
FUNCTIONS = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
)


class CannotFingerprint(UsageError):
    """Something can't be told from another of its kind; the message begins with the way to it."""


def combined(tag: str, parts: Iterable[bytes]) -> bytes:
    """Return the digest of something of the kind ``tag`` that consists of ``parts``."""
    digest = new_hash()
    for part in (tag.encode(), *parts):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def text(value: str) -> bytes:
    """Return ``value`` as bytes, whatever characters it holds."""
    return value.encode(errors="surrogatepass")


class Encoder:
    """Makes digests of values.

    Args:
        reference: returns what stands for a function, a class or a module.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._above: list[int] = []  # what is being told, from the outside in
        self._known: dict[int, tuple[bytes, Any]] = {}  # the value too: or its id would be given out again
        self._lowest = DEEPEST  # the outermost of `_above` that what is being told refers back to

    def digest(self, value: Any, way: str) -> bytes:
        """Return the digest of ``value``.

        Args:
            value: anything.
            way: what leads to it, as people say it: "argument 2, key `x`".

        Raises:
            CannotFingerprint: something in it can't be told from another of its kind.
        """
        kind = type(value)
        if value is None or value is ... or value is NotImplemented:
            return combined(repr(value), ())
        if kind in _SCALARS:
            return combined(kind.__name__, (_SCALARS[kind](value),))
        if isinstance(value, (type, types.ModuleType, *FUNCTIONS)):
            return self._reference(value, way)
        if id(value) in self._known:
            return self._known[id(value)][0]
        return self._nested(value, way)

    def _nested(self, value: Any, way: str) -> bytes:
        if id(value) in self._above:
            at = self._above.index(id(value))
            self._lowest = min(self._lowest, at)
            return combined("back", (str(len(self._above) - at).encode(),))
        if len(self._above) >= DEEPEST:
            raise CannotFingerprint(f"{way}: it is nested too deeply")
        outer, self._lowest = self._lowest, DEEPEST
        self._above.append(id(value))
        try:
            digest = self._compound(value, way)
            if self._lowest >= len(self._above) - 1:  # nothing around it is referred to: the same everywhere
                self._known[id(value)] = digest, value
        finally:
            self._above.pop()
            self._lowest = min(outer, self._lowest)
        return digest

    def _compound(self, value: Any, way: str) -> bytes:
        kind = type(value)
        if kind in (list, tuple):
            return combined(kind.__name__, self._items(value, way))
        if kind in (dict, types.MappingProxyType):
            return self._mapping(value, way)
        if isinstance(value, (set, frozenset)):
            members = sorted(self.digest(item, f"{way}, a member") for item in value)
            return combined("set", (self._reference(kind, way), *members))
        if isinstance(value, enum.Enum):
            own = (
                self._reference(kind, way),
                text(value.name),
                self.digest(value.value, f"{way}, its value"),
            )
            return combined("enum", own)
        if isinstance(value, os.PathLike) and kind.__module__.partition(".")[0] == "pathlib":
            return combined("path", (text(kind.__name__), os.fsencode(value)))
        if kind is re.Pattern:
            return combined("regex", (self.digest(value.pattern, way), str(value.flags).encode()))
        if kind is partial:
            parts = (value.func, value.args, value.keywords)
            return combined(
                "partial", self._parts(parts, way, ("its function", "its arguments", "its keywords"))
            )
        if isinstance(value, logging.Logger):  # what is said does not change what is done
            return combined("logger", (text(value.name),))
        if kind is types.CodeType:
            return self._reference(value, way)
        return self._object(value, way)

    def _items(self, values: Iterable[Any], way: str) -> list[bytes]:
        return [self.digest(value, f"{way}, item {at}") for at, value in enumerate(values)]

    def _mapping(self, value: dict[Any, Any], way: str) -> bytes:
        keys = sorted((self.digest(key, f"{way}, a key"), at) for at, key in enumerate(value))
        pairs = list(value.items())
        parts = [(digest, self.digest(pairs[at][1], f"{way}, key `{pairs[at][0]}`")) for digest, at in keys]
        return combined("dict", (part for pair in parts for part in pair))

    def _object(self, value: Any, way: str) -> bytes:
        if isinstance(value, _LRU):
            return combined("lru_cache", (self.digest(value.__wrapped__, way),))
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:  # it runs whatever its author has written
            raise CannotFingerprint(f"{way}: {_a(value)}, which can't be told from another one") from error
        if isinstance(reduced, str):  # the name of a global
            return combined("global", (text(type(value).__module__), text(reduced)))
        make, args, state, items, pairs = (*reduced, None, None, None)[:5]
        way = f"{way} ({_a(value)})"
        parts = (make, args, state, list(items or ()), dict(pairs or ()))
        said = ("its class", "its parts", "its attributes", "its items", "its items")
        return combined("object", self._parts(parts, way, said))

    def _parts(self, parts: Iterable[Any], way: str, said: Iterable[str]) -> list[bytes]:
        return [self.digest(part, f"{way}, {name}") for part, name in zip(parts, said, strict=True)]


def _a(value: Any) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


_SCALARS: dict[type, Callable[[Any], bytes]] = {
    bool: lambda value: str(value).encode(),
    int: lambda value: hex(value).encode(),
    float: lambda value: value.hex().encode(),
    complex: lambda value: f"{value.real.hex()} {value.imag.hex()}".encode(),
    str: text,
    bytes: bytes,
    bytearray: bytes,
    range: lambda value: repr(value).encode(),
}
