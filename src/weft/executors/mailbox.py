"""Brings outcomes from other threads into the event loop's thread, in batches.

To wake the loop costs far more than to hand over an outcome. So the first outcome wakes it, and those
that come before it has looked ride along. No outcome ever waits for another one to come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from contextvars import copy_context

from weft.executors.base import Ended
from weft.model.attempt import Attempt
from weft.model.outcome import Outcome


class Mailbox:
    """Made in a running loop; calls ``ended`` there for everything that is posted."""

    __slots__ = ("_context", "_ended", "_letters", "_loop", "_wake_up_is_due")

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._letters: deque[tuple[Attempt, Outcome]] = deque()
        self._wake_up_is_due = False

    def post(self, attempt: Attempt, outcome: Outcome) -> None:
        """Hand over an outcome. Any thread may call this."""
        self._letters.append((attempt, outcome))
        if not self._wake_up_is_due:
            self._wake()

    def _wake(self) -> None:
        # Two threads may both come here; the second wake-up then finds nothing.
        self._wake_up_is_due = True
        with suppress(RuntimeError):  # the loop is closed: there is nobody left to tell
            self._loop.call_soon_threadsafe(self._deliver, context=self._context)

    def _deliver(self) -> None:
        # Before looking: what is posted from here on wakes the loop again.
        self._wake_up_is_due = False
        letters = self._letters
        try:
            # No more than lie here now, so that the loop gets on to its other work.
            for _ in range(len(letters)):
                self._ended(*letters.popleft())
        finally:
            if letters and not self._wake_up_is_due:
                self._wake()
