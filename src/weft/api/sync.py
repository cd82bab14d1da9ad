"""From ordinary code into the event loop and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from weft.errors import UsageError

T = TypeVar("T")


def run_until_done(instead: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run ``work()`` in an event loop of its own, and return its result.

    Args:
        instead: what to write where an event loop is running already, as in a notebook.
        work: makes the coroutine.

    Raises:
        UsageError: an event loop is running in this thread.
    """
    if _is_inside_a_loop():
        raise UsageError(f"an event loop is running here already: write `{instead}` instead")
    kept: list[T] = []
    asyncio.run(_keep(work(), kept))
    return kept[0]


def _is_inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # by which it says no; what the work raises must not seem to come from that
        return False
    return True


async def _keep(work: Coroutine[Any, Any, T], kept: list[T]) -> None:
    # Not as the result of the main Task: `asyncio.run` makes the repr of that when it puts back the
    # handler of Ctrl-C, which takes long for the report of a large plan.
    kept.append(await work)
