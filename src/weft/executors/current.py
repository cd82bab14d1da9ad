"""Which attempt is at work here, and whom it tells what it has really cost.

An executor says so before it calls a function, in the context of the attempt. What the function hands its
context on to, asyncio Tasks and `asyncio.to_thread`, finds it too; a plain thread does not. What follows from
the costs is decided in `scheduling.rates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol

import msgspec

from weft.model.attempt import Attempt


class Identity(msgspec.Struct, frozen=True):
    """What an attempt may know of itself.

    ``costs`` are the names under which it can tell what it costs, ``locks`` those that its task holds
    against other processes. ``workspace`` is the directory in which it is to write.
    """

    run_id: str
    task_id: str
    attempt: Attempt
    costs: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    workspace: str = "."


class Witness(Protocol):
    """The run, as far as its attempts see it. May be called from any thread."""

    def identity(self, attempt: Attempt) -> Identity | None:
        """Return who this is; None if its task has ended."""

    def tell(self, attempt: Attempt, costs: Mapping[str, int]) -> None:
        """Take in what an attempt has cost so far, by name; nothing if its task has ended."""


AT_WORK: ContextVar[tuple[Witness, Attempt]] = ContextVar("weft.at_work")
