"""The bus: hands the facts of each loop turn to whoever wants to see them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from weft.scheduling.facts import Fact

Subscriber = Callable[[Sequence[Fact]], None]

_log = logging.getLogger("weft.bus")


class Bus:
    """Subscribers in the order in which they came. One that raises is dropped; the run goes on."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call ``subscriber`` with the facts of every turn from now on."""
        self._subscribers.append(subscriber)

    def publish(self, facts: Sequence[Fact]) -> None:
        """Hand ``facts`` to all subscribers."""
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(facts)
            except Exception:  # noqa: BLE001 - whatever a subscriber does, the run goes on
                self._subscribers.remove(subscriber)
                _log.exception("a subscriber failed and is told nothing more: %r", subscriber)
