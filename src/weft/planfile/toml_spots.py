"""Where each key and value of a TOML text stands.

Knows how TOML is written, not what it means: it walks a text that tomllib has read already, so it can
trust the text and skip over everything but keys, brackets and the ends of values.
"""

from __future__ import annotations

import re
import tomllib

import msgspec

from weft.planfile.notes import Notes
from weft.planfile.tree import MAX_DEPTH, Lines, Path, Spot

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')[ \t]*""")
_SCALAR = re.compile(
    r'''"""(?:\\.|[^\\])*?"""(?:"{0,2})'''
    r"""|'{3}.*?'{3}(?:'{0,2})"""
    r"""|"(?:[^"\\]|\\.)*"|'[^']*'|[^,\]}#\r\n]+""",
    re.DOTALL,
)


class Written(msgspec.Struct, frozen=True, gc=False):
    """Where a key and its value stand, and the value's text. An item of a list has no key of its own."""

    key: Spot
    value: Spot
    text: str = ""


def toml_spots(text: str, notes: Notes) -> dict[Path, Written]:
    """Return the spots of all that is written in ``text``, a valid TOML document."""
    walk = _Walk(text, notes)
    walk.document()
    return walk.spots


class _Walk:
    """Walks through the text once; each method starts at an offset and returns where it ended."""

    def __init__(self, text: str, notes: Notes) -> None:
        self.spots: dict[Path, Written] = {}
        self._text = text
        self._notes = notes
        self._lines = Lines(text)
        self._n_tables: dict[Path, int] = {}  # of each array of tables

    def document(self) -> None:
        table: Path = ()
        offset = self._skip(0)
        while offset < len(self._text):
            if self._text[offset] == "[":
                table, offset = self._header(offset)
            else:
                offset = self._pair(table, offset, 0)
            offset = self._skip(offset)

    def _skip(self, offset: int) -> int:
        space = _SPACE.match(self._text, offset)
        assert space, "the pattern matches the empty string"
        return space.end()

    def _header(self, start: int) -> tuple[Path, int]:
        many = self._text.startswith("[[", start)
        spot = self._lines.spot(start)
        names, end = self._key(start + 1 + many)
        path: Path = ()
        for name in names:
            path = (*self._entered(path), name)
            self.spots.setdefault(path, Written(spot, spot))
        if many:
            self._n_tables[path] = self._n_tables.get(path, 0) + 1
            self.spots[self._entered(path)] = Written(spot, spot)
        return self._entered(path), end + 1 + many

    def _entered(self, path: Path) -> Path:
        """Return ``path``, or its last table so far where it is an array of tables."""
        return (*path, self._n_tables[path] - 1) if path in self._n_tables else path

    def _key(self, start: int) -> tuple[list[str], int]:
        names = []
        offset = start
        while True:
            part = _KEY.match(self._text, offset)
            assert part, f"no key at offset {offset} of a text that tomllib has read"
            names.append(_name(part[1]))
            offset = part.end()
            if not self._text.startswith(".", offset):
                return names, offset
            offset += 1

    def _pair(self, table: Path, start: int, depth: int) -> int:
        spot = self._lines.spot(start)
        names, end = self._key(start)
        path = table
        for name in names[:-1]:
            path = (*path, name)
            self.spots.setdefault(path, Written(spot, spot))
        return self._value((*path, names[-1]), spot, self._skip(end + 1), depth)

    def _value(self, path: Path, key: Spot | None, start: int, depth: int) -> int:
        spot = self._lines.spot(start)
        if depth > MAX_DEPTH:
            self._notes.too_deep(spot)
        if self._text[start] in "[{":
            self.spots[path] = Written(key or spot, spot)
            return self._collection(path, start, depth)
        scalar = _SCALAR.match(self._text, start)
        assert scalar, f"no value at offset {start} of a text that tomllib has read"
        self.spots[path] = Written(key or spot, spot, scalar[0].rstrip())
        return scalar.end()

    def _collection(self, path: Path, start: int, depth: int) -> int:
        is_list = self._text[start] == "["
        offset = self._skip(start + 1)
        n_items = 0
        while self._text[offset] not in "]}":
            if is_list:
                offset = self._value((*path, n_items), None, offset, depth + 1)
            else:
                offset = self._pair(path, offset, depth + 1)
            n_items += 1
            offset = self._skip(offset)
            if self._text[offset] == ",":
                offset = self._skip(offset + 1)
        return offset + 1


def _name(part: str) -> str:
    if part[0] == "'":
        return part[1:-1]
    if part[0] == '"':
        return str(tomllib.loads(f"name = {part}")["name"])
    return part
