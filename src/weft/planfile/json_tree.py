"""JSON text to a tree. Accepts what the standard library's json module accepts, with the same values.

Strings and numbers are read by that module; only the brackets are walked here, to know the places.
"""

from __future__ import annotations

import re
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # there, but not in typeshed

from weft.planfile.notes import Notes
from weft.planfile.tree import MAX_DEPTH, Items, Lines, Node, Scalar, Table
from weft.planfile.wording import printable

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LITERAL = re.compile(r"true|false|null|NaN|-?Infinity")
_LITERALS = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}


def json_tree(text: str, notes: Notes) -> Node:
    """Return the one value in ``text``.

    Raises:
        PlanError: when the text can't be read.
    """
    try:
        return _Walk(text, notes).document()
    except JSONDecodeError as error:
        notes.fail(f"not JSON: {error.msg}", Lines(text).spot(error.pos))


class _Walk:
    """Walks through the text once; each method starts at an offset and returns where it ended."""

    def __init__(self, text: str, notes: Notes) -> None:
        self._text = text
        self._notes = notes
        self._lines = Lines(text)

    def document(self) -> Node:
        node, end = self._value(self._skip(0), 0)
        end = self._skip(end)
        if end < len(self._text):
            raise JSONDecodeError("text after the end of the value", self._text, end)
        return node

    def _skip(self, offset: int) -> int:
        space = _SPACE.match(self._text, offset)
        assert space, "the pattern matches the empty string"
        return space.end()

    def _value(self, start: int, depth: int) -> tuple[Node, int]:
        if depth > MAX_DEPTH:
            self._notes.too_deep(self._lines.spot(start))
        match self._text[start : start + 1]:
            case "{":
                return self._table(start, depth)
            case "[":
                return self._items(start, depth)
            case '"':
                value, end = scanstring(self._text, start + 1, True)
                return Scalar(value, value, self._lines.spot(start)), end
        return self._bare(start)

    def _bare(self, start: int) -> tuple[Scalar, int]:
        spot = self._lines.spot(start)
        if literal := _LITERAL.match(self._text, start):
            return Scalar(_LITERALS[literal[0]], literal[0], spot), literal.end()
        number = _NUMBER.match(self._text, start)
        if not number:
            raise JSONDecodeError("expected a value", self._text, start)
        try:
            value = float(number[0]) if number[2] or number[3] else int(number[0])
        except ValueError:  # Python refuses integers of more than 4,300 digits
            self._notes.fail("a number with too many digits", spot)
        return Scalar(value, number[0], spot), number.end()

    def _items(self, start: int, depth: int) -> tuple[Items, int]:
        items = Items([], self._lines.spot(start))
        end = self._skip(start + 1)
        if self._text.startswith("]", end):
            return items, end + 1
        while True:
            node, end = self._value(end, depth + 1)
            items.nodes.append(node)
            end, closed = self._next(end, "]")
            if closed:
                return items, end

    def _table(self, start: int, depth: int) -> tuple[Table, int]:
        table = Table({}, {}, self._lines.spot(start))
        end = self._skip(start + 1)
        if self._text.startswith("}", end):
            return table, end + 1
        while True:
            end = self._pair(table, end, depth)
            end, closed = self._next(end, "}")
            if closed:
                return table, end

    def _pair(self, table: Table, start: int, depth: int) -> int:
        if not self._text.startswith('"', start):
            raise JSONDecodeError("expected a key in double quotes", self._text, start)
        name, end = scanstring(self._text, start + 1, True)
        end = self._skip(end)
        if not self._text.startswith(":", end):
            raise JSONDecodeError("expected `:` after a key", self._text, end)
        node, end = self._value(self._skip(end + 1), depth + 1)
        spot = self._lines.spot(start)
        if name in table.nodes:
            first = table.keys[name].line
            message = f"the key `{printable(name)}` stands here and in line {first}"
            self._notes.add(spot, (), message, "keep one of the two")
        else:
            table.nodes[name] = node
            table.keys[name] = spot
        return end

    def _next(self, offset: int, closing: str) -> tuple[int, bool]:
        """Return where the next part starts, or where the bracket has closed."""
        end = self._skip(offset)
        if self._text.startswith(closing, end):
            return end + 1, True
        if not self._text.startswith(",", end):
            raise JSONDecodeError(f"expected `,` or `{closing}`", self._text, end)
        return self._skip(end + 1), False
