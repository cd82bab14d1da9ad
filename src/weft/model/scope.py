"""Among whom a limit or a lock is shared."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """Who counts together."""

    RUN = "run"  # the tasks of one run
    MACHINE = "machine"  # all Weft processes of this user on this machine
