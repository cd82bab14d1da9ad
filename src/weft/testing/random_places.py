"""Where the tasks of a random plan work, and what they touch there."""

from __future__ import annotations

from random import Random
from typing import Any

from weft.model.workspace import Merge, MergeAt, Workspace, WorkspaceKind

PATHS = ("a", "b", "c/", "c/d")  # few, so that many tasks touch the same


def random_place(chance: Random, *, apart: bool) -> dict[str, Any]:
    """Return arguments of a task: where it works if tasks may work ``apart``, and what it touches."""
    if not apart or chance.random() < 0.3:
        return {}
    found: dict[str, Any] = {}
    if chance.random() < 0.7:
        # What is read by those that work apart would have to be brought back in time.
        found["writes"] = chance.sample(PATHS, chance.randint(1, 2))
    if chance.random() < 0.7:
        found["workspace"] = Workspace(chance.choice((WorkspaceKind.COPY, WorkspaceKind.DIRECTORY)))
        found["merge"] = Merge(at=chance.choice((MergeAt.TASK, MergeAt.TASK, MergeAt.GROUP, MergeAt.RUN)))
    return found
