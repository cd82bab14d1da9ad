"""Gates as views name them: what kept a task from running, put into few kinds that can be added up.

Knows which Reason belongs to which kind. How long somebody waited is found out in `waits`.
"""

from __future__ import annotations

from collections.abc import Container
from enum import StrEnum
from typing import assert_never

import msgspec

from weft.model.limits import MAX_CONCURRENT
from weft.model.reason import (
    AsksOthers,
    BackingOff,
    CircuitOpen,
    CircuitProbing,
    DependencyPending,
    JobsLentOut,
    LockHeld,
    MergePending,
    PoolFull,
    PoolReserved,
    RateDue,
    TakenElsewhere,
    WaitReason,
)


class GateKind(StrEnum):
    """What a task can wait for."""

    DEPENDENCY = "dependency"  # a task that it needs
    HAZARD = "hazard"  # a task that touches the same
    POOL = "pool"
    RATE = "rate"
    LOCK = "lock"
    HEALTH = "health"  # a circuit that is open
    SHARES = "shares"  # other processes
    BACKOFF = "backoff"
    MERGE = "merge"  # those whose work is brought back before its own
    FINISH = "finish"  # what it made is brought back


class Gate(msgspec.Struct, frozen=True, order=True):
    """One gate. ``name`` is that of the limit, lock or scope; "" where there is but one of the kind."""

    kind: GateKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else str(self.kind)


DEPENDENCY = Gate(GateKind.DEPENDENCY)
HAZARD = Gate(GateKind.HAZARD)
BACKOFF = Gate(GateKind.BACKOFF)
MERGE = Gate(GateKind.MERGE)
FINISH = Gate(GateKind.FINISH)
SHARES = Gate(GateKind.SHARES)
SLOTS = Gate(GateKind.POOL, MAX_CONCURRENT)  # the run's own pool


def gate_of(because: WaitReason | None, rates: Container[str]) -> Gate:
    """Return the gate that refuses with this Reason.

    Args:
        because: as the gate says it; None is the run's own pool.
        rates: the names of the run's rates; other limits are pools.

    >>> str(gate_of(PoolFull("gpu", 0, 1), ())), str(gate_of(None, ()))
    ('pool gpu', 'pool max_concurrent')
    """
    match because:
        case None | JobsLentOut():
            return SLOTS
        case PoolFull(name) | PoolReserved(name):
            return Gate(GateKind.RATE if name in rates else GateKind.POOL, name)
        case RateDue(name):
            return Gate(GateKind.RATE, name)
        case LockHeld(name):
            return Gate(GateKind.LOCK, name)
        case CircuitOpen(scope) | CircuitProbing(scope):
            return Gate(GateKind.HEALTH, scope)
        case AsksOthers() | TakenElsewhere():
            return SHARES
        case BackingOff():
            return BACKOFF
        case DependencyPending():
            return DEPENDENCY
        case MergePending():
            return MERGE
        case _:
            assert_never(because)
