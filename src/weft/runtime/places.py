"""The workspaces of one run: opens them, closes them, and brings back what was made there.

All of it reads and writes files, and so is called in threads (see `apart`). What a workspace is, and how the
work in it is brought back, is the matter of `workspaces`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock

import msgspec

from weft.disk.entry import Kind
from weft.disk.held import let_go
from weft.disk.values import load, save
from weft.errors import UsageError, WeftError
from weft.model.group import Group
from weft.model.outcome import Outcome, Succeeded
from weft.model.reason import FailureReason, MergeConflict, NotMerged, ReadonlyChanged, WroteUndeclared
from weft.model.refusal import Refusal
from weft.model.sentences.refusals import refusal_sentence
from weft.model.task import ONE_BY_ONE, SHARED, Task
from weft.model.workspace import Merge, MergePolicy, Workspace, WorkspaceKind
from weft.planning.merges import merging_task, shares_place
from weft.planning.observed import Change, declares
from weft.planning.patterns import Ground
from weft.runtime.layout import STATE_FOLDER, RunFolder, encoded, publishing_of
from weft.scheduling.events import BroughtBack
from weft.workspaces.base import Place, Work
from weft.workspaces.clean import Cleaner
from weft.workspaces.left import Left
from weft.workspaces.looks import Looks
from weft.workspaces.manifest import alike
from weft.workspaces.merging import Brought, Merging
from weft.workspaces.ports import PortLease
from weft.workspaces.private import Private
from weft.workspaces.publish import Publisher
from weft.workspaces.readonly import Guard
from weft.workspaces.record import Room, State
from weft.workspaces.runs import Run
from weft.workspaces.shared import Shared

_log = logging.getLogger("weft.runtime")

ORDER = ".workspaces.json"  # no task's folder begins with a dot

# To merge texts, one must know what both sides began with.
_WITH_BASE = frozenset({MergePolicy.THREE_WAY, MergePolicy.COMMAND, MergePolicy.UNION})


class Order(msgspec.Struct, frozen=True):
    """What a later process must know to bring work back: ids in program order, and how each is merged.

    ``takes_up`` is the run that this one has taken up, whose tasks have worked in its folder.
    """

    order: tuple[str, ...]
    merge: Mapping[str, Merge]
    takes_up: str | None = None


class Opened(msgspec.Struct):
    """A place in which a task works, and what belongs to this one task only."""

    place: Place
    is_new: bool  # its set-up is still to come
    guard: Guard | None = None
    ports: PortLease | None = None

    @property
    def variables(self) -> Mapping[str, str]:
        """What a command is told of it."""
        return self.ports.variables if self.ports is not None else {}


class Closed(msgspec.Struct, frozen=True):
    """What was seen when a task had ended; ``failure`` is why it has failed although it did its work."""

    failure: FailureReason | None = None
    undeclared: tuple[str, ...] = ()


def publisher_of(root: Path) -> Publisher:
    """Return who changes files in ``root`` for Weft."""
    return Publisher(root, publishing_of(root))


def complete_publishing(root: Path) -> None:
    """Complete or undo what a run that was cut off has begun to bring back.

    Raises:
        UsageError: that can't be done.
    """
    try:
        publisher_of(root).recover()
    except (OSError, WeftError) as error:
        raise UsageError(f"can't complete what an earlier run has begun to bring back: {error}") from error


def room_left(root: Path, run: str | None, name: str) -> Room:
    """Return the room of the task ``name`` in ``run``, or in the one that this has taken up, and so on.

    Raises:
        FileNotFoundError: there is none any more.
        OSError, ValueError: what is written down about it can't be read.
    """
    while run is not None:
        folder = RunFolder.of(root, run)
        room = Room(folder.task(name))
        if room.record.exists():
            return room
        run = load(folder.path / ORDER, Order).takes_up
    raise FileNotFoundError("its workspace is gone")


class Places:
    """The workspaces of one run.

    Args:
        folder: of the run.
        ground: where the plan lies.
        groups: of the plan.
        strict: whether what is written and not declared is a failure.
    """

    def __init__(
        self, root: Path, folder: RunFolder, ground: Ground, groups: Mapping[str, Group], *, strict: bool
    ) -> None:
        self._root = root
        self._folder = folder
        self._ground = ground
        self._groups = groups
        self._strict = strict
        self._shared = Shared(root)
        self._publisher = publisher_of(root)
        self._looks = Looks(root)
        self._kinds: dict[tuple[Workspace, bool], Private] = {}
        self._of_groups: dict[str, Place] = {}
        self._tasks: dict[int, Task] = {}
        self._n_saved = 0
        self._takes_up: str | None = None
        self._saving = Lock()
        self._held: int | None = None  # the lock that says that the run is at work on its workspaces

    def know(self, tasks: Mapping[int, Task]) -> None:
        """Take in ``tasks``, by their positions: that is the order in which their work is brought back."""
        self._tasks.update(tasks)

    def take_up(self, run: str) -> None:
        """Take in that an earlier ``run`` is taken up.

        Raises:
            OSError: that can't be written down.
        """
        self._takes_up = run
        self._save_order()

    def left(self, task: Task) -> Left | None:
        """Return where ``task`` has worked in an earlier run; None if it was brought back there.

        Raises:
            FileNotFoundError: it is there no more.
            OSError, ValueError: what is written down about it can't be read.
        """
        room = room_left(self._root, self._takes_up, self._name(task))
        left = Left.at(room.folder, self._root / STATE_FOLDER)
        return None if left.state is State.MERGED else left

    def is_of_group(self, task: Task) -> bool:
        """Tell whether ``task`` works where the other members of its atomic group do."""
        return task.is_private and shares_place(task, self._groups)

    def open(self, task: Task) -> Opened:
        """Return a place for ``task``.

        Raises:
            OSError: it can't be made.
            WeftError: what an earlier attempt has left can't be moved out of the way; no port is free.
        """
        with self._saving:
            self._save_order()
        workspace = task.workspace or SHARED
        ports = PortLease(workspace.ports) if workspace.ports else None
        try:
            place = self._of_groups.get(task.group or "") if self.is_of_group(task) else None
            return Opened(place or self._made(task, workspace), place is None, ports=ports)
        except BaseException:
            if ports is not None:
                ports.close()
            raise

    def begin(self, task: Task, opened: Opened) -> None:
        """Let the task begin: what is done to the place from now on is its doing.

        Raises:
            OSError: something can't be read, or guarded.
        """
        workspace = task.workspace or SHARED
        if workspace.readonly:
            is_copy = workspace.kind is WorkspaceKind.COPY
            opened.guard = Guard(opened.place.path if is_copy else self._root, workspace.readonly)
            if is_copy and opened.is_new:
                opened.guard.enforce()
        if opened.is_new:
            opened.place.begin()
            if self.is_of_group(task) and task.group is not None:
                self._of_groups[task.group] = opened.place

    def close(self, task: Task, opened: Opened, outcome: Outcome) -> Closed:
        """Look at what the task has left, and let nothing more of it change; whatever goes wrong is told."""
        if opened.ports is not None:
            opened.ports.close()
        try:
            closed = self._seen(task, opened)
            has_failed = closed.failure is not None or not isinstance(outcome, Succeeded)
            if has_failed and not self.is_of_group(task):
                opened.place.give_up()
            return closed
        except (OSError, ValueError) as error:
            opened.place.abandon()
            return Closed(NotMerged(_trouble(error), self._told(opened.place.path)))

    def close_all(self) -> None:
        """Let others have what is left; also the places of groups whose work nobody has brought back."""
        for place in self._of_groups.values():
            try:
                place.close()
            except (OSError, ValueError) as error:
                place.abandon()
                _log.warning("`%s` could not be looked at: %s", self._told(place.path), error)
        if self._held is not None:
            let_go(self._held)

    def discard(self, task: Task, opened: Opened) -> None:
        """Take away the place of a task that never began.

        Raises:
            OSError: that can't be done.
        """
        if opened.ports is not None:
            opened.ports.close()
        if opened.place.is_private and opened.is_new:
            opened.place.abandon()
            self._cleaner.discard(self._room(task))

    def bring_left(self, position: int, task: Task) -> BroughtBack:
        """Bring back what an earlier run has left; whatever goes wrong is told."""
        try:
            left = self.left(task)
        except (OSError, ValueError) as error:
            return BroughtBack(position, NotMerged(_trouble(error), f"the run {self._takes_up}"))
        return BroughtBack(position) if left is None else self.bring(position, task, left)

    def bring(self, position: int, task: Task, place: Place | Left) -> BroughtBack:
        """Bring back what was made in ``place``; whatever goes wrong is told."""
        where = self._told(place.path)
        merging = Merging(self._root, self._publisher, task.merge or ONE_BY_ONE)
        try:
            brought = merging.bring(place, encoded(place.task_id))
        except (OSError, ValueError, WeftError) as error:
            return BroughtBack(position, NotMerged(_trouble(error), where))
        return BroughtBack(
            position,
            _failure(brought, where),
            len(brought.changes),
            tuple(conflict.path for conflict in brought.overruled),
            brought.left_out,
        )

    def _save_order(self) -> None:
        tasks = sorted(self._tasks.items())
        if len(tasks) > self._n_saved:
            named = {self._name(task): task for _, task in tasks if task.is_private}
            merges = {name: task.merge or ONE_BY_ONE for name, task in named.items()}
            save(self._folder.path / ORDER, Order(tuple(named), merges, self._takes_up))
            self._n_saved = len(tasks)
            if self._held is None:
                self._held = Run(self._folder.path).hold()

    def _made(self, task: Task, workspace: Workspace) -> Place:
        if not workspace.is_private:
            return self._shared.open(task.id)
        room = self._room(task)
        if room.tree.exists():  # of an attempt before
            moved = self._cleaner.quarantine(room)
            if isinstance(moved, Refusal):
                raise WeftError(refusal_sentence(moved))
        keeps_base = (task.merge or ONE_BY_ONE).policy in _WITH_BASE
        key = (workspace, keeps_base)
        if key not in self._kinds:
            self._kinds[key] = Private(
                self._root, self._folder.task, workspace, keep_base=keeps_base, looks=self._looks
            )
        return self._kinds[key].open(self._name(task))

    def _seen(self, task: Task, opened: Opened) -> Closed:
        failure: FailureReason | None = None
        breaches = opened.guard.breaches() if opened.guard is not None else {}
        for path, breach in breaches.items():
            failure = failure or ReadonlyChanged(path, breach.value)
        if not opened.place.is_private or self.is_of_group(task):
            return Closed(failure)  # others work there, too
        undeclared = tuple(self._undeclared(task, opened.place.close()))
        if undeclared and self._strict:
            failure = failure or WroteUndeclared(undeclared)
        return Closed(failure, undeclared)

    @property
    def _cleaner(self) -> Cleaner:
        return Cleaner(self._root / STATE_FOLDER)

    def _room(self, task: Task) -> Room:
        return Room(self._folder.task(self._name(task)))

    def _name(self, task: Task) -> str:
        """Return whose place it is in which ``task`` works: its own, or its group's."""
        return merging_task(task.group).id if self.is_of_group(task) else task.id

    def _told(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)

    def _undeclared(self, task: Task, work: Work) -> Iterator[str]:
        """Yield the files that a task has changed, which declares what it writes, and not these."""
        if task.accesses is not None:
            yield from (path for path in changes_in(work) if not declares(task, path, self._ground))


def changes_in(work: Work) -> dict[str, Change]:
    """Return what was done to which file, directories left aside."""
    base, task = work.base.entries, work.task.entries
    found = {}
    for path in sorted(base.keys() | task.keys()):
        before, after = base.get(path), task.get(path)
        entry = after or before
        if entry is None or entry.kind is Kind.DIRECTORY or alike(before, after):
            continue
        found[path] = (
            Change.CREATED if before is None else Change.DELETED if after is None else Change.CHANGED
        )
    return found


def _trouble(error: Exception) -> str:
    """Return what has gone wrong; what is written down about a workspace lies where its task can spoil it."""
    spoilt = isinstance(error, ValueError)
    return f"what is written down about the workspace can't be read: {error}" if spoilt else str(error)


def _failure(brought: Brought, where: str) -> FailureReason | None:
    if brought.conflicts:
        return MergeConflict(tuple(conflict.path for conflict in brought.conflicts), where)
    if brought.restless:
        names = ", ".join(f"`{path}`" for path in brought.restless)
        return NotMerged(f"{names} changed again and again meanwhile", where)
    return None
