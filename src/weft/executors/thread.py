"""Calls functions in threads of its own.

The threads are daemons, so a function that is stuck never keeps the interpreter from ending. They are
started as they are needed, and hand outcomes back through the mailbox.
"""

from __future__ import annotations

import logging
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread

from weft.executors.base import Ended, Invocation
from weft.executors.current import AT_WORK, Witness
from weft.executors.mailbox import Mailbox
from weft.executors.raised import failed
from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Succeeded
from weft.model.reason import CancelAsked, CouldNotStart

_CANCELLED = Cancelled(CancelAsked())

_LOG = logging.getLogger("weft")


class ThreadExecutor:
    """Made in a running event loop; runs at most ``threads`` functions at once.

    ``stop`` takes back an attempt that has not begun. A running one can't be stopped: that is said in
    the log, it keeps its thread until it ends, and its outcome is told as it was.
    """

    __slots__ = (
        "_context",
        "_ended",
        "_limit",
        "_mailbox",
        "_n_open",
        "_queue",
        "_running",
        "_threads",
        "_waiting",
        "_witness",
    )

    def __init__(self, ended: Ended, witness: Witness | None = None, *, threads: int) -> None:
        assert threads > 0, threads
        self._ended = ended
        self._witness = witness
        self._limit = threads
        self._context = copy_context()
        self._mailbox = Mailbox(self._told)
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        # Whoever takes the job out of here, a worker or `stop`, has it: that one step is atomic.
        self._waiting: dict[Attempt, Invocation] = {}
        self._running: dict[Attempt, Invocation] = {}  # but for those of which the log has told
        self._threads: list[Thread] = []
        self._n_open = 0  # started and not told: touched in the loop's thread only

    def start(self, attempt: Attempt, job: Invocation) -> None:
        self._n_open += 1
        self._waiting[attempt] = job
        self._queue.put(attempt)
        if len(self._threads) < self._limit and self._n_open > len(self._threads):
            self._add_thread(attempt)

    def stop(self, attempt: Attempt, *, force: bool) -> None:
        if not self.take_back(attempt) and (job := self._running.pop(attempt, None)) is not None:
            name = getattr(job.function, "__qualname__", repr(job.function))
            _LOG.warning(
                "function `%s` was asked to stop, but runs in a thread, which nobody can stop:"
                " it goes on, and counts as running until it ends",
                name,
            )

    def take_back(self, attempt: Attempt) -> bool:
        """Cancel an attempt if it has not begun; tell whether that was so."""
        taken = self._waiting.pop(attempt, None) is not None
        if taken:
            self._mailbox.post(attempt, _CANCELLED)
        return taken

    async def close(self) -> None:
        """End the threads. One that is stuck in a function is left to end with the interpreter."""
        for _ in self._threads:
            self._queue.put(None)
        if self._n_open == 0:
            for thread in self._threads:
                thread.join()
        self._threads.clear()

    def _add_thread(self, attempt: Attempt) -> None:
        thread = Thread(target=self._work, name=f"weft-{len(self._threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads to give
            if not self._threads and self._waiting.pop(attempt, None) is not None:
                self._mailbox.post(attempt, Failed(CouldNotStart(str(error)), error))
        else:
            self._threads.append(thread)

    def _told(self, attempt: Attempt, outcome: Outcome) -> None:
        self._n_open -= 1
        self._ended(attempt, outcome)

    def _work(self) -> None:
        get = self._queue.get
        while (attempt := get()) is not None:
            self._carry_out(attempt)

    def _carry_out(self, attempt: Attempt) -> None:
        # A function of its own, so that an idle thread holds on to no arguments and no results.
        job = self._waiting.pop(attempt, None)
        if job is not None:
            self._running[attempt] = job
            outcome = self._call(attempt, job)
            self._running.pop(attempt, None)
            self._mailbox.post(attempt, outcome)

    def _call(self, attempt: Attempt, job: Invocation) -> Outcome:
        context = (self._context if job.context is None else job.context).copy()
        if self._witness is not None:
            context.run(AT_WORK.set, (self._witness, attempt))
        try:
            return Succeeded(context.run(job.function, *job.args, **job.kwargs))
        except BaseException as error:  # SystemExit too: it is the function that ends, not Weft
            return failed(error)
