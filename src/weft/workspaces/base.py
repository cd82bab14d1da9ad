"""The protocol of workspaces: what each kind of place to work in can do.

Whoever runs tasks opens a place, lets a set-up command run in it, says that the task begins, lets it run, and
closes the place. What the task has changed is then told as `Work`, which is brought back by `merging`. An
overlay or a git worktree joins by a class with these methods.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from weft.model.refusal import Refusal
from weft.workspaces.manifest import Manifest
from weft.workspaces.record import State


class Work(msgspec.Struct, frozen=True):
    """What a task has changed: ``base`` is what it began with there, ``task`` what it has left.

    Attributes:
        base: entries of the plan's directory, at the paths that the task has changed and above.
        task: entries of the workspace, at the same paths; nothing where it has removed something.
        tree: where the bytes are.
        pristine: where those of ``base`` are, if they were kept.
    """

    base: Manifest
    task: Manifest
    tree: Path
    pristine: Path | None = None


class Place(Protocol):
    """One place to work in."""

    @property
    def task_id(self) -> str:
        """The task that works there."""
        ...

    @property
    def path(self) -> Path:
        """Its working directory."""
        ...

    @property
    def is_private(self) -> bool:
        """Whether what it writes there is seen by nobody else, until it is brought back."""
        ...

    @property
    def base(self) -> Manifest:
        """What the plan's directory held when the place was opened, as far as it matters here."""
        ...

    @property
    def state(self) -> State:
        """How things stand."""
        ...

    def begin(self) -> None:
        """Say that the set-up is over: what stands there from now on is the task's doing.

        Raises:
            OSError: something can't be read.
        """
        ...

    def manifest(self) -> Manifest:
        """Return what it holds now of its own.

        Raises:
            OSError: something can't be read.
        """
        ...

    def close(self) -> Work:
        """Say that the task has ended, and return what it has changed. May be called again.

        Raises:
            OSError: something can't be read. The place stays open.
        """
        ...

    def abandon(self) -> None:
        """Leave the place as it is, to others: nobody knows what was changed there. May be called again."""
        ...

    def tell(self, state: State, conflicts: tuple[str, ...] = ()) -> None:
        """Write down what has become of its work.

        Raises:
            OSError: that can't be written.
        """
        ...

    def give_up(self) -> None:
        """Write down that the task has failed: what it has made is brought back only if asked for by name.

        Raises:
            OSError: that can't be written.
        """
        ...

    def remove(self) -> Refusal | None:
        """Take it away; or return why it stays. What was not brought back is never taken away."""
        ...


class Workspaces(Protocol):
    """Places of one kind."""

    def open(self, task_id: str) -> Place:
        """Make a place for a task.

        Raises:
            FileExistsError: it has one already.
            OSError: it can't be made. Nothing of it is left.
        """
        ...
