"""What runs inside a worker process: one function after another, until its parent lets go.

Knows the pipe to the parent and what goes over it: a pickled (function, args, kwargs) in, a pickled
Outcome out. When a worker is started and when it is killed is decided in `process`.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from threading import Event, Thread

import msgspec

from weft.executors import family
from weft.executors.raised import failed
from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.reason import BadResult, CouldNotStart

READY = b"ready"
GOODBYE = b""

TELLING = "WEFT_WORKER"  # the variable by which whoever descends from a worker is known


def serve(parent: Connection, mark: str) -> None:
    """Carry out what comes over the pipe, until the parent says goodbye.

    Args:
        parent: the pipe.
        mark: goes into the environment, so that what functions start is known by it.
    """
    os.environ[TELLING] = mark
    # A group of its own, so that whatever the function starts can be ended with it.
    os.setsid()
    # Ctrl-C is the business of the parent, which stops its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watcher = Thread(target=_end_with_the_parent, daemon=True)
    watcher.start()
    try:
        parent.send_bytes(READY)
        while (payload := parent.recv_bytes()) != GOODBYE:
            parent.send_bytes(_packed(_carry_out(payload)))
    except (EOFError, ConnectionError):
        watcher.join()  # the parent has died


def _end_with_the_parent() -> None:
    """Stand by for the case that the parent is killed, and then end this process and all below it."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is started by multiprocessing"
    wait([parent.sentinel])
    this = os.getpid()
    try:
        # From outside: else the function could start one more process after we have looked.
        with warnings.catch_warnings(action="ignore"):  # Python doesn't like forks where there are threads
            child = os.fork()
    except OSError:  # there are too many processes
        os.killpg(this, signal.SIGKILL)
        return
    if not child:
        _end(this)
    Event().wait()  # for what the child does


def _end(worker: int) -> None:
    """Kill a worker and all below it; called in a child of it, which then ends, too."""
    try:
        os.setsid()
        family.kill([worker])
        with suppress(OSError):
            os.killpg(worker, signal.SIGKILL)
        family.kill(family.marked(family.everybody(), family.mark_of(os.environ, (TELLING,))))
    finally:
        os._exit(0)


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
        return msgspec.structs.replace(outcome, exception=None)
    assert isinstance(outcome, Succeeded), outcome
    kind = type(outcome.value).__qualname__
    return Failed(BadResult(f"the result, a {kind}, can't be sent back from a worker process: {error}"))
