"""A task: one unit of work and what is declared about it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.access import Accesses
from weft.model.cache import Cache
from weft.model.lock import Hold
from weft.model.priority import NORMAL, Priority
from weft.model.rate import Cost
from weft.model.retry import Retry
from weft.model.speculation import Effects
from weft.model.timeout import Timeout
from weft.model.work import Bring, Work
from weft.model.workspace import Merge, MergeAt, Workspace

SHARED = Workspace()
ONE_BY_ONE = Merge()


class Task(msgspec.Struct, frozen=True):
    """One unit of work.

    ``id`` is unique in the plan. ``needs`` names tasks, or families of tasks, that must succeed
    before this one starts. A fan-out gives its members one ``family`` and an id each:
    ``survey[a.md]`` belongs to ``survey``. ``limits`` are units taken from each named limit
    while the task runs. ``duration_s`` is how long the task is expected to take, in seconds;
    it shapes the order of starts and nothing else. ``accesses`` is what it reads and writes; None
    when nothing is declared, which is not the same as declaring that it touches nothing. ``group``
    names the group that it belongs to. Without ``retry`` it is tried once. ``locks`` it
    holds while it runs. A ``speculative`` task runs in slots that nobody else wants. Without ``workspace``
    or ``merge`` it has those of its group, else of the plan: it works in the plan's directory, like all.
    With a ``cache`` it need not run if its last result still holds.
    """

    id: str
    work: Work
    needs: tuple[str, ...] = ()
    limits: Mapping[str, Cost] = {}
    priority: Priority = NORMAL
    duration_s: float | None = None
    family: str | None = None
    accesses: Accesses | None = None
    group: str | None = None
    retry: Retry | None = None
    timeout: Timeout | None = None
    locks: Mapping[str, Hold] = {}
    speculative: bool = False
    effects: Effects = Effects.UNKNOWN
    workspace: Workspace | None = None
    merge: Merge | None = None
    cache: Cache | None = None

    @property
    def is_private(self) -> bool:
        """Whether it works in a place of its own."""
        return self.workspace is not None and self.workspace.is_private

    @property
    def is_merged(self) -> bool:
        """Whether its work is brought back before it counts as ended."""
        place = self.workspace  # asked at the end of each attempt: most have none
        return place is not None and place.is_private and (self.merge or ONE_BY_ONE).at is MergeAt.TASK

    @property
    def is_merged_later(self) -> bool:
        """Whether its work is brought back by another task, when its group or the run has ended."""
        return self.is_private and not self.is_merged

    @property
    def works_apart(self) -> bool:
        """Whether something has to be made ready for an attempt at it, or looked at after it."""
        place = self.workspace
        return place is not None and (
            place.is_private or place.setup is not None or bool(place.readonly or place.ports)
        )

    @property
    def brings_back(self) -> bool:
        """Whether it brings back what others have made."""
        return type(self.work) is Bring
