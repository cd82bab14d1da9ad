"""Shapes: what a value in a plan file may look like.

Each shape reads a node into a value, tells what it expected where that fails, and describes itself as
JSON Schema: the three can't drift apart. Knows nothing of plans; which key has which shape stands in `keys`.
A shape answers None for what it can't read, and has then taken down why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from weft.errors import UsageError
from weft.planfile.notes import Notes
from weft.planfile.tree import Items, Node, Path, Scalar, Table
from weft.planfile.wording import label, printable
from weft.planning.nearest import did_you_mean

T = TypeVar("T")
S = TypeVar("S")
T_co = TypeVar("T_co", covariant=True)

Schema = dict[str, Any]  # a JSON Schema, which is a free tree by nature

LARGEST = 2**53 - 1  # whole numbers are exact up to here in every reader of JSON


class Shape(Protocol[T_co]):
    """What a value may look like."""

    @property
    def expected(self) -> str:
        """The words after "expected"."""

    def read(self, node: Node, path: Path, notes: Notes) -> T_co | None:
        """Return the value of ``node``, which stands at ``path``, or None where it has another shape."""

    def schema(self) -> Schema:
        """Return the JSON Schema of this shape."""


def _passable(text: str) -> bool:
    """Tell whether a program can be given ``text``: UTF-8 without a NUL."""
    return "\0" not in text and (text.isascii() or not re.search("[\ud800-\udfff]", text))


class Text(msgspec.Struct, frozen=True):
    """A string that is not empty."""

    expected: str = "a string"

    def read(self, node: Node, path: Path, notes: Notes) -> str | None:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            if _passable(node.value):
                return node.value
            notes.add(node.spot, path, f"{label(path)} holds a character that no program can be given")
        else:
            notes.expected(node, path, self.expected, _quote_it(node))
        return None

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}


def _quote_it(node: Node) -> str | None:
    if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, str):
        return f'put it into quotes: "{printable(node.text)}"'
    return None


class Name(msgspec.Struct, frozen=True):
    """A string that names something: in one line, and printable."""

    expected: str = "a name"

    def read(self, node: Node, path: Path, notes: Notes) -> str | None:
        # A name that looks like a number is still the name that was written.
        if isinstance(node, Scalar) and node.value is not None and node.text and node.text.isprintable():
            return node.text
        notes.expected(node, path, self.expected)
        return None

    def schema(self) -> Schema:
        return {"type": ["string", "number", "boolean"]}


class Written(msgspec.Struct, frozen=True):
    """A string, number or boolean, taken as it was written."""

    expected: str = "a string or a number"

    def read(self, node: Node, path: Path, notes: Notes) -> str | None:
        if isinstance(node, Scalar) and node.value is not None:
            if _passable(node.text):
                return node.text
            notes.add(node.spot, path, f"{label(path)} holds a character that no program can be given")
        else:
            hint = 'for an empty string write ""' if isinstance(node, Scalar) else None
            notes.expected(node, path, self.expected, hint)
        return None

    def schema(self) -> Schema:
        return {"type": ["string", "number", "boolean"]}


class Count(msgspec.Struct, frozen=True):
    """A whole number, ``least`` or more."""

    least: int = 1

    @property
    def expected(self) -> str:
        return f"a whole number, {self.least} or more"

    def read(self, node: Node, path: Path, notes: Notes) -> int | None:
        if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
            if self.least <= node.value <= LARGEST:
                return node.value
            if node.value > LARGEST:
                notes.expected(node, path, f"at most {LARGEST}")
                return None
        notes.expected(node, path, self.expected)
        return None

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": LARGEST}


class Choice(msgspec.Struct, Generic[T], frozen=True):
    """One of a few words, in any case."""

    values: Mapping[str, T]

    @property
    def expected(self) -> str:
        *words, last = (f"`{word}`" for word in self.values)
        return f"{', '.join(words)} or {last}" if words else last

    def read(self, node: Node, path: Path, notes: Notes) -> T | None:
        # The text, so that `none` and `None` are words here, whatever a format makes of them.
        word = node.text.lower() if isinstance(node, Scalar) else ""
        if word in self.values:
            return self.values[word]
        notes.expected(node, path, self.expected, did_you_mean(word, self.values))
        return None

    def schema(self) -> Schema:
        return {"enum": [*self.values, *(word.upper() for word in self.values)]}


class Flag(msgspec.Struct, frozen=True):
    """True or false."""

    expected: str = "true or false"

    def read(self, node: Node, path: Path, notes: Notes) -> bool | None:
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        notes.expected(node, path, self.expected)
        return None

    def schema(self) -> Schema:
        return {"type": "boolean"}


class Made(msgspec.Struct, Generic[S, T], frozen=True):
    """What another shape has read, made into something else."""

    shape: Shape[S]
    make: Callable[[S], T]

    @property
    def expected(self) -> str:
        return self.shape.expected

    def read(self, node: Node, path: Path, notes: Notes) -> T | None:
        value = self.shape.read(node, path, notes)
        return None if value is None else self.make(value)

    def schema(self) -> Schema:
        return self.shape.schema()


class ListOf(msgspec.Struct, Generic[T], frozen=True):
    """A list, with ``least`` items or more, as a tuple."""

    item: Shape[T]
    least: int = 1

    @property
    def expected(self) -> str:
        return f"a list, each item {self.item.expected}"

    def read(self, node: Node, path: Path, notes: Notes) -> tuple[T, ...] | None:
        if not isinstance(node, Items):
            notes.expected(node, path, self.expected)
            return None
        if len(node.nodes) < self.least:
            notes.add(node.spot, path, f"{label(path)} is an empty list; expected at least {self.least} item")
            return None
        read = [self.item.read(item, (*path, number), notes) for number, item in enumerate(node.nodes)]
        return tuple([value for value in read if value is not None])

    def schema(self) -> Schema:
        least = {"minItems": self.least} if self.least else {}
        return {"type": "array", "items": self.item.schema(), **least}


class MapOf(msgspec.Struct, Generic[T], frozen=True):
    """A mapping from names of the user's choice."""

    value: Shape[T]
    name: str = r"\S(.*\S)?"  # a pattern for the whole name
    named: str = "a name: printable, with no space at either end"

    @property
    def expected(self) -> str:
        return f"a mapping from names, each to {self.value.expected}"

    def read(self, node: Node, path: Path, notes: Notes) -> dict[str, T] | None:
        if not isinstance(node, Table):
            notes.expected(node, path, self.expected)
            return None
        read: dict[str, T] = {}
        for name, inner in node.nodes.items():
            if not (name.isprintable() and re.fullmatch(self.name, name)):
                message = f"the key `{printable(name)}` in {label(path)} is not {self.named}"
                notes.add(node.keys[name], path, message)
                continue
            value = self.value.read(inner, (*path, name), notes)
            if value is not None:
                read[name] = value
        return read

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{self.name}$"},
            "additionalProperties": self.value.schema(),
        }


