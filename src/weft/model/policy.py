"""What a run does when things go wrong: its failure policy, its time, its retries, its health."""

from __future__ import annotations

import msgspec

from weft.model.group import Rest
from weft.model.health import Health
from weft.model.retry import RetryBudget

# Long enough for most programs to tidy up, short enough for a person to wait.
GRACE_S = 5.0
AGING_S = 300.0


class Policy(msgspec.Struct, frozen=True):
    """How a run takes failures.

    Args:
        on_failure: what becomes of the rest after a failure that no group tolerates.
        timeout_s: how long the run may take, in seconds.
        retry_budget: how much of its work may be retries.
        health: how many of its attempts may fail.
        aging_s: a task that waits this long for tasks of a higher priority moves up one level, in seconds.
        grace_s: how long an attempt that was asked to end is given before it is killed, in seconds.
    """

    on_failure: Rest = Rest.CONTINUE
    timeout_s: float | None = None
    retry_budget: RetryBudget | None = None
    health: Health | None = None
    grace_s: float = GRACE_S
    aging_s: float = AGING_S
