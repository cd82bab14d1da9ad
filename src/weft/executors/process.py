"""Calls functions in worker processes, which can be killed.

Built on `ThreadExecutor`: each of its threads waits for one worker at a time, so that a large argument
or a slow start never holds up the event loop. Each worker has a pipe of its own; when one dies, no
other attempt notices, and the pipe and the process tell at once.

What runs inside a worker is in `worker`.
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import pickle
import secrets
import signal
import time
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.connection import wait
from threading import Lock
from typing import Any

from weft.executors import family, worker
from weft.executors.base import Ended, Invocation
from weft.executors.current import Identity, Witness
from weft.executors.shared import Shared, collected
from weft.executors.thread import ThreadExecutor
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import BadResult, CancelAsked, CouldNotStart, Exited, FailureReason, Killed

# Never a plain fork: the process that is copied has threads, and their locks would stay shut for ever.
_METHODS = ("forkserver", "spawn")

# How long idle workers get to run their exit handlers before they are killed.
_LAST_WORDS_S = 2.0

_CANCELLED = Cancelled(CancelAsked())

_dumps: Callable[[object], bytes] = partial(pickle.dumps, protocol=pickle.HIGHEST_PROTOCOL)

_NAME = "weft-worker"

# multiprocessing keeps one table of children, and two threads asking it about the same child can
# get a wrong exit code. So one thread at a time starts a process or asks how one ended.
_CHILDREN = Lock()


class ProcessExecutor:
    """Made in a running event loop; runs at most ``processes`` functions at once, each in a process.

    Function, arguments and result are pickled; what is `Shared` once for each worker. Workers are started as
    they are needed and used again. ``stop`` sends SIGTERM, by ``force`` SIGKILL, to the worker and all that
    it has started. What a function has started and left running is killed when its worker ends, whatever
    group it is in.
    """

    def __init__(self, ended: Ended, witness: Witness | None = None, *, processes: int) -> None:
        self._ended = ended
        self._witness = witness
        self._threads = ThreadExecutor(self._told, threads=processes)
        self._calls: dict[Attempt, _Call] = {}  # started and not told
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._marks: list[family.Mark] = []  # of all workers there ever were
        atexit.register(self._kill_workers)

    def start(self, attempt: Attempt, job: Invocation) -> None:
        identity = self._witness.identity(attempt) if self._witness is not None else None
        call = self._calls[attempt] = _Call(job, identity)
        self._threads.start(attempt, Invocation(self._carry_out, (call,)))

    def stop(self, attempt: Attempt, *, force: bool) -> None:
        call = self._calls.get(attempt)
        if call is not None and not self._threads.take_back(attempt):
            call.stop(force=force)

    async def close(self) -> None:
        """End the workers, the idle ones in good order."""
        await self._threads.close()
        if self._marks:
            await asyncio.to_thread(self._end_workers)
        atexit.unregister(self._kill_workers)

    def _told(self, attempt: Attempt, outcome: Outcome) -> None:
        del self._calls[attempt]
        # The threads see a function that always succeeds, and whose result is the outcome.
        self._ended(attempt, outcome.value if isinstance(outcome, Succeeded) else outcome)

    def _carry_out(self, call: _Call) -> Outcome:
        try:
            message = _packed(call.job, call.identity)
            chosen = self._idle_worker() or self._new_worker()
        except _CouldNotStart as error:
            return Failed(CouldNotStart(str(error)))
        if not call.is_given_to(chosen):
            self._idle.append(chosen)
            return _CANCELLED
        reply = chosen.call(message, self._heard)
        if reply is None:
            cause = chosen.cause_of_death()
            call.is_over()
            self._workers.discard(chosen)
            return _CANCELLED if call.stopped else Failed(cause)
        call.is_over()
        self._idle.append(chosen)
        return _unpacked(reply)

    def _heard(self, told: bytes) -> None:
        """Take in what the function tells while it runs."""
        if self._witness is not None:
            self._witness.tell(*pickle.loads(told))

    def _idle_worker(self) -> _Worker | None:
        """A worker that waits for work. Those that died waiting are forgotten."""
        while True:
            try:
                chosen = self._idle.pop()  # one atomic step: several threads choose
            except IndexError:
                return None
            if not chosen.has_ended_within(0):
                return chosen
            self._workers.discard(chosen)

    def _new_worker(self) -> _Worker:
        try:
            made = _Worker()
        except (OSError, EOFError, RuntimeError) as error:
            if _is_unguarded():
                os._exit(1)  # the process that waits for this one tells what is missing, once
            raise _CouldNotStart(f"no worker process could be started: {error}") from error
        self._workers.add(made)
        self._marks += made.mark
        return made

    def _end_workers(self) -> None:
        alive = [idle for idle in self._idle if not idle.has_ended_within(0)]
        for idle in alive:
            idle.let_go()
        deadline = time.monotonic() + _LAST_WORDS_S
        for idle in alive:
            idle.has_ended_within(max(0, deadline - time.monotonic()))
            idle.kill_group()
            idle.hang_up()
        self._kill_workers()

    def _kill_workers(self) -> None:
        for each in tuple(self._workers):
            if not each.has_ended_within(0):
                each.kill_group()
        _kill_marked(self._marks)
        self._workers.clear()
        self._marks.clear()
        self._idle.clear()


class _Call:
    """One attempt, and the worker that has it in hand.

    The lock keeps a signal from reaching a worker that has gone on to the next attempt.
    """

    __slots__ = ("_lock", "_worker", "identity", "job", "stopped")

    def __init__(self, job: Invocation, identity: Identity | None) -> None:
        self.job = job
        self.identity = identity
        self.stopped = False
        self._worker: _Worker | None = None
        self._lock = Lock()

    def is_given_to(self, chosen: _Worker) -> bool:
        with self._lock:
            if not self.stopped:
                self._worker = chosen
            return not self.stopped

    def is_over(self) -> None:
        with self._lock:
            self._worker = None

    def stop(self, *, force: bool) -> None:
        with self._lock:
            self.stopped = True
            if self._worker is not None and force:
                self._worker.kill_group()
            elif self._worker is not None:
                self._worker.end_politely()


class _Worker:
    """A worker process and this side of the pipe to it."""

    def __init__(self) -> None:
        known = multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context(next(way for way in _METHODS if way in known))
        self._pipe, far_end = context.Pipe()
        # Not a daemon in the sense of multiprocessing: those may not start processes of their own.
        value = f"{os.getpid()}-{secrets.token_hex(8)}"
        self.mark = family.mark_of({worker.TELLING: value}, (worker.TELLING,))
        self._process = context.Process(target=worker.serve, args=(far_end, value), name=_NAME)
        self._began = self._ended = False
        self._has: dict[int, weakref.ref[Shared[Any]]] = {}  # what was sent ahead to it, by number
        with _CHILDREN:
            self._process.start()
        far_end.close()  # else the end of the worker would not close the pipe

    def call(self, message: _Message, heard: Callable[[bytes], None]) -> bytes | None:
        """The worker's answer, or None if it died before it had one.

        Args:
            message: what it is to do.
            heard: called with what the function tells while it runs.
        """
        try:
            if not self._began:
                self._began = self._next_message() == worker.READY
            if self._has or message.shared:
                self._send_ahead(message.shared)
            self._pipe.send_bytes(message.payload)
            while (reply := self._next_message()).startswith(worker.TOLD):
                heard(reply[len(worker.TOLD) :])
            return reply
        except (EOFError, OSError):
            return None

    def _send_ahead(self, needed: Iterable[tuple[Shared[Any], bytes]]) -> None:
        """Send what the worker does not have yet, and have it forget what nobody uses any more."""
        for number in [number for number, used in self._has.items() if used() is None]:
            del self._has[number]
            self._pipe.send_bytes(worker.numbered(worker.FORGET, number))
        for each, content in needed:
            if each.number not in self._has:
                self._pipe.send_bytes(worker.numbered(worker.SHARED, each.number, content))
                self._has[each.number] = weakref.ref(each)

    def _next_message(self) -> bytes:
        # The pipe alone won't do: a process that the function has started may hold its other end.
        if self._pipe not in wait([self._pipe, self._process.sentinel]):
            raise EOFError
        message: bytes = self._pipe.recv_bytes()
        return message

    def cause_of_death(self) -> FailureReason:
        self.has_ended_within(None)
        self.kill_group()
        _kill_marked(self.mark)
        code = self._process.exitcode
        self.hang_up()
        if code < 0:
            return Killed(-code)
        if not self._began:
            return CouldNotStart(
                f"a worker process ended with exit code {code} before it could begin; if this is a script,"
                ' start the work under `if __name__ == "__main__":`'
            )
        return Exited(code) if code else BadResult("the worker process exited without giving a result")

    def has_ended_within(self, timeout_s: float | None) -> bool:
        # Asked once it has said yes, the sentinel may say no for a moment.
        if not self._ended and wait([self._process.sentinel], timeout_s):
            with _CHILDREN:
                self._process.join()
            self._ended = True
        return self._ended

    def let_go(self) -> None:
        """Tell an idle worker to end. One that has done nothing yet has no last words."""
        if not self._began:
            self.kill_group()
        with suppress(OSError):
            self._pipe.send_bytes(worker.GOODBYE)

    def hang_up(self) -> None:
        """Close the pipe to a worker that has ended; to others it would mean that this process has died."""
        self._pipe.close()

    def end_politely(self) -> None:
        """Send TERM to the group of the worker; it ends what is suspended, too."""
        if self.has_ended_within(0):
            return  # its number may belong to another process by now
        for number in (signal.SIGTERM, signal.SIGCONT):
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:  # it has only just been started and has no group yet
                family.send(self._process.pid, number)

    def kill_group(self) -> None:
        """Kill the worker and its descendants. If it has ended, then only just now."""
        if not self.has_ended_within(0):
            family.kill([self._process.pid])
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _is_unguarded() -> bool:
    """Tell whether this process is itself a worker, and still imports a script that wants workers."""
    own = multiprocessing.current_process()
    return own.name == _NAME and getattr(own, "_inheriting", False)


def _kill_marked(marks: Collection[family.Mark]) -> None:
    """Kill what workers have started, and who has left their group and outlived its parent."""
    family.kill(family.marked(family.everybody(), marks))


class _CouldNotStart(Exception):
    """A call did not get as far as a worker; says why."""


class _Message:
    """A call as it is sent: its pickle, and what is shared with other calls, each after what it needs."""

    __slots__ = ("payload", "shared")

    def __init__(self, payload: bytes, shared: list[tuple[Shared[Any], bytes]]) -> None:
        self.payload = payload
        self.shared = shared


def _packed(job: Invocation, identity: Identity | None) -> _Message:
    try:
        with collected() as found:
            payload = _dumps((identity, dict(job.env), job.function, job.args, dict(job.kwargs)))
        return _Message(payload, list(_with_inner(found, set())) if found else [])
    except Exception as error:
        name = next((name for name, part in _parts(job) if not _can_be_pickled(part)), "the call")
        raise _CouldNotStart(f"{name} can't be sent to a worker process: {error}") from error


def _with_inner(found: Iterable[Shared[Any]], seen: set[int]) -> Iterator[tuple[Shared[Any], bytes]]:
    for each in found:
        if each.number not in seen:
            seen.add(each.number)
            content, inner = each.packed(_dumps)
            yield from _with_inner(inner, seen)
            yield each, content


def _parts(job: Invocation) -> Iterator[tuple[str, object]]:
    yield f"function `{getattr(job.function, '__qualname__', job.function)}`", job.function
    for position, value in enumerate(job.args, 1):
        yield f"argument {position}, a {type(value).__qualname__},", value
    for name, value in job.kwargs.items():
        yield f"argument `{name}`, a {type(value).__qualname__},", value


def _can_be_pickled(part: object) -> bool:
    try:
        _dumps(part)
    except Exception:
        return False
    return True


def _unpacked(reply: bytes) -> Outcome:
    try:
        outcome: Outcome = pickle.loads(reply)
    except Exception as error:
        return Failed(BadResult(f"the result can't be read back from a worker process: {error}"))
    return outcome
