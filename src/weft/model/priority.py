"""How urgent a task is, in three levels.

Knows the names only. What they do to the order of starts is decided in `scheduling.ready`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

from weft.errors import UsageError


class Priority(IntEnum):
    """HIGH starts before NORMAL, NORMAL before LOW."""

    LOW = 1  # background, speculative
    NORMAL = 2  # the standard
    HIGH = 3  # somebody waits for it


LOW = Priority.LOW
NORMAL = Priority.NORMAL
HIGH = Priority.HIGH

Urgency = Priority | Literal["high", "normal", "low"]


def priority_of(urgency: Urgency) -> Priority:
    """Return the priority that a caller asks for, by itself or by its name.

    >>> priority_of("high") is HIGH
    True

    Raises:
        UsageError: there is no such priority.
    """
    if isinstance(urgency, Priority):
        return urgency
    named: dict[object, Priority] = {priority.name.lower(): priority for priority in Priority}
    if urgency not in named:
        raise UsageError(f'`priority` is {urgency!r}; expected weft.HIGH, "high", "normal" or "low"')
    return named[urgency]
