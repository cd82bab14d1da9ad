"""What is done when things go wrong, and among whom limits are shared, in one place for those who write it.

Users see it as `weft.policy`.
"""

from __future__ import annotations

from weft.model.cache import Cache
from weft.model.group import Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.lock import Lock
from weft.model.policy import Policy
from weft.model.rate import Aimd
from weft.model.retry import Jitter, RetryBudget
from weft.model.scope import Scope

__all__ = [
    "Aimd",
    "Cache",
    "Health",
    "Jitter",
    "Lock",
    "Policy",
    "Rest",
    "RetryBudget",
    "Scope",
    "WhenUnhealthy",
]
