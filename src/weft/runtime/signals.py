"""Ctrl-C, SIGTERM and SIGHUP: one asks the run to end, the next leaves it no choice, the third ends Weft.

The third is for what can't be ended even by force, such as a function in a thread. The processes that
Weft has started see that it is gone, and go too.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Interrupt = Callable[[int, bool], None]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
N_PATIENT = 2  # signals after which Weft still waits for what runs


@contextmanager
def interrupts(interrupt: Interrupt) -> Iterator[None]:
    """Call ``interrupt(signal, force)`` for the first two signals that come while the block runs.

    The third one ends the process as if nobody had asked for signals.

    SIGHUP stays ignored where it is, as under `nohup`. Only in the main thread, where Python allows it;
    elsewhere nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    n_seen = 0

    def on_signal(number: int) -> None:
        nonlocal n_seen
        n_seen += 1
        if n_seen > N_PATIENT:
            # An exception would not do: whoever catches it waits for what can't be ended.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        interrupt(number, n_seen > 1)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    if before[signal.SIGHUP] is signal.SIG_IGN:
        del before[signal.SIGHUP]
    for number in before:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                signal.signal(number, handler)
