"""Pages: what was found out about a plan, for people as text, for programs as JSON.

Knows how text is laid out, 80 columns wide; what stands on a page is decided by its owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

import msgspec

from weft.views.spans import brief
from weft.views.visible import visible

WIDTH = 80
MOST_ITEMS = 10  # a page is to be seen at once; the JSON has them all
_LABEL = 16


class Page(msgspec.Struct, frozen=True):
    """Values that are shown as a page when they are printed."""

    def lines(self) -> Iterable[str]:
        """Return the page line by line."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join(visible(line) for line in self.lines())

    def to_json(self) -> str:
        """Return the values as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()


def count(number: int, noun: str) -> str:
    """Return a number of things.

    >>> count(1, "task"), count(1200, "task")
    ('1 task', '1,200 tasks')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def seconds(number: float) -> str:
    """Return a length of time that is compared with others.

    >>> seconds(1234.56), seconds(0.0), seconds(0.0042)
    ('1,234.6 s', '0.0 s', '4.2 ms')
    """
    return brief(number) if 0.0 < number < 0.05 else f"{number:,.1f} s"


def names(all_names: Sequence[str]) -> str:
    """Return the first names, and how many more there are.

    >>> names(["a", "b"])
    '`a`, `b`'
    """
    shown = ", ".join(f"`{name}`" for name in all_names[:MOST_ITEMS])
    rest = len(all_names) - MOST_ITEMS
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def row(label: str, text: str) -> list[str]:
    """Return the lines of a row of a table; the label may be empty."""
    first, *others = wrapped(text, " " * _LABEL) or [""]
    return [f"{label:{_LABEL}}{first.lstrip()}".rstrip(), *others]


def item(text: str) -> list[str]:
    """Return the lines of an item of a list."""
    return wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)


def wrapped(text: str, indent: str = "") -> list[str]:
    """Return ``text`` in as many lines as it takes."""
    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
