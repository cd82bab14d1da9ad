"""What a run asks of who traces it; spans themselves are none of its business.

Facts are told before anything is begun, so that an attempt can be told the span which it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import Context
from typing import Protocol

from weft.model.attempt import Attempt
from weft.scheduling.facts import Fact


class Tracing(Protocol):
    """Follows one run. All calls are made in the event loop's thread."""

    def record(self, facts: Sequence[Fact]) -> None:
        """Take in the facts of a turn, before its attempts begin."""

    def environment(self, attempt: Attempt) -> Mapping[str, str]:
        """Return the variables by which another process knows the span of the attempt."""

    def entered(self, attempt: Attempt, context: Context) -> Context:
        """Return ``context``, or a copy of it in which the span of the attempt is the present one."""
