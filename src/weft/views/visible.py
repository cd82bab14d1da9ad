"""Text that comes from a user, made fit for one line of a terminal or a message."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Return ``text`` with what can't be printed written as escapes: a terminal must not obey a plan.

    >>> print(visible("a\tb\x1b[0m"))
    a\tb\x1b[0m
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
