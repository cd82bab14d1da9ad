"""Shapes of single values that are more than a word: spans of time, sizes, rates, shares, failures."""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from weft.errors import UsageError
from weft.model.rate import SPAN, limit_in, seconds_in
from weft.model.retry import TIMEOUT
from weft.model.signals import NUMBERS
from weft.planfile.notes import Notes
from weft.planfile.shapes import LARGEST, Count, Schema
from weft.planfile.tree import Node, Path, Scalar
from weft.planfile.wording import label
from weft.planning.check_policy import MOST_EXIT_CODE
from weft.planning.nearest import did_you_mean
from weft.views.aggregate.field import field_reader

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_SPAN_SCHEMA = {"type": "string", "pattern": rf"^(?=.){SPAN}$"}
_BYTES = {
    f"{prefix}{unit}": base**power
    for unit, base, prefixes in (("iB", 1024, "KMGT"), ("B", 1000, "kMGT"))
    for power, prefix in enumerate(prefixes, start=1)
}
_SIZE = rf"({_NUMBER}) ?({'|'.join(_BYTES)})"
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
        return {"anyOf": [{"type": "number", "minimum": 0}, _SPAN_SCHEMA]}


def _finite(value: object) -> float | None:
    """Return ``value`` where it is a number from 0 on that a float can hold."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e300:
        return float(value)
    return None


def _count(value: object) -> int | None:
    """Return ``value`` where it is a whole number from 1 on."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST:
        return value
    return None


class Share(msgspec.Struct, frozen=True):
    """A part of a whole, 0 to 1: a number, or a percentage."""

    expected: str = "a percentage such as 40%, or a number from 0 to 1"

    def read(self, node: Node, path: Path, notes: Notes) -> float | None:
        value = node.value if isinstance(node, Scalar) else None
        share = share_in(value)
        if share is not None:
            return share
        percent = isinstance(value, int | float) and 1 < value <= 100
        notes.expected(node, path, self.expected, f"did you mean `{value}%`?" if percent else None)
        return None

    def schema(self) -> Schema:
        number = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [number, {"type": "string", "pattern": rf"^{_NUMBER}%$"}]}


def share_in(value: object) -> float | None:
    """Return the part of a whole, 0 to 1, that a number or a percentage stands for, None for anything else.

    >>> share_in("33.3%")
    0.333
    """
    if isinstance(value, str) and re.fullmatch(rf"{_NUMBER}%", value):
        value = float(Decimal(value[:-1]) / 100)  # by way of Decimal, which gives the number nearest to it
    share = _finite(value)
    return share if share is not None and share <= 1 else None


class Least(msgspec.Struct, frozen=True):
    """How many of several at least: a number of them as an int, or a share as a float."""

    expected: str = "a whole number, 1 or more, or a percentage such as 50%"

    def read(self, node: Node, path: Path, notes: Notes) -> int | float | None:
        value = node.value if isinstance(node, Scalar) else None
        if (count := _count(value)) is not None:
            return count
        share = share_in(value)
        if share and value != 1.0:  # 1.0 might mean one, or all
            return share
        notes.expected(node, path, self.expected, "for all write `100%`, for one `1`" if share else None)
        return None

    def schema(self) -> Schema:
        share = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
        return {"anyOf": [Count().schema(), share, {"type": "string", "pattern": rf"^{_NUMBER}%$"}]}


class Window(msgspec.Struct, frozen=True):
    """The latest of something: a number of them as an int, or the seconds in which they came as a float."""

    expected: str = "a whole number, 1 or more, or a duration with its unit such as 5m"

    def read(self, node: Node, path: Path, notes: Notes) -> int | float | None:
        value = node.value if isinstance(node, Scalar) else None
        if (count := _count(value)) is not None:
            return count
        seconds = seconds_in(value) if isinstance(value, str) else None
        if seconds is None:
            notes.expected(node, path, self.expected)
        return seconds

    def schema(self) -> Schema:
        return {"anyOf": [Count().schema(), _SPAN_SCHEMA]}


class Amount(msgspec.Struct, frozen=True):
    """A whole number of units, or of bytes: a size with its unit."""

    expected: str = "a whole number, 1 or more, or a size such as 512MiB or 16GB"

    def read(self, node: Node, path: Path, notes: Notes) -> int | None:
        value = node.value if isinstance(node, Scalar) else None
        amount = bytes_in(value) if isinstance(value, str) else _count(value)
        if amount is None:
            notes.expected(node, path, self.expected, _amount_hint(value))
        return amount

    def schema(self) -> Schema:
        return {"anyOf": [Count().schema(), {"type": "string", "pattern": f"^{_SIZE}$"}]}


