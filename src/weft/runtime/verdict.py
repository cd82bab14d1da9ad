"""Whether a task would run, if the plan were run now, and what decides that: looked up, and nothing changed.

Goes by the files as they are: what tasks before it would make anew is not known before they have run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from weft.cache.inputs import Look
from weft.cache.key import Fingerprints
from weft.cache.store import Asked, Hit, Miss, Replay, Store
from weft.errors import UsageError
from weft.model.miss import MissReason
from weft.model.task import Task
from weft.model.work import has_result
from weft.planning.prepare import PreparedPlan
from weft.runtime.caching import asked_for
from weft.runtime.layout import cache_folder


class Verdict(msgspec.Struct, frozen=True):
    """What is known of one task.

    ``hit`` is the result that holds. Else ``because`` tells why none does, or ``waits_for`` names a task that
    would run first, and whose result it reads. It is not cached at all if nothing of this is told.
    """

    task: str
    is_cached: bool
    hit: Hit | None = None
    because: MissReason | None = None
    waits_for: str | None = None


def verdict_on(prepared: PreparedPlan, position: int) -> Verdict:
    """Return what would become of the task at ``position``.

    Raises:
        CannotFingerprint: it can't be told from another of its kind.
        UsageError: it calls a function with results of others, which only a run knows.
    """
    root = Path(prepared.plan.root)
    store = Store(cache_folder(root))
    try:
        return _Looker(prepared, store, Look(root)).verdict(prepared.tasks[position].task)
    finally:
        store.close()


class _Looker:
    def __init__(self, prepared: PreparedPlan, store: Store, look: Look) -> None:
        self._tasks = [each.task for each in prepared.tasks]
        self._store = store
        self._look = look
        self._fingerprints = Fingerprints(os.environ)
        self._known: dict[str, Verdict] = {}

    def verdict(self, task: Task) -> Verdict:
        if task.id not in self._known:
            self._known[task.id] = self._verdict(task)
        return self._known[task.id]

    def _verdict(self, task: Task) -> Verdict:
        if task.cache is None:
            return Verdict(task.id, is_cached=False)
        results: dict[str, Any] = {}
        for needed in self._needed(task):
            replay = self._result(needed)
            if not isinstance(replay, Replay):
                return Verdict(task.id, is_cached=True, waits_for=needed.id)
            results[needed.id] = replay.value
        found = self._store.look_up(self._asked(task, results), self._look, time.time())
        if isinstance(found, Miss):
            return Verdict(task.id, is_cached=True, because=found.reason)
        return Verdict(task.id, is_cached=True, hit=found)

    def _asked(self, task: Task, results: Mapping[str, Any]) -> Asked:
        if getattr(task.work, "refers", False):
            raise UsageError(f"`{task.id}` is called with results of other tasks: only a run knows them")
        return asked_for(task, task.work, results, self._fingerprints)

    def _needed(self, task: Task) -> list[Task]:
        """Return the tasks whose results a command can read."""
        names = set(task.needs)
        return [
            each
            for each in self._tasks
            if has_result(each.work) and names & {each.id, each.family, each.group} - {None}
        ]

    def _result(self, task: Task) -> Replay | Miss | None:
        hit = self.verdict(task).hit
        return None if hit is None else self._store.hold(hit)
