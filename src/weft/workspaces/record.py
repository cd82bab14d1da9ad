"""What is written down about a workspace, beside it: enough to merge or to clean it up in a later process.

A workspace stands in the folder of its task, as `workspace`. Whoever has it open holds a lock that ends
with the process; a record that can't be read never means that there is nothing to lose.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path

import msgspec

from weft.disk.held import hold, is_held
from weft.disk.values import load, put
from weft.workspaces.manifest import Manifest, take


class State(StrEnum):
    """How things stand with a workspace."""

    RUNNING = "running"  # its task is at work
    UNMERGED = "unmerged"  # its task has ended
    CONFLICTED = "conflicted"  # it was to be brought back, and could not
    MERGED = "merged"  # it was brought back


class Record(msgspec.Struct, frozen=True):
    """A workspace as it is written down.

    ``base`` and ``task`` are what is to be brought back: what the task began with and what it has left, at
    the paths that it has changed. ``seal`` tells whether something has changed after the task had ended.
    ``is_given_up`` tells that the task has failed, so that nobody waits for what it has made.
    """

    task_id: str
    kind: str
    state: State
    base: Manifest = Manifest()
    task: Manifest = Manifest()
    seal: str = ""
    conflicts: tuple[str, ...] = ()
    is_given_up: bool = False


class Room(msgspec.Struct, frozen=True):
    """The names that belong to one workspace in the folder of its task."""

    folder: Path

    @property
    def tree(self) -> Path:
        """Where the task works."""
        return self.folder / "workspace"

    @property
    def pristine(self) -> Path:
        """The files as the task found them, where they are kept for merging texts."""
        return self.folder / "workspace.base"

    @property
    def gone(self) -> Path:
        """What is left of a workspace that is being removed."""
        return self.folder / "workspace.gone"

    @property
    def record(self) -> Path:
        """Where the record is."""
        return self.folder / "workspace.json"

    @property
    def lock(self) -> Path:
        """Locked by whoever has the workspace open."""
        return self.folder / "workspace.lock"

    def write(self, record: Record) -> None:
        """Write the record.

        Raises:
            OSError: it can't be written.
        """
        # Without power the work itself is not safe either, and what is told of it too late is only that
        # it was brought back: to do so again changes nothing.
        put(self.record, record)

    def read(self) -> Record:
        """Read the record.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it can't be made out.
        """
        return load(self.record, Record)

    def hold(self) -> int:
        """Lock the workspace, and return what holds the lock until it is closed.

        Raises:
            BlockingIOError: it is in use.
        """
        return hold(self.lock)

    def is_held(self) -> bool:
        """Tell whether somebody has it open."""
        return is_held(self.lock)

    def state(self) -> State:
        """Return how things stand; a task whose process has gone has ended.

        Raises:
            FileNotFoundError, ValueError: as `read`.
        """
        state = self.read().state
        return State.UNMERGED if state is State.RUNNING and not self.is_held() else state


def seal_of(tree: Path) -> str:
    """Return a text that is another one after whatever change that sizes, times, modes and names tell.

    Raises:
        OSError: something can't be looked at.
    """
    manifest = take(tree, hash_up_to=None)
    seal = hashlib.blake2b(digest_size=16)
    for path, entry in manifest.entries.items():
        told = (path, entry.kind.value, entry.mode, entry.size, entry.mtime_ns, entry.inode, entry.target)
        seal.update(repr(told).encode(errors="surrogateescape"))
    return seal.hexdigest()
