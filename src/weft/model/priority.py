"""How urgent a task is, in three levels.

Knows the names only. What they do to the order of starts is decided in `scheduling.ready`.
"""

from __future__ import annotations

from enum import IntEnum


class Priority(IntEnum):
    """HIGH starts before NORMAL, NORMAL before LOW."""

    LOW = 1  # background, speculative
    NORMAL = 2  # the standard
    HIGH = 3  # somebody waits for it


LOW = Priority.LOW
NORMAL = Priority.NORMAL
HIGH = Priority.HIGH
