"""Copies of a plan's directory to try things in: all below `.weft/race/`, and taken away afterwards."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from weft.errors import UsageError
from weft.runtime.folder import make_state_folder
from weft.runtime.snapshot import LEFT_OUT


def make_room(root: Path) -> Path:
    """Return a new folder for copies of ``root``, private to this user.

    Raises:
        UsageError: it can't be made.
    """
    try:
        rooms = make_state_folder(root) / "race"
        rooms.mkdir(mode=0o700, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=rooms, prefix=""))
    except OSError as error:
        raise UsageError(f"can't make a folder for copies of {root}: {error.strerror}") from error


def copy_of(root: Path, to: Path) -> None:
    """Copy ``root`` without what belongs to Weft and to git; links into ``root`` lead into the copy.

    Raises:
        UsageError: something can't be copied.
    """
    try:
        shutil.copytree(root, to, symlinks=True, ignore=lambda folder, names: _left_out(root, folder, names))
        _turn_links(root, to)
    except OSError as error:  # among them what copytree gathers
        raise UsageError(f"can't copy {root} to {to}: {_first_cause(error)}") from error


def remove(folder: Path) -> None:
    """Take away a folder that was made here, whatever rights tasks have left on what is in it."""
    for inner, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(inner, name)
            if not os.path.islink(path):
                os.chmod(path, stat.S_IRWXU)
    shutil.rmtree(folder)


def _left_out(root: Path, folder: str, names: Sequence[str]) -> list[str]:
    is_top = Path(folder) == root
    return [
        name for name in names if (is_top and name in LEFT_OUT) or _is_special(os.path.join(folder, name))
    ]


def _is_special(path: str) -> bool:
    mode = os.lstat(path).st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))


def _turn_links(root: Path, to: Path) -> None:
    for folder, folders, names in os.walk(to):
        for path in (Path(folder, name) for name in (*folders, *names)):
            if (
                path.is_symlink()
                and (target := path.readlink()).is_absolute()
                and target.is_relative_to(root)
            ):
                path.unlink()
                path.symlink_to(to / target.relative_to(root))


def _first_cause(error: OSError) -> str:
    gathered = error.args[0] if isinstance(error, shutil.Error) else None
    return str(gathered[0][2]) if gathered else str(error.strerror)
