"""Brings the work of a task back: looks at the plan's directory, decides, and has it carried out.

Tasks are brought back one after the other, in the order of the plan; that is up to the caller.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from weft.disk.entry import Entry, Kind
from weft.model.workspace import Merge
from weft.workspaces.base import Work
from weft.workspaces.inside import names_of
from weft.workspaces.manifest import Manifest, take_at, take_below
from weft.workspaces.merge import Change, Conflict, Decision, Origin, merge
from weft.workspaces.publish import Publisher
from weft.workspaces.record import State
from weft.workspaces.texts import Versions, settle

# How often it is decided anew when files change in between.
ATTEMPTS = 5


class Ended(Protocol):
    """A workspace whose task has ended."""

    @property
    def task_id(self) -> str:
        """The task."""
        ...

    def close(self) -> Work:
        """Return what it has changed."""
        ...

    def tell(self, state: State, conflicts: tuple[str, ...] = ()) -> None:
        """Write down what has become of it."""
        ...


class Brought(msgspec.Struct, frozen=True):
    """What has become of a task's work.

    Attributes:
        changes: that were made.
        conflicts: because of which nothing was changed; both versions are where they were.
        overruled: conflicts that the policy has decided.
        left_out: paths in the workspace that can't be brought back: pipes, sockets, devices.
        restless: files that were written to again and again while they were to be brought back. If
            there are any, nothing was changed.
    """

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    overruled: tuple[Conflict, ...] = ()
    left_out: tuple[str, ...] = ()
    restless: tuple[str, ...] = ()

    @property
    def is_merged(self) -> bool:
        """Whether the plan's directory has all of it now."""
        return not self.conflicts and not self.restless


class Merging:
    """Brings work back into ``root``.

    Args:
        root: the plan's directory.
        publisher: carries changes out there.
        how: the policy.
    """

    def __init__(self, root: Path, publisher: Publisher, how: Merge) -> None:
        self._root = root
        self._publisher = publisher
        self._how = how

    def bring(self, place: Ended, label: str) -> Brought:
        """Bring back what the task has changed, and write down how that went.

        Args:
            place: where it worked.
            label: the task, as part of a file name.

        Raises:
            OSError: the file system refuses. Nothing was changed.
            WeftError: as `Publisher.publish`.
        """
        work = place.close()
        brought = Brought()
        for _ in range(ATTEMPTS):
            brought = self._once(work, place.task_id, label)
            if not brought.restless:
                break
        troubles = (*(conflict.path for conflict in brought.conflicts), *brought.restless)
        place.tell(State.MERGED if brought.is_merged else State.CONFLICTED, troubles)
        return brought

    def decide(self, work: Work, label: str) -> Decision:
        """Return what would be changed; texts are not merged yet.

        Raises:
            OSError: something can't be read.
        """
        plan = look_at(self._root, work)
        return merge(work.base, plan, work.task, self._how.policy, label=label, is_taken=self._is_taken)

    def _once(self, work: Work, task_id: str, label: str) -> Brought:
        decision = self.decide(work, label)
        with tempfile.TemporaryDirectory() as folder:
            if decision.contested:
                versions = Versions(self._root, work.tree, work.pristine)
                decision = settle(decision, self._how, versions, Path(folder))
            if decision.conflicts:
                return Brought(conflicts=decision.conflicts, left_out=decision.left_out)
            trees = {Origin.TASK: work.tree, Origin.SETTLED: Path(folder)}
            restless = self._publisher.publish(decision.changes, trees, task_id, work.tree.parent)
        if restless:
            return Brought(restless=restless)
        return Brought(decision.changes, (), decision.overruled, decision.left_out)

    def _is_taken(self, path: str) -> bool:
        return os.path.lexists(self._root.joinpath(*names_of(path)))


def look_at(root: Path, work: Work) -> Manifest:
    """Return what the plan's directory holds at the paths of ``work``, and below those that are no
    directory for the task.

    Raises:
        OSError: something can't be read.
    """
    paths = work.base.entries.keys() | work.task.entries.keys()
    plan = take_at(root, paths, work.base)
    entries = dict(plan.entries)
    for folder in _outermost(_turned_away(plan, work)):
        entries.update(take_below(root, folder, work.base).entries)
    return Manifest(dict(sorted(entries.items())), plan.taken_ns)


def _turned_away(plan: Manifest, work: Work) -> Iterable[str]:
    """Yield the directories of the plan that are none for the task."""
    for path, entry in plan.entries.items():
        if entry.kind is Kind.DIRECTORY and not _is_directory(work.task.entries.get(path)):
            yield path


def _is_directory(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.DIRECTORY


def _outermost(folders: Iterable[str]) -> list[str]:
    found: list[str] = []
    for folder in sorted(folders):
        if not found or not folder.startswith(f"{found[-1]}/"):
            found.append(folder)
    return found
