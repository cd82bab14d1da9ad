"""The steps of a publish: each is one change of names, can be done twice, and can be undone.

What is to be put in place lies ready under a name of its own, and what is replaced gets one, before a step
is begun. So from the names alone can be seen whether it was done. A step looks before it does something:
what has been changed by somebody else since the decision stays as it is, and blocks the step.

Knows single steps; their order and the journal are the matter of `publish`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

import msgspec

from weft.workspaces.inside import Inside, is_real_folder

# The mode of a new directory until all is in it.
NEW_FOLDER = 0o700

_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class Mark(msgspec.Struct, frozen=True):
    """By what a file or a link is known again, whatever it is called: linking changes nothing of it."""

    inode: int
    size: int
    mtime_ns: int


class Spot(msgspec.Struct, frozen=True):
    """A name of Weft's own: in the publish's folder, or in ``beside``, a directory of the plan."""

    name: str
    beside: str | None = None


class Put(msgspec.Struct, frozen=True, tag=True):
    """What lies at ``staged`` gets the name ``path``; what had it, if anything, is ``saved``."""

    path: str
    staged: Spot
    new: Mark
    saved: Spot | None = None
    was: Mark | None = None


class Take(msgspec.Struct, frozen=True, tag=True):
    """The file or link at ``path`` goes to ``saved``."""

    path: str
    saved: Spot
    was: Mark


class MakeFolder(msgspec.Struct, frozen=True, tag=True):
    """A directory is made, for its owner only until all is in it."""

    path: str


class RemoveFolder(msgspec.Struct, frozen=True, tag=True):
    """An empty directory is removed."""

    path: str
    mode: int


class SetMode(msgspec.Struct, frozen=True, tag=True):
    """The permission bits change."""

    path: str
    is_folder: bool
    before: int
    after: int


Step = Put | Take | MakeFolder | RemoveFolder | SetMode


class BlockedError(Exception):
    """Somebody else has changed what stands at ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def mark_of(status: os.stat_result | None) -> Mark | None:
    """Return by what that can be known again."""
    return status and Mark(status.st_ino, status.st_size, status.st_mtime_ns)


class Steps:
    """Does and undoes steps in the directory ``root``; ``room`` is the folder of the publish."""

    def __init__(self, root: Inside, room: Inside) -> None:
        self._root = root
        self._room = room

    def do(self, step: Step) -> None:
        """Do ``step``, or what is missing of it.

        Raises:
            BlockedError: what it would replace or remove is not what it was.
            OSError: the file system refuses.
        """
        now = self._root.status(step.path)
        match step:
            case Put():
                self._put(step, now)
            case Take(path, saved, was):
                if not self.is_there(saved):
                    _expect(path, mark_of(now) == was)
                    self._to_spot(path, saved)
            case MakeFolder(path):
                if is_real_folder(now):  # made before, and perhaps closed since
                    self._root.set_mode(path, NEW_FOLDER)
                else:
                    _expect(path, now is None)
                    self._make_folder(path)
            case RemoveFolder(path):
                if is_real_folder(now):
                    self._remove_folder(path)
            case SetMode(path, of_folder, _, after):
                if now is not None and is_real_folder(now) == of_folder:
                    self._root.set_mode(path, after)
            case _:
                assert_never(step)

    def undo(self, step: Step) -> None:
        """Undo ``step``, as far as it was done.

        Raises:
            BlockedError: what it has put in place is not there any more.
            OSError: the file system refuses.
        """
        now = self._root.status(step.path)
        match step:
            case Put():
                self._put_back(step, now)
            case Take(path, saved):
                if self.is_there(saved):
                    _expect(path, now is None)
                    self._from_spot(saved, path)
            case MakeFolder(path):
                if is_real_folder(now):
                    self._remove_folder(path)
            case RemoveFolder(path, mode):
                if now is None:
                    self._make_folder(path)
                    self._root.set_mode(path, mode)
            case SetMode(path, of_folder, before):
                if now is not None and is_real_folder(now) == of_folder:
                    self._root.set_mode(path, before)
            case _:
                assert_never(step)

    def is_there(self, spot: Spot) -> bool:
        """Tell whether something has that name."""
        return self._status(spot) is not None

    def clear(self, spot: Spot) -> None:
        """Remove what has that name, if anything does."""
        try:
            with self.folder_of(spot) as fd:
                os.unlink(spot.name, dir_fd=fd)
        except (FileNotFoundError, NotADirectoryError):
            pass

    @contextmanager
    def folder_of(self, spot: Spot) -> Iterator[int]:
        """Give the directory that the name is in, open."""
        place = self._room.folder() if spot.beside is None else self._root.folder(spot.beside)
        with place as fd:
            yield fd

    def _put(self, step: Put, now: os.stat_result | None) -> None:
        if not self.is_there(step.staged):
            return
        if step.saved is None:
            _expect(step.path, now is None)
        else:
            saved = self._status(step.saved)
            if saved is None:
                _expect(step.path, mark_of(now) == step.was)
                self._save(step.path, step.saved)
            else:  # it was saved, and then something happened
                _expect(step.path, now is None or now.st_ino == saved.st_ino)
        self._from_spot(step.staged, step.path)

    def _put_back(self, step: Put, now: os.stat_result | None) -> None:
        is_new = mark_of(now) == step.new
        if self.is_there(step.staged):
            if step.saved is not None and self.is_there(step.saved):
                if now is None:
                    self._from_spot(step.saved, step.path)
                else:
                    _expect(step.path, mark_of(now) == step.was)
                    self.clear(step.saved)
        elif step.saved is None:
            if is_new:
                with self._root.parent(step.path) as (fd, name):
                    os.unlink(name, dir_fd=fd)
        elif self.is_there(step.saved):
            _expect(step.path, now is None or is_new)
            self._from_spot(step.saved, step.path)

    def _save(self, path: str, saved: Spot) -> None:
        """Give the file a second name, so that its first one is there all the time."""
        try:
            with self._root.parent(path) as (fd, name), self.folder_of(saved) as to:
                os.link(name, saved.name, src_dir_fd=fd, dst_dir_fd=to, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            self._to_spot(path, saved)

    def _to_spot(self, path: str, spot: Spot) -> None:
        with self._root.parent(path) as (fd, name), self.folder_of(spot) as to:
            os.rename(name, spot.name, src_dir_fd=fd, dst_dir_fd=to)

    def _from_spot(self, spot: Spot, path: str) -> None:
        with self.folder_of(spot) as fd, self._root.parent(path) as (to, name):
            os.rename(spot.name, name, src_dir_fd=fd, dst_dir_fd=to)

    def _status(self, spot: Spot) -> os.stat_result | None:
        try:
            with self.folder_of(spot) as fd:
                return os.stat(spot.name, dir_fd=fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _make_folder(self, path: str) -> None:
        with self._root.parent(path) as (fd, name):
            os.mkdir(name, NEW_FOLDER, dir_fd=fd)

    def _remove_folder(self, path: str) -> None:
        try:
            with self._root.parent(path) as (fd, name):
                os.rmdir(name, dir_fd=fd)
        except OSError as error:
            if error.errno in _NOT_EMPTY:
                raise BlockedError(path) from error
            raise


def _expect(path: str, is_so: bool) -> None:
    if not is_so:
        raise BlockedError(path)
