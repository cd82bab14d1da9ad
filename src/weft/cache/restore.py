"""Puts outputs back where they are missing or changed.

All files are made and checked in the cache before the first of them gets its place. What stands in the place
of one and can't be replaced is left there; the task then runs and may do better.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress

from weft.cache import blobs
from weft.cache.saved import Shelf
from weft.cache.state import State
from weft.disk.clone import copy_file
from weft.disk.entry import Kind
from weft.model.miss import CopyCorrupt, CopyGone, NotPutBack

OWNER_MAY = stat.S_IRWXU  # to put something into a directory


class CannotRestore(Exception):
    """``reason`` tells what stands in the way."""

    def __init__(self, reason: CopyGone | CopyCorrupt | NotPutBack) -> None:
        self.reason = reason
        super().__init__(reason)


def put_back(shelf: Shelf, root: str, states: Mapping[str, State], paths: Sequence[str]) -> None:
    """Make ``paths`` what ``states`` say they were.

    Args:
        shelf: where the copies are.
        root: the directory that the paths are relative to.
        states: what is to stand at each path.
        paths: those to put back; a directory comes before what it holds.

    Raises:
        CannotRestore: it can't be done.
    """
    made = {}
    try:
        for path in paths:
            if states[path].kind is Kind.FILE:
                made[path] = _taken_out(shelf, path, states[path])
        for path in paths:
            _place(os.path.join(root, path), path, states[path], made.pop(path, None))
        for path in reversed(paths):  # a directory that may not be written to is closed when all is in it
            if states[path].kind is Kind.DIRECTORY:
                _set_mode(os.path.join(root, path), path, states[path].mode)
    finally:
        for left in made.values():
            with suppress(OSError):
                os.unlink(left)


def _taken_out(shelf: Shelf, path: str, state: State) -> str:
    assert state.digest is not None, f"a file without a digest: {path}"
    try:
        return blobs.take_out(shelf, state.digest)
    except FileNotFoundError:
        raise CannotRestore(CopyGone(f"`{path}`")) from None
    except blobs.Changed:
        raise CannotRestore(CopyCorrupt(f"`{path}`")) from None
    except OSError as error:
        raise _cannot(path, error) from error


def _place(target: str, path: str, state: State, made: str | None) -> None:
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if state.kind is Kind.DIRECTORY:
            _make_directory(target)
        elif state.kind is Kind.LINK:
            _make_link(target, state)
        elif made is not None:
            os.chmod(made, state.mode)
            _move(made, target)
    except OSError as error:
        raise _cannot(path, error) from error
    finally:
        if made is not None:
            with suppress(FileNotFoundError):
                os.unlink(made)


def _make_directory(target: str) -> None:
    if os.path.lexists(target) and not stat.S_ISDIR(os.lstat(target).st_mode):
        os.unlink(target)
    os.makedirs(target, exist_ok=True)
    mode = stat.S_IMODE(os.stat(target).st_mode)
    if mode & OWNER_MAY != OWNER_MAY:
        os.chmod(target, mode | OWNER_MAY)


def _make_link(target: str, state: State) -> None:
    assert state.target is not None, f"a link that leads nowhere: {target}"
    _make_room(target)
    beside = f"{target}.weft-{os.getpid()}"
    os.symlink(state.target, beside)
    os.replace(beside, target)


def _move(made: str, target: str) -> None:
    _make_room(target)
    try:
        os.replace(made, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = f"{target}.weft-{os.getpid()}"  # the output lies on another file system than the cache
        copy_file(made, beside)
        os.chmod(beside, stat.S_IMODE(os.stat(made).st_mode))
        os.replace(beside, target)


def _make_room(target: str) -> None:
    """An empty directory may give way to a file; one that holds something may not."""
    if os.path.isdir(target) and not os.path.islink(target):
        os.rmdir(target)


def _set_mode(target: str, path: str, mode: int) -> None:
    try:
        os.chmod(target, mode)
    except OSError as error:
        raise _cannot(path, error) from error


def _cannot(path: str, error: OSError) -> CannotRestore:
    return CannotRestore(NotPutBack(path, error.strerror or str(error)))
