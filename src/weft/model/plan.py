"""A plan: tasks in program order, and what they share."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from weft.model.access import Undeclared
from weft.model.aggregate import Aggregate
from weft.model.cache import CACHE_BYTES
from weft.model.group import Group
from weft.model.limits import Limit
from weft.model.lock import Lock
from weft.model.policy import Policy
from weft.model.task import Task
from weft.model.workspace import Merge, Workspace


class Plan(msgspec.Struct, frozen=True):
    """What a user wants done.

    The order of ``tasks`` is program order. ``root`` is the directory that relative paths are
    relative to. ``max_concurrent`` is how many tasks may run at once; None leaves the choice
    to the run. ``undeclared`` tells what is done about tasks that declare no accesses, ``policy`` what
    is done when things go wrong. ``locks`` are those that are shared with other processes. ``workspace``
    and ``merge`` are those of tasks that have none, and whose groups have none. ``cache_bytes`` is how
    large the cache may be when a run has ended.
    """

    tasks: tuple[Task, ...] = ()
    limits: Mapping[str, Limit] = {}
    aggregates: Mapping[str, Aggregate] = {}
    max_concurrent: int | None = None
    root: str = "."
    groups: Mapping[str, Group] = {}
    undeclared: Undeclared = Undeclared.PARALLEL
    policy: Policy = Policy()
    locks: Mapping[str, Lock] = {}
    workspace: Workspace | None = None
    merge: Merge | None = None
    cache_bytes: int = CACHE_BYTES
