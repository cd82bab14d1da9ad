"""Publish: carry out the changes of a decision in the plan's directory, all of them or none.

First the new files are written where nobody looks and flushed to the disk. Then the steps are written to a
journal. From that moment on a crash can't leave anything half done: whoever comes next finds the journal,
and `recover` does the steps that are missing. Where a step can't be done, because a file was changed by
somebody else or the file system refuses, all steps are undone. Last the journal is removed, and with it the
old files. A reader sees each file whole at any time, old or new.

That a workspace was brought back is written down in its record before the journal goes: so it is known
exactly, whenever a process is killed.

Knows changes and steps; what is to be changed is decided in `merge`.
"""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from weft.disk.durable import sync_folder
from weft.disk.held import held
from weft.disk.values import load, save
from weft.errors import UsageError, WeftError
from weft.workspaces.inside import Inside, is_real_folder, names_of, opened
from weft.workspaces.merge import Change
from weft.workspaces.record import Room, State
from weft.workspaces.selection import STATE_FOLDER
from weft.workspaces.sequence import in_order
from weft.workspaces.staging import Staging, Trees, is_still
from weft.workspaces.steps import BlockedError, Spot, Step, Steps

Value = TypeVar("Value")

JOURNAL = "journal.json"
SPOTS = "spots.json"
LOCK = "lock"


class Journal(msgspec.Struct, frozen=True):
    """What is being done: ``steps`` in this order, or all of them undone; ``note`` says for whom.

    ``workspace`` is the folder of the one that is brought back, if it is one.
    """

    note: str
    steps: tuple[Step, ...]
    is_undone: bool = False
    workspace: str | None = None


class _Spots(msgspec.Struct, frozen=True):
    """Names of Weft's own among the plan's files, to be removed in the end."""

    beside: tuple[Spot, ...]


class HowRecovered(StrEnum):
    """What became of a publish that was cut off."""

    CLEARED = "cleared"  # it had not begun, or was complete: only what it had put aside was left
    COMPLETED = "completed"
    UNDONE = "undone"


class Recovered(msgspec.Struct, frozen=True):
    """One publish that was cut off; ``note`` says whose, where that is known."""

    how: HowRecovered
    note: str = ""


class Publisher:
    """Changes files below ``root``. ``room`` is a folder of Weft's own, made if need be.

    Publishers of the same room, in whatever process, wait for each other.
    """

    def __init__(self, root: Path, room: Path) -> None:
        self._root = root
        self._room = room

    def publish(
        self, changes: Sequence[Change], trees: Trees, note: str = "", workspace: Path | None = None
    ) -> tuple[str, ...]:
        """Make all of ``changes``, or none.

        Args:
            changes: as decided.
            trees: the directories that new files are copied from.
            note: for whom, told when it has to be recovered.
            workspace: the folder of the one that is brought back: its record tells so afterwards.

        Returns:
            Paths that have changed since the decision, in the plan or where they come from. Then
            nothing was done; decide again.

        Raises:
            UsageError: a path leads out of the directory, or into Weft's own folder.
            OSError: the file system refuses. Nothing was done.
            WeftError: what was cut off earlier can be neither completed nor undone.
        """
        for change in changes:
            _check(change.path)
        with self._locked():
            self._recover()
            if not changes:
                return ()
            folder = self._room / secrets.token_hex(8)
            folder.mkdir(mode=0o700)
            sync_folder(self._room)
            with opened(self._root) as root, opened(folder) as inner:
                return _Publish(root, inner, Steps(root, inner)).run(changes, trees, note, workspace)

    def recover(self) -> list[Recovered]:
        """Complete or undo what was cut off; afterwards the directory is as before or as after each publish.

        Raises:
            WeftError: files were changed since, so that it can be neither completed nor undone.
                Both versions are kept.
            OSError: the file system refuses.
        """
        if not self._room.is_dir():
            return []
        with self._locked():
            return self._recover()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._room.mkdir(mode=0o700, parents=True, exist_ok=True)
        with held(self._room / LOCK, waits=True):
            yield

    def _recover(self) -> list[Recovered]:
        found = []
        for folder in sorted(self._room.iterdir()):
            if folder.is_dir():
                with opened(self._root) as root, opened(folder) as inner:
                    found.append(_Publish(root, inner, Steps(root, inner)).recover())
        return found


def _check(path: str) -> None:
    if names_of(path)[0] == STATE_FOLDER:
        raise UsageError(f"`{path}` is Weft's own: nothing is published there")


