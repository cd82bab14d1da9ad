"""What a task has left behind: a workspace whose task has ended, by what is written down about it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from weft.model.refusal import Refusal
from weft.workspaces.base import Work
from weft.workspaces.clean import Cleaner
from weft.workspaces.manifest import Manifest
from weft.workspaces.record import Record, Room, State


class Left:
    """A workspace in the folder ``room``, which ``cleaner`` may remove."""

    def __init__(self, task_id: str, room: Room, cleaner: Cleaner) -> None:
        self.task_id = task_id
        self.room = room
        self._cleaner = cleaner

    @classmethod
    def at(cls, folder: Path, home: Path) -> Left:
        """Return what stands in the ``folder`` of a task, below Weft's own folder ``home``.

        Raises:
            FileNotFoundError: nothing is known of a workspace there.
            ValueError: what is written down can't be read.
        """
        room = Room(folder)
        return cls(room.read().task_id, room, Cleaner(home))

    @property
    def path(self) -> Path:
        """Where its task has worked."""
        return self.room.tree

    @property
    def state(self) -> State:
        """How things stand."""
        return self.room.state()

    @property
    def conflicts(self) -> tuple[str, ...]:
        """The paths that kept it from being brought back."""
        return self.room.read().conflicts

    def begin(self, kind: str) -> None:
        """Write down that its task is at work.

        Raises:
            OSError: that can't be written.
        """
        self.room.write(Record(self.task_id, kind, State.RUNNING))

    def end(self, base: Manifest, task: Manifest, seal: str) -> None:
        """Write down what its task has changed.

        Raises:
            OSError: that can't be written.
        """
        record = self.room.read()
        self.room.write(
            msgspec.structs.replace(record, state=State.UNMERGED, base=base, task=task, seal=seal)
        )

    def close(self) -> Work:
        """Return what its task has changed."""
        record = self.room.read()
        pristine = self.room.pristine
        return Work(record.base, record.task, self.room.tree, pristine if pristine.is_dir() else None)

    def tell(self, state: State, conflicts: tuple[str, ...] = ()) -> None:
        """Write down what has become of its work.

        Raises:
            OSError: that can't be written.
        """
        self.room.write(msgspec.structs.replace(self.room.read(), state=state, conflicts=conflicts))

    def give_up(self) -> None:
        """Write down that the task has failed: what it has made is brought back only if asked for by name.

        Raises:
            OSError: that can't be written.
        """
        self.room.write(msgspec.structs.replace(self.room.read(), is_given_up=True))

    def remove(self) -> Refusal | None:
        """Take it away; or return why it stays."""
        return self._cleaner.remove(self.room)