class ByKind(msgspec.Struct, Generic[T], frozen=True):
    """One shape for a single value, another for a list, a third for a mapping; any may be missing."""

    scalar: Shape[T] | None = None
    items: Shape[T] | None = None
    table: Shape[T] | None = None

    @property
    def _shapes(self) -> list[Shape[T]]:
        return [shape for shape in (self.scalar, self.items, self.table) if shape]

    @property
    def expected(self) -> str:
        return " or ".join(shape.expected for shape in self._shapes)

    def read(self, node: Node, path: Path, notes: Notes) -> T | None:
        shape: Shape[T] | None
        if isinstance(node, Scalar):
            shape = self.scalar if node.value is not None else None
        else:
            shape = self.items if isinstance(node, Items) else self.table
        if shape:
            return shape.read(node, path, notes)
        notes.expected(node, path, self.expected)
        return None

    def schema(self) -> Schema:
        return {"anyOf": [shape.schema() for shape in self._shapes]}


class Key(msgspec.Struct, frozen=True):
    """A key of a mapping: its name, what its value looks like, and what it means."""

    name: str
    shape: Shape[Any]
    meaning: str
    required: bool = False
    into: str | None = None  # the argument that takes the value, where it can't be called like the key


class Record(msgspec.Struct, Generic[T], frozen=True):
    """A mapping with known keys, made into a ``T`` by keyword; a key that can't be read is left out.

    Exactly one of the keys ``one_of`` must be there, if there are any. ``hints`` are for keys that belong to
    another mapping, or that others call so. Where ``make`` raises a UsageError, the keys do not go together.
    """

    title: str  # as in "expected a task"
    make: Callable[..., T]
    keys: tuple[Key, ...]
    one_of: tuple[str, ...] = ()
    hints: Mapping[str, str] = {}

    @property
    def expected(self) -> str:
        required = " and ".join(f"`{key.name}`" for key in self.keys if key.required)
        either = " or ".join(f"`{name}`" for name in self.one_of)
        return f"{self.title}: a mapping with {required or either or 'keys'}"

    def read(self, node: Node, path: Path, notes: Notes) -> T | None:
        if not isinstance(node, Table):
            notes.expected(node, path, self.expected)
            return None
        self._check_names(node, path, notes)
        values = {}
        for key in self.keys:
            if key.name in node.nodes:
                value = key.shape.read(node.nodes[key.name], (*path, key.name), notes)
                if value is not None:
                    values[key.into or key.name] = value
        read = [key.name for key in self.keys if key.name in self.one_of and (key.into or key.name) in values]
        if self.one_of and len(read) != 1:
            return None
        try:
            return self.make(**values)
        except UsageError as error:
            if not notes.spoilt(path):  # else it may follow from a key that was left out
                notes.add(node.spot, path, f"{label(path)}: {error}")
            return None

    def _check_names(self, node: Table, path: Path, notes: Notes) -> None:
        names = [key.name for key in self.keys]
        for name in node.nodes:
            if name not in names:
                hint = self.hints.get(name.replace("-", "_").lower()) or did_you_mean(name, names)
                hint = hint or f"the keys here are {', '.join(names)}"
                notes.add(node.keys[name], path, f"unknown key `{printable(name)}` in {label(path)}", hint)
        there = [name for name in self.one_of if name in node.nodes]
        if self.one_of and len(there) != 1:
            either = " nor ".join(f"`{name}`" for name in self.one_of)
            both = " and ".join(f"`{name}`" for name in there)
            what = f"has {both}; expected one of them" if there else f"has neither {either}"
            notes.add(node.spot, path, f"{label(path)} {what}", self._meanings())
        for key in self.keys:
            if key.required and key.name not in node.nodes:
                message = f"{label(path)} has no `{key.name}`"
                notes.add(node.spot, path, message, f"`{key.name}:` {key.meaning}")

    def _meanings(self) -> str:
        told = (f"`{key.name}:` {key.meaning}" for key in self.keys if key.name in self.one_of)
        return " ".join(told)

    def schema(self) -> Schema:
        required = [key.name for key in self.keys if key.required]
        one_of = {"oneOf": [{"required": [name]} for name in self.one_of]} if self.one_of else {}
        return {
            "type": "object",
            "properties": {key.name: {"description": key.meaning, **key.shape.schema()} for key in self.keys},
            "additionalProperties": False,
            **({"required": required} if required else {}),
            **one_of,
        }
