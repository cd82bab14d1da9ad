"""What runs inside a worker process: one function after another, until its parent lets go.

Knows the pipe to the parent and what goes over it: a pickled (identity, env, function, args, kwargs) in,
with what it shares sent ahead; costs that are told, and a pickled Outcome, out. When a worker is started
and when it is killed is decided in `process`.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from threading import Event, Lock, Thread

import msgspec

from weft.executors import family, shared
from weft.executors.current import AT_WORK, Identity
from weft.executors.raised import failed
from weft.model.attempt import Attempt
from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.reason import BadResult, CouldNotStart

READY = b"ready"
GOODBYE = b""

# What a message begins with if it is no pickle: those begin with another byte.
SHARED = b"shared"  # then eight bytes with a number, then the pickle
FORGET = b"forget"  # then eight bytes with a number
TOLD = b"told"  # then a pickled (attempt, costs)

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
    line = _Line(parent)
    try:
        line.send(READY)
        while (message := parent.recv_bytes()) != GOODBYE:
            if message.startswith(SHARED):
                number, content = unnumbered(SHARED, message)
                shared.arrive(number, partial(pickle.loads, content))
            elif message.startswith(FORGET):
                shared.forget(unnumbered(FORGET, message)[0])
            else:
                line.send(_packed(_carry_out(message, line)))
    except (EOFError, ConnectionError):
        watcher.join()  # the parent has died


def numbered(kind: bytes, number: int, content: bytes = b"") -> bytes:
    """Return a message about what has this number."""
    return kind + number.to_bytes(8, "big") + content


def unnumbered(kind: bytes, message: bytes) -> tuple[int, bytes]:
    """Return the number and the content of a message.

    >>> unnumbered(FORGET, numbered(FORGET, 7))
    (7, b'')
    """
    begin = len(kind) + 8
    return int.from_bytes(message[len(kind) : begin], "big"), message[begin:]


class _Line:
    """This side of the pipe: what functions tell, from whatever thread, and their outcomes."""

    def __init__(self, parent: Connection) -> None:
        self._parent = parent
        self._sending = Lock()
        self.at_work: Identity | None = None

    def send(self, message: bytes) -> None:
        with self._sending:
            self._parent.send_bytes(message)

    def identity(self, attempt: Attempt) -> Identity | None:
        return self.at_work if self.at_work is not None and self.at_work.attempt == attempt else None

    def tell(self, attempt: Attempt, costs: Mapping[str, int]) -> None:
        self.send(TOLD + pickle.dumps((attempt, dict(costs)), pickle.HIGHEST_PROTOCOL))


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


def _carry_out(payload: bytes, line: _Line) -> Outcome:
    try:
        identity, env, function, args, kwargs = pickle.loads(payload)
    except BaseException as error:
        return Failed(CouldNotStart(f"the function can't be loaded in a worker process: {error}"))
    line.at_work = identity
    if identity is not None:
        AT_WORK.set((line, identity.attempt))
    try:
        with _environment(env):
            return Succeeded(function(*args, **kwargs))
    except BaseException as error:
        return failed(error)
    finally:
        line.at_work = None


@contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    """Have these variables meanwhile; one function at a time is called here."""
    before = {name: os.environ[name] for name in env if name in os.environ}
    os.environ.update(env)
    try:
        yield
    finally:
        for name in env:
            os.environ.pop(name, None)
        os.environ.update(before)


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
