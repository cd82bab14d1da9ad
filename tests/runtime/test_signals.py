from __future__ import annotations

import asyncio
import os
import signal
import threading
from types import FrameType

import pytest
from tests.executors.told import in_a_loop

from weft.runtime.signals import SIGNALS, interrupts


async def until(seen: list[tuple[int, bool]], n: int) -> None:
    while len(seen) < n:
        await asyncio.sleep(0)


@pytest.mark.parametrize("number", SIGNALS)
@in_a_loop
async def test_the_second_signal_leaves_no_choice(number: int) -> None:
    seen: list[tuple[int, bool]] = []
    with interrupts(lambda number, force: seen.append((number, force))):
        for n in (1, 2, 3):
            os.kill(os.getpid(), number)
            await until(seen, n)
    assert seen == [(number, False), (number, True), (number, True)]


@in_a_loop
async def test_different_signals_add_up() -> None:
    seen: list[tuple[int, bool]] = []
    with interrupts(lambda number, force: seen.append((number, force))):
        os.kill(os.getpid(), signal.SIGTERM)
        await until(seen, 1)
        os.kill(os.getpid(), signal.SIGINT)
        await until(seen, 2)
    assert seen == [(signal.SIGTERM, False), (signal.SIGINT, True)]


def mine(number: int, frame: FrameType | None) -> None:
    """A handler of the user's own."""


@pytest.mark.parametrize("handler", [mine, signal.SIG_IGN, signal.SIG_DFL])
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("error", [None, LookupError])
def test_handlers_are_put_back(number: int, handler: signal.Handlers, error: type[Exception] | None) -> None:
    async def main() -> None:
        with interrupts(lambda number, force: None):
            assert signal.getsignal(number) is not handler
            if error is not None:
                raise error

    before = signal.signal(number, handler)
    try:
        if error is None:
            asyncio.run(main())
        else:
            with pytest.raises(error):
                asyncio.run(main())
        assert signal.getsignal(number) is handler
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(number, before)


def test_in_other_threads_nothing_is_changed() -> None:
    handlers = [signal.getsignal(number) for number in SIGNALS]
    seen = []

    async def main() -> None:
        with interrupts(lambda number, force: None):
            seen.extend(signal.getsignal(number) for number in SIGNALS)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    assert seen == handlers
