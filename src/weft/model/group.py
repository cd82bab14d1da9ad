"""A group: tasks that share how they are treated.

Knows what the user declares; what it means for the order of tasks is decided in `planning.units`.
"""

from __future__ import annotations

import msgspec


class Group(msgspec.Struct, frozen=True):
    """``atomic``: nothing that conflicts with any member runs between its members."""

    atomic: bool = False
