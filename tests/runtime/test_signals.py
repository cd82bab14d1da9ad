from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

import pytest
from tests.executors.told import TIMEOUT_S, in_a_loop

from weft.runtime.signals import SIGNALS, interrupts


class Seen:
    """What a listener is told, one at a time."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[int, bool]] = asyncio.Queue()

    def __call__(self, number: int, force: bool) -> None:
        self.told.put_nowait((number, force))


@pytest.mark.parametrize("number", SIGNALS)
@in_a_loop
async def test_the_second_signal_leaves_no_choice(number: int) -> None:
    seen = Seen()
    with interrupts(seen):
        for force in (False, True):
            os.kill(os.getpid(), number)
            assert await seen.told.get() == (number, force)


@in_a_loop
async def test_different_signals_add_up() -> None:
    seen = Seen()
    with interrupts(seen):
        for number, force in ((signal.SIGTERM, False), (signal.SIGINT, True)):
            os.kill(os.getpid(), number)
            assert await seen.told.get() == (number, force)


IMPATIENT = """
import asyncio, threading
from weft.runtime.signals import interrupts

async def main():
    told = asyncio.Queue()
    with interrupts(lambda *seen: told.put_nowait(seen)):
        print("begun", flush=True)
        while True:
            print(*await told.get(), flush=True)

threading.Thread(target=threading.Event().wait).start()  # what nobody can end
asyncio.run(main())
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_the_third_signal_ends_the_process_whatever_runs(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", IMPATIENT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        for force in (False, True):
            process.send_signal(number)
            assert process.stdout.readline() == f"{number:d} {force}\n"
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == -number


def mine(number: int, frame: FrameType | None) -> None:
    """A handler of the user's own."""


@pytest.mark.parametrize("handler", [mine, signal.SIG_IGN, signal.SIG_DFL])
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("error", [None, LookupError])
def test_handlers_are_put_back(number: int, handler: signal.Handlers, error: type[Exception] | None) -> None:
    async def main() -> None:
        with interrupts(lambda number, force: None):
            is_let_be = number == signal.SIGHUP and handler is signal.SIG_IGN
            assert (signal.getsignal(number) is handler) == is_let_be
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
    seen: list[object] = []

    async def main() -> None:
        with interrupts(lambda number, force: None):
            seen.extend(signal.getsignal(number) for number in SIGNALS)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    assert seen == handlers
