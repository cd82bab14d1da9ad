"""How a run stands: whether it goes on, how it has ended, or that its process has died without an end."""

from __future__ import annotations

from enum import StrEnum


class Standing(StrEnum):
    """The first four are the ends of `RunState`, under the same names."""

    SUCCEEDED = "succeeded"
    DEGRADED = "degraded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    RUNNING = "running"
    CRASHED = "crashed"  # its process was killed, or broke down
    UNSEEN = "unseen"  # it has not ended, and its process can't be seen from here