def bytes_in(size: str) -> int | None:
    """Return the bytes that a size with its unit stands for, None where they are not a whole number.

    >>> bytes_in("1.5KiB"), bytes_in("2kB"), bytes_in("16 GiB"), bytes_in("0.3KiB")
    (1536, 2000, 17179869184, None)
    """
    parts = re.fullmatch(_SIZE, size)
    n_bytes = Decimal(parts[1]) * _BYTES[parts[2]] if parts else Decimal(0)
    return _count(int(n_bytes)) if n_bytes <= LARGEST and n_bytes == int(n_bytes) else None


def _amount_hint(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    if _is_rate(value):
        return f"a rate is declared as `{{rate: {value}}}`"
    return f"the units are {', '.join(_BYTES)}" if value[:1].isdigit() else None


class PerSpan(msgspec.Struct, frozen=True):
    """A number of units in each span of time, as `Rate` takes it."""

    expected: str = "a rate such as 100/min, 5/s or 1000/1h30m"

    def read(self, node: Node, path: Path, notes: Notes) -> str | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str) and _is_rate(value):
            return value
        number = _count(value)
        notes.expected(node, path, self.expected, f"did you mean `{number}/min`?" if number else None)
        return None

    def schema(self) -> Schema:
        spans = rf"(s|sec|second|m|min|minute|h|hour|d|day|(?=[0-9]){SPAN})"
        return {"type": "string", "pattern": f"^[0-9]{{1,15}} */ *{spans}$"}


def _is_rate(text: str) -> bool:
    try:
        limit_in(text)
    except UsageError:
        return False
    return True


class ExitCode(msgspec.Struct, frozen=True):
    """A code by which a command tells that something is wrong."""

    expected: str = f"an exit code from 1 to {MOST_EXIT_CODE}"

    def read(self, node: Node, path: Path, notes: Notes) -> int | None:
        code = _count(node.value) if isinstance(node, Scalar) else None
        if code is not None and code <= MOST_EXIT_CODE:
            return code
        notes.expected(node, path, self.expected)
        return None

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": 1, "maximum": MOST_EXIT_CODE}


class Factor(msgspec.Struct, frozen=True):
    """A number that makes nothing smaller."""

    expected: str = "a number, 1 or more"

    def read(self, node: Node, path: Path, notes: Notes) -> float | None:
        factor = _finite(node.value) if isinstance(node, Scalar) else None
        if factor is not None and factor >= 1:
            return factor
        notes.expected(node, path, self.expected)
        return None

    def schema(self) -> Schema:
        return {"type": "number", "minimum": 1}


class Weight(msgspec.Struct, frozen=True):
    """How much something counts, against other things."""

    expected: str = "a number, 0 or more"

    def read(self, node: Node, path: Path, notes: Notes) -> float | None:
        weight = _finite(node.value) if isinstance(node, Scalar) else None
        if weight is None:
            notes.expected(node, path, self.expected)
        return weight

    def schema(self) -> Schema:
        return {"type": "number", "minimum": 0}


class Failure(msgspec.Struct, frozen=True):
    """How an attempt may fail: an exit code, the name of a signal, or by taking too long."""

    expected: str = f"an exit code from 1 to {MOST_EXIT_CODE}, a signal such as SIGKILL, or `{TIMEOUT}`"

    def read(self, node: Node, path: Path, notes: Notes) -> int | str | None:
        value = node.value if isinstance(node, Scalar) else None
        code = _count(value)
        if code is not None and code <= MOST_EXIT_CODE:
            return code
        word = value if isinstance(value, str) else ""
        if word.lower() == TIMEOUT:
            return TIMEOUT
        if word.upper() in NUMBERS:
            return word.upper()
        near = did_you_mean(word.upper(), NUMBERS) or did_you_mean(word.lower(), [TIMEOUT])
        notes.expected(node, path, self.expected, near)
        return None

    def schema(self) -> Schema:
        words = {"type": "string", "pattern": "^(timeout|TIMEOUT|SIG[A-Z0-9]+|sig[a-z0-9]+)$"}
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_EXIT_CODE}, words]}


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
