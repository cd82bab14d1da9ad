"""A task: one unit of work and what is declared about it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.access import Accesses
from weft.model.lock import Hold
from weft.model.priority import NORMAL, Priority
from weft.model.rate import Cost
from weft.model.retry import Retry
from weft.model.speculation import Effects
from weft.model.timeout import Timeout
from weft.model.work import Work


class Task(msgspec.Struct, frozen=True):
    """One unit of work.

    ``id`` is unique in the plan. ``needs`` names tasks, or families of tasks, that must succeed
    before this one starts. A fan-out gives its members one ``family`` and an id each:
    ``survey[a.md]`` belongs to ``survey``. ``limits`` are units taken from each named limit
    while the task runs. ``duration_s`` is how long the task is expected to take, in seconds;
    it shapes the order of starts and nothing else. ``accesses`` is what it reads and writes; None
    when nothing is declared, which is not the same as declaring that it touches nothing. ``group``
    names the group that it belongs to. Without ``retry`` it is tried once. ``locks`` it
    holds while it runs. A ``speculative`` task runs in slots that nobody else wants.
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
