"""Subscriptions: facts for whoever wants them, in a thread of their own, so that no run waits for it.

What the subscriber has not taken yet stands in a queue of bounded length; what does not fit is dropped and
counted. A subscriber that raises is told nothing more. Displays, which are called in the event loop's thread,
are no subscribers: see `bus`.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from weakref import WeakSet

from weft.scheduling.facts import Fact

# Enough for the turn in which a plan of a hundred thousand tasks is added; some fifty megabytes at most.
MOST_WAITING = 500_000
LAST_WORDS_S = 1.0  # how long a program that ends waits for its subscribers

_log = logging.getLogger("weft.subscribe")


class Subscription:
    """One subscriber. Leaving its ``with`` block closes it.

    Args:
        callback: called with each fact.
        most_waiting: how many facts may wait for it.

    Attributes:
        dropped: how many facts it was not told, because too many were waiting or it had raised.
    """

    def __init__(self, callback: Callable[[Fact], object], most_waiting: int = MOST_WAITING) -> None:
        self.dropped = 0
        self._callback = callback
        self._most_waiting = most_waiting
        self._waiting: list[Fact] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._has_failed = False
        self._thread: threading.Thread | None = None  # begun with the first fact

    def take(self, facts: Sequence[Fact]) -> None:
        """Let these facts wait for the subscriber; called by runs."""
        with self._changed:
            if self._is_closed:
                return
            room = 0 if self._has_failed else self._most_waiting - len(self._waiting)
            self._waiting += facts if room >= len(facts) else facts[:room]
            if room < len(facts):
                self._drop(len(facts) - room)
            if self._thread is None:
                self._thread = threading.Thread(target=self._tell, name="weft-subscriber", daemon=True)
                self._thread.start()
                _open.add(self)
            self._changed.notify()

    def close(self, timeout_s: float | None = None) -> None:
        """Take no more facts, and wait until those that are waiting were told.

        Args:
            timeout_s: how long to wait at most, in seconds; by default until it is done.
        """
        self.end()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def end(self) -> None:
        """Take no more facts; those that are waiting will be told."""
        with self._changed:
            if not self._is_closed and self.dropped:
                _log.warning("%d facts were dropped for %r in all", self.dropped, self._callback)
            self._is_closed = True
            self._changed.notify()

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more facts."""
        return self._is_closed

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drop(self, n_facts: int) -> None:
        if not self.dropped and not self._has_failed:
            _log.warning("%r is too slow: facts are dropped", self._callback)
        self.dropped += n_facts

    def _tell(self) -> None:
        while facts := self._next():
            for number, fact in enumerate(facts, start=1):
                try:
                    self._callback(fact)
                except Exception:  # noqa: BLE001 - whatever a subscriber does, the run goes on
                    _log.exception("a subscriber failed and is told nothing more: %r", self._callback)
                    self._fail(len(facts) - number)
                    break

    def _next(self) -> list[Fact]:
        """Wait for facts, and take all that there are; none if there will be none."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            facts, self._waiting = self._waiting, []
            return facts

    def _fail(self, n_taken: int) -> None:
        """Tell nothing more; so many facts were taken and not told."""
        with self._changed:
            self._has_failed = True
            self.dropped += n_taken + len(self._waiting)
            self._waiting = []


class Subscriptions:
    """Those that hear of every run of this process."""

    def __init__(self) -> None:
        self._all: list[Subscription] = []

    def add(self, subscription: Subscription) -> Subscription:
        """Let ``subscription`` hear of the runs that begin from now on."""
        self._all.append(subscription)
        return subscription

    def open(self) -> list[Subscription]:
        """Return those that are not closed."""
        self._all = [each for each in self._all if not each.is_closed]
        return list(self._all)


EVERYWHERE = Subscriptions()
_open: WeakSet[Subscription] = WeakSet()


@atexit.register
def _let_them_finish() -> None:
    for subscription in tuple(_open):
        subscription.close(LAST_WORDS_S)
