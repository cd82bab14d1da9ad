"""A document as a tree that knows where each part stands.

Knows nothing of plans: the three formats all become this tree, and everything after them reads it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import msgspec

Path = tuple[str | int, ...]

# Deeper than any plan needs, shallow enough that reading it never exhausts Python's stack.
MAX_DEPTH = 64


class Spot(NamedTuple):
    """A place in a text, both numbers counted from 1."""

    line: int
    column: int


START = Spot(1, 1)


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """A single value; ``text`` is how it was written, without quotes."""

    value: str | int | float | bool | None
    text: str
    spot: Spot


class Items(msgspec.Struct, frozen=True):
    """A list."""

    nodes: list[Node]
    spot: Spot


class Table(msgspec.Struct, frozen=True):
    """A mapping, in the order written; ``keys`` tells where each key stands."""

    nodes: dict[str, Node]
    keys: dict[str, Spot]
    spot: Spot


Node = Scalar | Items | Table


class Lines:
    """Turns offsets into a text to spots.

    >>> Lines("ab\\ncd").spot(4)
    Spot(line=2, column=2)
    """

    def __init__(self, text: str) -> None:
        self._starts = [0]
        end = text.find("\n")
        while end >= 0:
            self._starts.append(end + 1)
            end = text.find("\n", end + 1)

    def spot(self, offset: int) -> Spot:
        line = bisect_right(self._starts, offset)
        return Spot(line, offset - self._starts[line - 1] + 1)


def spot_at(root: Node, path: Path) -> Spot:
    """Return where ``path`` leads: to a key of a mapping, or to an item of a list.

    Where the tree ends before the path does, it is the last spot on the way.
    """
    return _at(root, path)[1]


def node_at(root: Node, path: Path) -> Node:
    """Return the node that ``path`` leads to, or the last one on the way."""
    return _at(root, path)[0]


def _at(root: Node, path: Path) -> tuple[Node, Spot]:
    node, spot = root, root.spot
    for step in path:
        match node, step:
            case Table(nodes, keys), str(name) if name in nodes:
                node, spot = nodes[name], keys[name]
            case Items(items), int(position) if position < len(items):
                node = items[position]
                spot = node.spot
            case _:
                break
    return node, spot
