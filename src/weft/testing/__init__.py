"""The test kit: runs in virtual time, for tests of Weft and of what is built upon it.

Nothing here executes work. Hypothesis strategies stand in `weft.testing.strategies`, since
hypothesis need not be installed for the rest.
"""

from __future__ import annotations

from weft.testing.builders import cancelled, failed, plan, refused, succeeded, task
from weft.testing.clock import ManualClock
from weft.testing.scripted import ScriptedExecutor
from weft.testing.sim import Sim
from weft.testing.simulator import Simulation, simulate

__all__ = [
    "ManualClock",
    "ScriptedExecutor",
    "Sim",
    "Simulation",
    "cancelled",
    "failed",
    "plan",
    "refused",
    "simulate",
    "succeeded",
    "task",
]