def _read(path: Path, kind: type[Value]) -> Value:
    """Read what was written down of a publish; `load` says how.

    Raises:
        WeftError: it can't be made out.
    """
    try:
        return load(path, kind)
    except ValueError as error:
        raise WeftError(
            f"{path} can't be read: {error}; it says how to complete a merge, "
            "and the files that this one has replaced lie beside it"
        ) from error


def _tell(journal: Journal, state: State) -> None:
    """Write down what has become of the work that was to be brought back.

    Raises:
        OSError: it can't be written.
    """
    if journal.workspace is None:
        return
    room = Room(Path(journal.workspace))
    try:
        record = room.read()
    except (FileNotFoundError, ValueError):
        return  # it was taken away meanwhile, or spoilt: nobody will take it for one that can be brought back
    if record.state is not state:
        room.write(msgspec.structs.replace(record, state=state))


class _Publish:
    """One publish, whose folder is ``room``."""

    def __init__(self, root: Inside, room: Inside, steps: Steps) -> None:
        self._root = root
        self._room = room
        self._folder = room.root
        self._steps = steps

    def run(
        self, changes: Sequence[Change], trees: Trees, note: str, workspace: Path | None
    ) -> tuple[str, ...]:
        try:
            staging = Staging(self._root, self._room, self._steps, trees)
            spots = staging.plan(changes)
            if any(spot.beside is not None for spot in spots):
                save(self._folder / SPOTS, _Spots(tuple(spots)))
            moved = staging.fill() or tuple(
                change.path for change in changes if not is_still(self._root, change.path, change.was)
            )
            if moved:
                self._clear()
                return moved
            steps = tuple(in_order(changes, self._folders_above(changes), staging))
            folder = None if workspace is None else str(workspace.absolute())
            journal = Journal(note, steps, workspace=folder)
            save(self._folder / JOURNAL, journal)
        except OSError:
            self._clear()
            raise
        return self._carry_out(journal)

    def recover(self) -> Recovered:
        """Bring to an end what was cut off.

        Raises:
            WeftError: as above.
        """
        try:
            journal = _read(self._folder / JOURNAL, Journal)
        except FileNotFoundError:
            self._clear()
            return Recovered(HowRecovered.CLEARED)
        if not journal.is_undone and not self._carry_out(journal):
            return Recovered(HowRecovered.COMPLETED, journal.note)
        if journal.is_undone:
            self._undo(journal)
        return Recovered(HowRecovered.UNDONE, journal.note)

    def _carry_out(self, journal: Journal) -> tuple[str, ...]:
        """Do all steps, and return nothing; or undo them, and return the path that blocks them."""
        try:
            for step in journal.steps:
                self._steps.do(step)
            _tell(journal, State.MERGED)
        except BlockedError as blocked:
            self._undo(journal)
            return (blocked.path,)
        except OSError:
            self._undo(journal)
            raise
        self._finish(journal)
        return ()

    def _undo(self, journal: Journal) -> None:
        save(self._folder / JOURNAL, msgspec.structs.replace(journal, is_undone=True))
        try:
            for step in reversed(journal.steps):
                self._steps.undo(step)
        except BlockedError as blocked:
            raise WeftError(
                f"`{blocked.path}` was changed while a merge was being carried out, which can now be neither "
                f"completed nor undone; the files that it replaced are in {self._folder}"
            ) from blocked
        _tell(journal, State.UNMERGED)
        self._finish(journal)

    def _finish(self, journal: Journal) -> None:
        for folder in sorted({step.path.rpartition("/")[0] for step in journal.steps}):
            if not folder or is_real_folder(self._root.status(folder)):
                self._root.sync(folder)
        self._clear()

    def _clear(self) -> None:
        """Remove whatever is Weft's own, the journal first: the rest means nothing without it."""
        (self._folder / JOURNAL).unlink(missing_ok=True)
        sync_folder(self._folder)
        try:
            for spot in _read(self._folder / SPOTS, _Spots).beside:
                if spot.beside is not None:
                    self._steps.clear(spot)
        except FileNotFoundError:
            pass
        for left in self._folder.iterdir():
            left.unlink()
        self._folder.rmdir()

    def _folders_above(self, changes: Iterable[Change]) -> dict[str, int]:
        """Return the modes of the directories that are there now and in which names change."""
        found = {}
        for folder in sorted({change.path.rpartition("/")[0] for change in changes} - {""}):
            status = self._root.status(folder)
            if status is not None and is_real_folder(status):
                found[folder] = stat.S_IMODE(status.st_mode)
        return found
