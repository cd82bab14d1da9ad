"""The loop turn: step, record the facts, perform the actions, publish.

Events that arrive together are taken in one turn. Facts are recorded before any action is
performed, so that whatever begins in the world is known to have been ordered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context

from weft.runtime.clock import Clock
from weft.scheduling.actions import Action
from weft.scheduling.events import Event, TimePassed
from weft.scheduling.facts import Fact
from weft.scheduling.scheduler import Scheduler

Record = Callable[[Sequence[Fact]], None]


class TurnLoop:
    """Feeds one scheduler from one asyncio event loop.

    Args:
        scheduler: is stepped here and nowhere else.
        clock: tells it the time.
        record: is given the facts before any action is performed.
        perform: carries out an action.
        trade: is told how many jobs the run wants of others, if it shares them (see `Step`), and whether
            nothing runs.
        publish: is given the facts at the end of the turn.
        crashed: is told what a turn broke down of.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        clock: Clock,
        *,
        record: Record,
        perform: Callable[[Action], None],
        trade: Callable[[int, bool], None] = lambda units, is_idle: None,
        publish: Callable[[Sequence[Fact]], None],
        crashed: Callable[[BaseException], None],
    ) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._record = record
        self._perform = perform
        self._trade = trade
        self._publish = publish
        self._crashed = crashed
        self._inbox: list[Event] = []
        self._turn_is_due = False
        self._alarm: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        # Turns run in a context of their own: the variables of one task never reach another.
        self._context = Context()

    def post(self, event: Event) -> None:
        """Take in ``event`` at the next turn. Only called in the event loop's thread."""
        self._inbox.append(event)
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn, context=self._context)

    def _turn(self) -> None:
        self._turn_is_due = False
        try:
            self._take_turn()
        except BaseException as error:
            # A fault of ours, or KeyboardInterrupt: whoever waits for the run must not wait for ever.
            self._turn_is_due = True  # and never comes: what the scheduler knows is not true any more
            self._crashed(error)
            raise

    def _take_turn(self) -> None:
        events, self._inbox = self._inbox, []
        if self._scheduler.ended is not None:
            events = []  # asked for too late: a stop or a cancel of what has ended
        now = self._clock()
        done = self._scheduler.steps(events, now)
        if done.wake_at is not None or self._alarm is not None:
            self._set_alarm(now, done.wake_at)
        self._record(done.facts)
        for action in done.actions:
            self._perform(action)
        if done.tokens is not None:
            self._trade(done.tokens, self._scheduler.admission.is_idle)
        self._publish(done.facts)

    def _set_alarm(self, now: float, wake_at: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if wake_at is not None:
            self._alarm = self._loop.call_later(wake_at - now, self.post, TimePassed(), context=self._context)
