"""Attempts at tasks that are cached: looked up before the work begins, kept once it has been done.

Each of them is one asyncio Task until its work begins. Files are looked at in threads, so that the event
loop goes on. Whether a result holds is decided in `cache`; who does the work, when there is some to do, is
the matter of `perform`.

What a task with a workspace of its own has made is there when it has been brought back. So it is kept then,
and the outputs of one whose result still holds are put back then: in the order of the plan, like all others.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import msgspec

from weft.cache.inputs import Look, States
from weft.cache.key import Fingerprints
from weft.cache.prune import make_room
from weft.cache.store import Asked, Hit, Kept, Miss, NotKept, Replay, Store
from weft.disk.clone import copy_file
from weft.errors import WeftError
from weft.executors.base import Ended
from weft.model.attempt import Attempt
from weft.model.cache import Cache
from weft.model.miss import CannotWrite, Forced, MissReason
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import CancelAsked, CouldNotStart, NotMerged
from weft.model.sentences import sentence
from weft.model.task import Task
from weft.model.work import Call, Work, has_result
from weft.runtime.folder import make_state_folder
from weft.runtime.handle import Handle
from weft.runtime.layout import STATE_FOLDER, RunFolder, cache_folder
from weft.runtime.references import filled_in, results_of, unshared
from weft.runtime.stages import Stages, in_thread
from weft.scheduling.events import BroughtBack, Event, ResultDropped, ResultFound, ResultMissed

# Looking at files is mostly waiting for the system; what is read is hashed without holding up others.
THREADS = 4

_log = logging.getLogger("weft.runtime")


class Watcher(Protocol):
    """Wants to know which results hold."""

    def holds(self, task: Task, hit: Hit) -> None:
        """The last result of ``task`` holds."""

    def made(self, task: Task, kept: Kept) -> None:
        """``task`` has been done, and what it has made is kept."""


class Found(msgspec.Struct, frozen=True):
    """A result of earlier holds; the outputs of the hit ``later`` are to be put back with the merge."""

    value: Any
    later: Hit | None = None


class Missed(msgspec.Struct, frozen=True):
    """A task has to do its work; ``before`` is what its inputs are."""

    asked: Asked
    because: MissReason
    before: States | NotKept


class Caching:
    """The attempts of one run at tasks that are cached.

    Args:
        root: the directory that the paths of tasks are relative to.
        folder: of the run.
        begin: lets an attempt do its work.
        ended: is told of the end of attempts.
        post: takes what the scheduler must know besides.
        crashed: is told what an attempt broke down of, if that is a fault of Weft's.
        forced: ids of tasks, and of families, that run whatever is kept of them.
        size_bytes: how large the cache may be in the end.
        watcher: is told which results hold.
    """

    def __init__(
        self,
        root: Path,
        folder: RunFolder,
        begin: Callable[[Attempt, Handle], None],
        ended: Ended,
        post: Callable[[Event], None],
        crashed: Callable[[BaseException], None],
        forced: frozenset[str],
        size_bytes: int,
        watcher: Watcher | None,
    ) -> None:
        self._root = root
        self._folder = folder
        self._begin = begin
        self._ended = ended
        self._post = post
        self._forced = forced
        self._size_bytes = size_bytes
        self._watcher = watcher
        self._store = Store(cache_folder(root))
        self._look = Look(root)
        self._fingerprints = Fingerprints(os.environ)
        self._threads = ThreadPoolExecutor(THREADS, "weft-cache")
        self._stages = Stages(crashed)
        self._under_way: set[Attempt] = set()  # those whose work has not begun, or has ended
        self._stopped: set[Attempt] = set()
        self._working: dict[Attempt, Missed] = {}
        self._done: dict[int, tuple[Task, Missed, Any]] = {}  # those that wait to be brought back
        self._hits: dict[int, Hit] = {}  # likewise
        self._has_kept = False

    def begin(self, attempt: Attempt, handle: Handle) -> None:
        """Begin an attempt; its end is told when it comes."""
        self._under_way.add(attempt)
        self._stages.begin(self._attempt(attempt, handle))

    def stop(self, attempt: Attempt) -> bool:
        """Let an attempt end without its work; tell whether there is none to be stopped elsewhere."""
        if attempt in self._under_way:
            self._stopped.add(attempt)
        return attempt in self._under_way

    def ended(self, attempt: Attempt, task: Task, outcome: Outcome) -> bool:
        """Take in that an attempt has done its work; tell whether its end will be told from here."""
        missed = self._working.pop(attempt, None)
        if missed is None or not isinstance(outcome, Succeeded):
            return False
        if task.is_merged:
            self._done[attempt.task] = task, missed, outcome.value
            return False
        self._under_way.add(attempt)
        self._stages.begin(self._keep(attempt, task, missed, outcome))
        return True

    def bring_back(self, position: int) -> bool:
        """Put back what a task makes, if its result holds; tell whether that is so."""
        hit = self._hits.pop(position, None)
        if hit is not None:
            self._stages.begin(self._put_back(position, hit))
        return hit is not None

    def brought_back(self, event: BroughtBack) -> bool:
        """Take in what became of the work of a task; tell whether it will be told from here."""
        done = self._done.pop(event.task, None)
        if done is None or event.failure is not None:
            return False
        self._stages.begin(self._keep_brought(event, *done))
        return True

    async def close(self) -> None:
        """Wait for what is under way, and make room in the cache if there is too much in it."""
        await self._stages.wait()
        await in_thread(self._threads, self._let_go)
        self._threads.shutdown()

    async def _attempt(self, attempt: Attempt, handle: Handle) -> None:
        outcome: Outcome | None = None
        found: Found | Missed | None = None
        try:
            work, results = _given(handle)
            found = await in_thread(self._threads, self._looked_up, attempt, handle.task, work, results)
        except (OSError, WeftError) as error:
            outcome = Failed(CouldNotStart(str(error)), error)
        self._under_way.discard(attempt)
        if attempt in self._stopped:
            self._stopped.discard(attempt)
            outcome = Cancelled(CancelAsked())
        if outcome is not None:
            self._ended(attempt, outcome)
        elif isinstance(found, Found):
            if found.later is not None:
                self._hits[attempt.task] = found.later
            self._post(ResultFound(attempt))
            self._ended(attempt, Succeeded(found.value))
        elif found is not None:
            self._post(ResultMissed(attempt, found.because))
            self._working[attempt] = found
            self._begin(attempt, handle)

    async def _keep(self, attempt: Attempt, task: Task, missed: Missed, outcome: Succeeded) -> None:
        await self._tell_kept(attempt.task, task, missed, outcome.value)
        self._under_way.discard(attempt)
        self._stopped.discard(attempt)  # asked too late: it has done its work
        self._ended(attempt, outcome)

    async def _keep_brought(self, event: BroughtBack, task: Task, missed: Missed, value: Any) -> None:
        await self._tell_kept(event.task, task, missed, value)
        self._post(event)

    async def _tell_kept(self, position: int, task: Task, missed: Missed, value: Any) -> None:
        kept = await in_thread(self._threads, self._kept, task, missed, value)
        if isinstance(kept, NotKept):
            self._post(ResultDropped(position, kept.reason))
        else:
            self._has_kept = True
            if self._watcher is not None:
                self._watcher.made(task, kept)

    async def _put_back(self, position: int, hit: Hit) -> None:
        missed = await in_thread(self._threads, self._store.put_back, hit, self._look)
        failure = None
        if missed is not None:
            failure = NotMerged(sentence(missed.reason), f"{STATE_FOLDER}/cache")
        self._post(BroughtBack(position, failure))

    # In threads

    def _looked_up(
        self, attempt: Attempt, task: Task, work: Work, results: Mapping[str, Any]
    ) -> Found | Missed:
        asked = asked_for(task, work, results, self._fingerprints)
        if task.id in self._forced or task.family in self._forced:
            because: MissReason = Forced()
        else:
            hit = self._store.look_up(asked, self._look, time.time())
            found = hit if isinstance(hit, Miss) else self._used(attempt, task, hit)
            if isinstance(found, Found):
                return found
            because = found.reason
        return Missed(asked, because, self._store.before(asked, self._look))

    def _used(self, attempt: Attempt, task: Task, hit: Hit) -> Found | Miss:
        later = task.is_merged
        replay = self._store.hold(hit) if later else self._store.use(hit, self._look)
        if isinstance(replay, Miss):
            return replay
        if replay.logs:
            self._replay(attempt, task.id, replay)
        if self._watcher is not None:
            self._watcher.holds(task, hit)
        return Found(replay.value, hit if later else None)

    def _replay(self, attempt: Attempt, task: str, replay: Replay) -> None:
        """Put the logs where a command would have written them."""
        os.makedirs(self._folder.task(task), exist_ok=True)
        paths = dict(zip(_LOGS, self._folder.outputs(task), strict=True))
        earlier = dict(zip(_LOGS, self._folder.earlier_outputs(task, attempt.number - 1), strict=True))
        for name, source in replay.logs.items():
            if os.path.exists(paths[name]):
                os.replace(paths[name], earlier[name])
            copy_file(source, paths[name])

    def _kept(self, task: Task, missed: Missed, value: Any) -> Kept | NotKept:
        if isinstance(missed.before, NotKept):
            return missed.before
        paths = zip(_LOGS, self._folder.outputs(task.id), strict=True)
        logs = {name: path for name, path in paths if os.path.exists(path) and os.path.getsize(path)}
        try:
            make_state_folder(self._root)
        except OSError as error:
            return NotKept(CannotWrite(error.strerror or str(error)))
        return self._store.keep(missed.asked, self._look, missed.before, value, logs, time.time())

    def _let_go(self) -> None:
        self._store.close()
        if self._has_kept:
            try:
                make_room(self._store.shelf, self._size_bytes)
            except OSError as error:
                _log.warning("the cache can't be made smaller: %s", error)


_LOGS = ("stdout", "stderr")


def asked_for(task: Task, work: Work, results: Mapping[str, Any], fingerprints: Fingerprints) -> Asked:
    """Return ``task`` as the cache sees it.

    Args:
        task: it is cached.
        work: what it does; of a call, with the results of others in the places of those.
        results: of tasks that a command can read, by their ids.
        fingerprints: makes the fingerprint.

    Raises:
        CannotFingerprint: something in it can't be told from another of its kind.
    """
    cache = (task.cache or Cache()).filled(task.accesses)
    if task.is_private:  # what it makes is put back in the end, whatever others have made of it until then
        cache = msgspec.structs.replace(cache, restore=True)
    return Asked(task.id, fingerprints.of(work, cache, results), cache)


def _given(handle: Handle) -> tuple[Work, dict[str, Any]]:
    """Return the work of a task with its arguments, and the results that it can read."""
    work = handle.task.work
    if not isinstance(work, Call):
        return work, dict(results_of([each for each in handle.needs if has_result(each.task.work)]))
    args, kwargs = work.args, dict(work.kwargs)
    if work.refers:
        results = dict(results_of(handle.needs))
        args, kwargs = filled_in(args, results), filled_in(kwargs, results)
    return Call(unshared(work.function), unshared(args), unshared(kwargs), work.where), {}
