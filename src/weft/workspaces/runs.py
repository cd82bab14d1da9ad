"""The runs whose folders lie in Weft's own folder, and the workspaces that are left in them.

Knows the layout `runs/RUN/TASK`. What is left is brought back by `merging` and removed by `clean`.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from weft.disk.held import hold, is_held
from weft.workspaces.record import Room

RUNS = "runs"
LATEST = "latest"


class Run(msgspec.Struct, frozen=True):
    """The folder of one run."""

    folder: Path

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.folder.name

    def rooms(self) -> list[Room]:
        """Return the workspaces that are left, or what was left when one was being removed, by name.

        Raises:
            OSError: the folder can't be read.
        """
        rooms = [Room(self.folder / name) for name in sorted(os.listdir(self.folder))]
        return [room for room in rooms if any(map(os.path.lexists, (room.tree, room.gone, room.record)))]

    def hold(self) -> int:
        """Say that somebody is at work on its workspaces; let it go by `held.let_go`.

        Raises:
            BlockingIOError: somebody else is.
            OSError: that can't be written.
        """
        return hold(self._lock)

    def is_held(self) -> bool:
        """Tell whether somebody is at work on its workspaces: the run itself, or who brings back the rest."""
        return is_held(self._lock)

    @property
    def _lock(self) -> Path:
        return self.folder / ".workspaces.lock"  # no task is called that


def runs_in(home: Path) -> list[Run]:
    """Return the runs in ``home``, Weft's own folder, the newest first.

    Raises:
        OSError: they can't be looked at.
    """
    try:
        names = sorted(os.listdir(home / RUNS), reverse=True)
    except FileNotFoundError:
        return []
    folders = [home / RUNS / name for name in names]
    return [Run(folder) for folder in folders if folder.is_dir() and _alias(folder) is None]


def run_named(home: Path, name: str) -> Run | None:
    """Return the run ``name``, which may be `latest`; None if there is none."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        return None
    folder = home / RUNS / name
    folder = home / RUNS / (_alias(folder) or name)
    return Run(folder) if folder.is_dir() else None


def _alias(folder: Path) -> str | None:
    """Return the run beside it for which ``folder`` is only another name, as `latest` is."""
    if not folder.is_symlink():
        return None
    target = os.readlink(folder)
    return None if "/" in target or target in (".", "..") else target
