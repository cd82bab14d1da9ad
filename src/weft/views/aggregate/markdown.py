"""Markdown that shows what results hold as it is: tables, and their cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from weft.views.aggregate.attendance import Supporter
from weft.views.aggregate.identity import text_of

MAX_NAMES = 5

# What Markdown shows as it is written; anything else becomes code.
_PLAIN = re.compile(r"[^\W_](?:[^\W_]|[ .,:%+/()'-])*")


def page(sentence: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a sentence, and a table if there are rows; a column whose name begins with `#` has numbers."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        rulers = ["---:" if column.startswith("#") else "---" for column in columns]
        head = [
            "",
            f"| {' | '.join(column.removeprefix('#') for column in columns)} |",
            f"|{'|'.join(rulers)}|",
        ]
        lines = head + lines
    return "\n".join([sentence, *lines]) + "\n"


def names(supporters: Sequence[Supporter], count: int, most: int) -> str:
    """Return the first of ``supporters``, of which there are ``count``, and how many more there are."""
    told = [cell(supporter) for supporter in supporters[:most]]
    if n_more := count - len(told):
        told.append(f"{n_more} more")
    return ", ".join(told)


def cell(value: Any) -> str:
    """Return ``value`` as it stands in a cell of a table.

    >>> cell("a|b"), cell("__all__"), cell(3)
    ('`a\\\\|b`', '`__all__`', '3')
    """
    text = text_of(value)
    if _PLAIN.fullmatch(text):
        return text
    # The fence must be longer than any run of backticks inside, and a pipe would end the cell.
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{padding}{text}{padding}{fence}".replace("|", "\\|")
