"""Text that comes from a user, made fit for one line of a terminal or a message, or to be sent."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Return ``text`` with what can't be printed written as escapes: a terminal must not obey a plan.

    >>> print(visible("a\tb\x1b[0m"))
    a\tb\x1b[0m
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def encodable(name: str) -> str:
    r"""Return ``name`` as text that can be sent: that of a file may be none, and has escapes then.

    >>> print(encodable("caf\udce9"))
    caf\udce9
    """
    return name.encode("utf-8", "backslashreplace").decode()
