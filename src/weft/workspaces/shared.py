"""The shared workspace: tasks work in the plan's directory itself, and nothing is to be brought back."""

from __future__ import annotations

from pathlib import Path

from weft.model.refusal import Refusal
from weft.workspaces.base import Work
from weft.workspaces.manifest import Manifest
from weft.workspaces.record import State


class Shared:
    """Opens the plan's directory ``root`` to all who ask."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, task_id: str) -> SharedPlace:
        """Return the place, for which nothing has to be made."""
        return SharedPlace(task_id, self._root)


class SharedPlace:
    """The plan's directory as one task sees it. It holds nothing of its own, so there is no other state."""

    is_private = False
    base = Manifest()

    def __init__(self, task_id: str, path: Path) -> None:
        self.task_id = task_id
        self.path = path
        self.state = State.RUNNING

    def begin(self) -> None:
        """Nothing has to be remembered."""

    def manifest(self) -> Manifest:
        """Return nothing: none of it is the task's own."""
        return Manifest()

    def close(self) -> Work:
        """Return nothing: what the task has changed is where it belongs."""
        self.state = State.MERGED
        return Work(Manifest(), Manifest(), self.path)

    def abandon(self) -> None:
        """Nothing is held."""

    def tell(self, state: State, conflicts: tuple[str, ...] = ()) -> None:
        """Nothing is written down."""

    def give_up(self) -> None:
        """Nothing is written down."""

    def remove(self) -> Refusal | None:
        """Leave it alone: it is the user's."""
        return None
