"""One try at a task."""

from __future__ import annotations

import msgspec


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """Try number ``number`` (from 1) at the task that stands at ``task`` in program order."""

    task: int
    number: int = 1
