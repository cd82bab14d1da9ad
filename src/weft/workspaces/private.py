"""Private workspaces: an empty directory of the task's own, or a copy of the plan's files.

The two differ in what is copied and in nothing else. What a task has changed is found by comparing what it
has left with what stood there when it began.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from weft.disk.entry import Kind
from weft.disk.held import let_go
from weft.model.refusal import Refusal
from weft.model.workspace import Workspace, WorkspaceKind
from weft.workspaces.base import Work
from weft.workspaces.changed import changed
from weft.workspaces.clean import Cleaner
from weft.workspaces.fill import Filled, Links, fill
from weft.workspaces.left import Left
from weft.workspaces.looks import Looks
from weft.workspaces.manifest import Manifest, take
from weft.workspaces.record import Room, State, seal_of
from weft.workspaces.selection import STATE_FOLDER, Selection


class Private:
    """Makes private workspaces.

    Args:
        root: the plan's directory.
        folder_of: the folder of a task, below `.weft` in ``root``; the workspace is made in it.
        workspace: what kind, and what is copied.
        keep_base: whether copies keep the files as they were, which merging texts needs.
        looks: at ``root``, shared with those who make other places there.

    Raises:
        UsageError: a pattern is none.
    """

    def __init__(
        self,
        root: Path,
        folder_of: Callable[[str], Path],
        workspace: Workspace,
        *,
        keep_base: bool = False,
        looks: Looks | None = None,
    ) -> None:
        assert workspace.is_private, workspace
        self._root = root.absolute()
        self._folder_of = folder_of
        self._kind = workspace.kind
        self._selection = Selection(workspace.include, workspace.exclude)
        self._keep_base = keep_base and self._kind is WorkspaceKind.COPY
        self._cleaner = Cleaner(self._root / STATE_FOLDER)
        self._looks = looks or Looks(self._root)

    def open(self, task_id: str) -> PrivatePlace:
        """Make a workspace for a task.

        Raises:
            FileExistsError: it has one already.
            OSError: it can't be made. Nothing of it is left.
        """
        room = Room(self._folder_of(task_id))
        room.folder.mkdir(parents=True, exist_ok=True)
        lock = room.hold()
        try:
            room.tree.mkdir()
            try:
                return self._made(Left(task_id, room, self._cleaner), lock)
            except OSError:
                self._cleaner.discard(room)
                raise
        except BaseException:
            let_go(lock)
            raise

    def _made(self, left: Left, lock: int) -> PrivatePlace:
        room = left.room
        left.begin(self._kind)
        origin = self._looks.take(self._selection)
        paths = self._selection.copied(origin.entries) if self._kind is WorkspaceKind.COPY else set()
        links = Links(str(self._root), str(room.tree.absolute()))
        filled = fill(self._root, room.tree, origin, paths, links)
        if self._keep_base:
            room.pristine.mkdir()
            copied = _as_copied(room.tree, filled.origin)
            kept = [path for path, entry in copied.entries.items() if entry.kind is not Kind.LINK]
            fill(room.tree, room.pristine, copied, kept, links)
        return PrivatePlace(left, lock, self._selection, filled, links)


class PrivatePlace:
    """A private workspace that is open."""

    is_private = True

    def __init__(self, left: Left, lock: int, selection: Selection, filled: Filled, links: Links) -> None:
        self.task_id = left.task_id
        self.path = left.room.tree
        self.base = filled.origin
        self._left = left
        self._lock: int | None = lock
        self._selection = selection
        self._turned = filled.turned
        self._links = links
        copied = _as_copied(self.path, filled.origin)
        self._seen = frozenset(copied.entries)
        self._start = self._in_plans_words(copied)

    @property
    def state(self) -> State:
        """How things stand."""
        return self._left.state

    def begin(self) -> None:
        """Say that the set-up is over: what stands there from now on is the task's doing.

        Raises:
            OSError: something can't be read.
        """
        self._start = self.manifest()

    def manifest(self) -> Manifest:
        """Return what it holds now; links are told with the targets that they would have in the plan.

        Raises:
            OSError: something can't be read, or what was the workspace is no directory any more.
        """
        if self.path.is_symlink():
            raise NotADirectoryError(f"`{self.path}` is a link now, and was a directory")
        return self._in_plans_words(take(self.path, keep=self._selection.keeps, last=self._start))

    def close(self) -> Work:
        """Say that the task has ended, and return what it has changed. May be called again.

        Raises:
            OSError: something can't be read. The place stays open.
        """
        if self._lock is not None:
            seal = seal_of(self.path)
            base, task = changed(self.base, self._start, self.manifest(), self._seen)
            self._left.end(base, task, seal)
            self.abandon()
        return self._left.close()

    def abandon(self) -> None:
        """Leave the place as it is, to others: nobody knows what was changed there. May be called again."""
        if self._lock is not None:
            let_go(self._lock)
            self._lock = None

    def tell(self, state: State, conflicts: tuple[str, ...] = ()) -> None:
        """Write down what has become of its work.

        Raises:
            OSError: that can't be written.
        """
        self._left.tell(state, conflicts)

    def give_up(self) -> None:
        """Write down that the task has failed: what it has made is brought back only if asked for by name.

        Raises:
            OSError: that can't be written.
        """
        self._left.give_up()

    def remove(self) -> Refusal | None:
        """Take it away; or return why it stays. What was not brought back is never taken away."""
        return self._left.remove()

    def _in_plans_words(self, manifest: Manifest) -> Manifest:
        entries = dict(manifest.entries)
        for path, entry in entries.items():
            if entry.target is not None:
                is_turned = self._turned.get(path) == entry.target
                target = self.base.entries[path].target if is_turned else self._links.to_plan(entry.target)
                entries[path] = msgspec.structs.replace(entry, target=target)
        return Manifest(entries, manifest.taken_ns)


def _as_copied(tree: Path, origin: Manifest) -> Manifest:
    """Return what stands in ``tree``, where only copies stand: what they hold is known, or not needed.

    One that is written to before the clock has moved on gets another modification time nevertheless: that
    of its original is older, or else the original was read.
    """
    seen = take(tree, hash_up_to=None)
    entries = {
        path: msgspec.structs.replace(entry, digest=origin.entries[path].digest)
        for path, entry in seen.entries.items()
    }
    return Manifest(entries, seen.taken_ns)
