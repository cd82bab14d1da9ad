"""Attempts at tasks that have a place of their own: opened before the work begins, closed after it has ended.

Each of them is one asyncio Task, in which it goes from one stage to the next. Files are looked at in threads,
so that the event loop goes on. What is done there is the matter of `places`, and who does the work itself
that of the executors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol

from weft.errors import WeftError
from weft.executors.base import Ended
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import CancelAsked, CouldNotStart, FailureReason, MergeConflict, SetupFailed
from weft.model.sentences import outcome_sentence
from weft.model.task import SHARED, Task
from weft.model.work import Command, Work
from weft.planning.merges import brought_by
from weft.runtime.handle import Handle
from weft.runtime.places import Opened, Places
from weft.runtime.stages import Stages, in_thread
from weft.scheduling.events import BroughtBack, Event, WritesSeen
from weft.workspaces.base import Place

# Opening a place is mostly copying, which gains nothing from more.
THREADS = 4


class Start(Protocol):
    """Hands work to its executor, or tells the outcome at once if it can't start."""

    def __call__(self, attempt: Attempt, work: Work, handle: Handle, where: Where) -> None:
        """Start ``work`` at the place ``where``."""


class Stop(Protocol):
    """Asks an executor to end what it does."""

    def __call__(self, attempt: Attempt, work: Work, *, force: bool) -> None:
        """Stop ``work``, which was started."""


class Where:
    """The directory in which an attempt works, and the variables that tell of it.

    ``is_setup`` tells that it is not the task's own work that is done there.
    """

    __slots__ = ("is_setup", "path", "variables")

    def __init__(self, path: Path, variables: Mapping[str, str], *, is_setup: bool = False) -> None:
        self.path = path
        self.variables = variables
        self.is_setup = is_setup


