"""Lets somebody watch a run: hands over the facts of every turn, and says when it is time to redraw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from weft.runtime.engine import Engine
from weft.scheduling.facts import Fact
from weft.views.report import Report

TICK_S = 0.1  # faster than this no eye follows


class Display(Protocol):
    """Shows a run. All calls are made in the event loop's thread.

    Progress and logs go to standard error; what tasks write goes where it would go without Weft.
    """

    def show(self, facts: Sequence[Fact]) -> None:
        """Take in what has just happened; called once in each turn of the loop."""

    def tick(self) -> None:
        """Bring up to date what changes with time alone; called about ten times a second."""

    def finish(self, report: Report) -> None:
        """Show how the run ended. Nothing happens after it but `close`."""

    def close(self) -> None:
        """Leave the terminal as it was found, however the run ended; may be called twice."""


@contextmanager
def watched(engine: Engine, watch: Callable[[Engine], Display] | None) -> Iterator[Display | None]:
    """Let the display that ``watch`` opens see the facts of ``engine`` while the block runs."""
    if watch is None:
        yield None
        return
    display = watch(engine)
    engine.listen(display.show)
    ticking = asyncio.create_task(_tick(display))
    try:
        yield display
    finally:
        ticking.cancel()
        display.close()


async def _tick(display: Display) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        display.tick()
