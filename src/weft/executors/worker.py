"""What runs inside a worker process: one function after another, until its parent lets go.

Knows the pipe to the parent and what goes over it: a pickled (function, args, kwargs) in, a pickled
Outcome out. When a worker is started and when it is killed is decided in `process`.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from threading import Thread

from weft.executors.raised import failed
from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.reason import BadResult, CouldNotStart

READY = b"ready"
GOODBYE = b""


def serve(parent: Connection) -> None:
    """Carry out what comes over the pipe, until the parent says goodbye."""
    # A group of its own, so that whatever the function starts can be ended with it.
    os.setsid()
    # Ctrl-C is the business of the parent, which stops its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_parent, daemon=True).start()
    parent.send_bytes(READY)
    with suppress(EOFError, ConnectionError):  # the parent has died
        while (payload := parent.recv_bytes()) != GOODBYE:
            parent.send_bytes(_packed(_carry_out(payload)))


def _end_with_the_parent() -> None:
    """Stand by for the case that the parent is killed while a function runs."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is started by multiprocessing"
    wait([parent.sentinel])
    os.killpg(os.getpid(), signal.SIGKILL)


def _carry_out(payload: bytes) -> Outcome:
    try:
        function, args, kwargs = pickle.loads(payload)
    except BaseException as error:
        return Failed(CouldNotStart(f"the function can't be loaded in a worker process: {error}"))
    try:
        return Succeeded(function(*args, **kwargs))
    except BaseException as error:
        return failed(error)


def _packed(outcome: Outcome) -> bytes:
    try:
        packed = pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
        if isinstance(outcome, Failed):
            # An exception with an __init__ of its own can often be pickled, but not be made again.
            pickle.loads(packed)
    except Exception as error:
        packed = pickle.dumps(_without_the_object(outcome, error), pickle.HIGHEST_PROTOCOL)
    return packed


def _without_the_object(outcome: Outcome, error: Exception) -> Failed:
    if isinstance(outcome, Failed):
        return Failed(outcome.because)
    assert isinstance(outcome, Succeeded), outcome
    kind = type(outcome.value).__qualname__
    return Failed(BadResult(f"the result, a {kind}, can't be sent back from a worker process: {error}"))