class Apart:
    """The attempts of one run that have a place of their own.

    Args:
        places: opens and closes them.
        start: hands work to its executor.
        stop: stops it there.
        ended: is told of the end of each attempt.
        post: takes what the scheduler must know besides.
        crashed: is told what an attempt broke down of, if that is a fault of Weft's.

    Attributes:
        paths: where attempts are at work, as long as they are.
    """

    def __init__(
        self,
        places: Places,
        start: Start,
        stop: Stop,
        ended: Ended,
        post: Callable[[Event], None],
        crashed: Callable[[BaseException], None],
    ) -> None:
        self._places = places
        self._start = start
        self._stop = stop
        self._ended = ended
        self._post = post
        self._stages = Stages(crashed)
        self._threads = ThreadPoolExecutor(THREADS, "weft-places")
        self._merges = ThreadPoolExecutor(1, "weft-merges")  # one after the other, in the order of the plan
        self._working: dict[Attempt, tuple[Work, asyncio.Future[Outcome]]] = {}
        self._under_way: set[Attempt] = set()
        self._stopped: set[Attempt] = set()
        self._opening: dict[str | None, asyncio.Lock] = {}  # by atomic group
        self._opened: dict[int, Place] = {}  # of tasks that are done, and whose work is not brought back yet
        self._done: dict[int, Handle] = {}  # those that are brought back later, by other tasks
        self._taken_up: dict[int, Task] = {}  # likewise, and an earlier run has done them
        self.paths: dict[Attempt, Path] = {}

    def take_up(self, done: Mapping[int, Task]) -> None:
        """Take in what an earlier run has done and may not have brought back."""
        self._taken_up.update(done)

    def begin(self, attempt: Attempt, handle: Handle) -> None:
        """Begin an attempt; its end is told when it comes."""
        self._stages.begin(self._attempt(attempt, handle))

    def stop(self, attempt: Attempt, *, force: bool) -> bool:
        """Ask an attempt to end; tell whether it is one of these."""
        if attempt in self._working:
            self._stop(attempt, self._working[attempt][0], force=force)
        if attempt in self._under_way:
            self._stopped.add(attempt)
        return attempt in self._under_way

    def ended(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Take in what an executor tells; tell whether it was one of these."""
        found = self._working.pop(attempt, None)
        if found is not None:
            found[1].set_result(outcome)
        return found is not None

    def bring_back(self, position: int, task: Task) -> None:
        """Bring back what a task has made; how that went is told when it has."""
        self._stages.begin(self._bring_back(position, task))

    def bring(self, attempt: Attempt, group: str | None) -> None:
        """Make an attempt at bringing back what the members of ``group``, or of the run, have made."""
        self._stages.begin(self._bring(attempt, group))

    async def close(self) -> None:
        """Wait for what is under way, and give back the threads."""
        await self._stages.wait()
        await in_thread(self._threads, self._places.close_all)
        self._threads.shutdown()
        self._merges.shutdown()

    async def _attempt(self, attempt: Attempt, handle: Handle) -> None:
        self._under_way.add(attempt)
        try:
            opened = await self._open(attempt, handle)
            outcome = opened if not isinstance(opened, Opened) else await self._do(attempt, handle, opened)
        except (OSError, WeftError) as error:
            outcome = Failed(CouldNotStart(str(error)), error)
        self.paths.pop(attempt, None)
        self._under_way.discard(attempt)
        self._stopped.discard(attempt)
        self._ended(attempt, outcome)

    async def _open(self, attempt: Attempt, handle: Handle) -> Opened | Outcome:
        """Return the place of an attempt, ready for its work; or what kept it from that."""
        if not self._places.is_of_group(handle.task):
            return await self._made_ready(attempt, handle)
        # The members of an atomic group share a place, which one of them opens.
        async with self._opening.setdefault(handle.task.group, asyncio.Lock()):
            return await self._made_ready(attempt, handle)

    async def _made_ready(self, attempt: Attempt, handle: Handle) -> Opened | Outcome:
        task = handle.task
        opened = await in_thread(self._threads, self._places.open, task)
        self.paths[attempt] = opened.place.path
        try:
            failed = await self._set_up(attempt, handle, opened) if opened.is_new else None
            if attempt in self._stopped:
                failed = Cancelled(CancelAsked())
            if failed is None:
                await in_thread(self._threads, self._places.begin, task, opened)
                return opened
        except (OSError, WeftError) as error:
            failed = Failed(CouldNotStart(str(error)), error)
        await in_thread(self._threads, self._places.discard, task, opened)
        return failed

    async def _do(self, attempt: Attempt, handle: Handle, opened: Opened) -> Outcome:
        """Let the work be done, and look at what it has left."""
        task = handle.task
        outcome = await self._work(attempt, task.work, handle, Where(opened.place.path, opened.variables))
        closed = await in_thread(self._threads, self._places.close, task, opened, outcome)
        if closed.undeclared:
            self._post(WritesSeen(attempt.task, closed.undeclared))
        if not isinstance(outcome, Succeeded):
            return outcome
        if closed.failure is not None:
            return Failed(closed.failure)
        self._opened[attempt.task] = opened.place
        if task.is_merged_later:
            self._done[attempt.task] = handle
        return outcome

    async def _set_up(self, attempt: Attempt, handle: Handle, opened: Opened) -> Outcome | None:
        setup = (handle.task.workspace or SHARED).setup
        if setup is None or attempt in self._stopped:
            return None
        where = Where(opened.place.path, opened.variables, is_setup=True)
        outcome = await self._work(attempt, Command(setup), handle, where)
        if isinstance(outcome, Succeeded):
            return None
        return Failed(SetupFailed(outcome_sentence(outcome)))

    async def _work(self, attempt: Attempt, work: Work, handle: Handle, where: Where) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._working[attempt] = (work, future)
        self._start(attempt, work, handle, where)
        return await future

    async def _bring_back(self, position: int, task: Task) -> None:
        place = self._opened.pop(position)
        self._post(await in_thread(self._merges, self._places.bring, position, task, place))

    async def _bring(self, attempt: Attempt, group: str | None) -> None:
        told = [await in_thread(self._merges, bring) for bring in self._to_bring(group)]
        failure = _together([each for each in told if each.failure is not None])
        merged = {"changed": sum(each.changed for each in told), "workspaces": len(told)}
        self._ended(attempt, Succeeded(merged) if failure is None else Failed(failure))

    def _to_bring(self, group: str | None) -> list[Callable[[], BroughtBack]]:
        """Return what brings back the work of ``group``, or of the run, in the order of the plan."""
        tasks = {**self._taken_up, **{position: handle.task for position, handle in self._done.items()}}
        positions = sorted(tasks)
        found: dict[object, Callable[[], BroughtBack]] = {}
        for position in [positions[at] for at in brought_by(group, [tasks[at] for at in positions])]:
            task = tasks[position]
            if self._taken_up.pop(position, None) is not None:
                found[position] = partial(self._places.bring_left, position, task)
                continue
            handle, place = self._done.pop(position), self._opened.pop(position)
            if isinstance(handle.outcome, Succeeded):  # else its work came too late
                # Members of an atomic group have one place.
                found.setdefault(place.path, partial(self._places.bring, position, task, place))
        return list(found.values())


def _together(failed: list[BroughtBack]) -> FailureReason | None:
    """Return one reason for all of them."""
    conflicts = [each.failure for each in failed if isinstance(each.failure, MergeConflict)]
    if len(conflicts) == len(failed) > 0:
        paths = tuple(dict.fromkeys(path for conflict in conflicts for path in conflict.paths))
        return MergeConflict(paths, ", ".join(conflict.workspace for conflict in conflicts))
    return failed[0].failure if failed else None
