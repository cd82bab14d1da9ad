"""What is done when things go wrong, in one place for those who write it: users see it as `weft.policy`."""

from __future__ import annotations

from weft.model.group import Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.policy import Policy
from weft.model.retry import Jitter, RetryBudget

__all__ = ["Health", "Jitter", "Policy", "Rest", "RetryBudget", "WhenUnhealthy"]
