"""Shapes of single values that are more than a word: a span of time, a share, an expression."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from weft.errors import UsageError
from weft.planfile.notes import Notes
from weft.planfile.shapes import Schema
from weft.planfile.tree import Node, Path, Scalar
from weft.planfile.wording import label
from weft.views.aggregate import field_reader

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_SPAN = rf"(?:({_NUMBER})h)?(?:({_NUMBER})m)?(?:({_NUMBER})s)?(?:({_NUMBER})ms)?"
_SECONDS = (3600.0, 60.0, 1.0, 0.001)
_LONGEST_EXPRESSION = 1000  # characters; jmespath's parser is recursive
_LONGEST_SHOWN = 60


class Duration(msgspec.Struct, frozen=True):
    """A span of time, in seconds: a number, or a string with units."""

    expected: str = "a duration such as 5s, 2m, 1h30m or a number of seconds"

    def read(self, node: Node, path: Path, notes: Notes) -> float | None:
        seconds = seconds_in(node.value) if isinstance(node, Scalar) else None
        if seconds is None:
            notes.expected(node, path, self.expected)
        return seconds

    def schema(self) -> Schema:
        span = {"type": "string", "pattern": rf"^(?=.){_SPAN}$"}
        return {"anyOf": [{"type": "number", "minimum": 0}, span]}


def seconds_in(value: object) -> float | None:
    """Return the seconds that a number or a string with units stands for, None for anything else.

    >>> seconds_in("1h30m")
    5400.0
    >>> seconds_in("soon") is None
    True
    """
    if isinstance(value, str) and value and (parts := re.fullmatch(_SPAN, value)):
        spans = zip(parts.groups(), _SECONDS, strict=True)
        value = sum(float(number) * seconds for number, seconds in spans if number)
    return _finite(value)


def _finite(value: object) -> float | None:
    """Return ``value`` where it is a number from 0 on that a float can hold."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e300:
        return float(value)
    return None


class Share(msgspec.Struct, frozen=True):
    """A part of a whole, 0 to 1: a number, or a percentage."""

    expected: str = "a percentage such as 40%, or a number from 0 to 1"

    def read(self, node: Node, path: Path, notes: Notes) -> float | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str) and re.fullmatch(rf"{_NUMBER}%", value):
            share = _finite(float(Decimal(value[:-1]) / 100))  # by way of Decimal: 33.3% is 0.333
        else:
            share = _finite(value)
        if share is not None and share <= 1:
            return share
        percent = isinstance(value, int | float) and 1 < value <= 100
        notes.expected(node, path, self.expected, f"did you mean `{value}%`?" if percent else None)
        return None

    def schema(self) -> Schema:
        number = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [number, {"type": "string", "pattern": rf"^{_NUMBER}%$"}]}


class Expression(msgspec.Struct, frozen=True):
    """A JMESPath, tried by compiling it."""

    expected: str = "a JMESPath such as `patterns` or `items[].name`"

    def read(self, node: Node, path: Path, notes: Notes) -> str | None:
        if not (isinstance(node, Scalar) and isinstance(node.value, str)):
            notes.expected(node, path, self.expected)
            return None
        try:
            _check_length(node.value)
            field_reader(node.value)
        except UsageError as error:
            message, _, detail = str(error).partition("\n")
            hint = detail.partition("hint: ")[2] or "see https://jmespath.org for how they are written"
            notes.add(node.spot, path, f"{label(path)} {message.removeprefix('field ')}", hint)
            return None
        return node.value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": _LONGEST_EXPRESSION}


def _check_length(expression: str) -> None:
    if len(expression) > _LONGEST_EXPRESSION:
        start = expression[:_LONGEST_SHOWN]
        raise UsageError(f"field `{start}…` is longer than {_LONGEST_EXPRESSION} characters")
