"""`lock`: a block of code that no other one may run beside, in whatever process of this user.

Knows who waits in this process, and how. The locks themselves are those of tasks with `scope: machine`
(`sharing.locks`).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from math import inf
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from weft.errors import LockBusy, UsageError
from weft.executors.current import AT_WORK
from weft.model.lock import Hold, token_variable
from weft.sharing.base import look_after_s
from weft.sharing.home import sharing_folder
from weft.sharing.locks import FileLocks, Kind, Standing

T = TypeVar("T")


def lock(name: str, *, shared: bool = False, wait: bool | float = True) -> Lock:
    """Return a context manager that holds the lock ``name`` against all other processes of this user.

    It is for ``with`` and for ``async with``, and is the lock that tasks hold by ``locks`` with the scope
    "machine". However the block ends, it is released, and so it is when the process is killed. Those who
    wait get it in the order in which they came.

    Args:
        name: any text.
        shared: others that share it may hold it at the same time.
        wait: True for as long as it takes; or how many seconds; False for not at all.

    Raises:
        LockBusy: in the beginning of the block: others hold it, and were not to be waited for any longer.
        UsageError: ``name`` or ``wait`` makes no sense; or, in the beginning of the block: who wants it holds
            it already, and would wait for itself.
        CannotShare: the folder with the locks can't be reached or read.

    >>> with lock("deploy") as held:  # doctest: +SKIP
    ...     deploy(held.token)
    """
    return Lock(name, shared=shared, wait=wait)


class Lock:
    """One block at a time. What `lock` returns."""

    def __init__(self, name: str, *, shared: bool, wait: bool | float) -> None:
        given: tuple[object, object] = (name, wait)
        if not (isinstance(given[0], str) and name):
            raise UsageError(f"{name!r} is no name of a lock")
        if not (isinstance(given[1], int | float) and wait >= 0):
            raise UsageError(f"`wait` is {wait!r}; expected True, False or a number of seconds")
        self.name = name
        self._mode = Hold.SHARED if shared else Hold.EXCLUSIVE
        self._wait_s = inf if wait is True else float(wait)
        self._hold: _Hold | None = None

    @property
    def token(self) -> int:
        """The fencing token, larger than all that were given out for this lock before.

        Hand it on to what the lock protects, so that it can refuse those who come late.
        """
        if self._hold is None or self._hold.token is None:
            raise UsageError(f"lock `{self.name}` is not held: its token is known inside of the block")
        return self._hold.token

    def __enter__(self) -> Lock:
        hold = self._begin(in_thread=True)
        try:
            while (pause_s := hold.take()) is not None:
                time.sleep(pause_s)
        except BaseException:
            self._end().release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end().release()

    async def __aenter__(self) -> Lock:
        hold = self._begin(in_thread=False)
        try:
            while (pause_s := await _to_its_end(hold.take)) is not None:  # noqa: ASYNC110  # nobody tells us
                await asyncio.sleep(pause_s)
        except GeneratorExit:  # it is thrown away with its loop, and may not wait for anything
            self._end().release()
            raise
        except BaseException:
            await _to_its_end(self._end().release)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        hold = self._end()
        if isinstance(error, GeneratorExit):
            hold.release()
        else:
            await _to_its_end(hold.release)

    def _begin(self, *, in_thread: bool) -> _Hold:
        hold = _Hold(self.name, self._mode, self._wait_s)
        with _MUTEX:
            if self._hold is not None:
                raise UsageError(
                    f"this lock on `{self.name}` is in use already\n"
                    f'  hint: write `with weft.lock("{self.name}")` at each block: each needs one of its own'
                )
            _refuse_to_wait_for_itself(hold, in_thread=in_thread)
            self._hold = hold
            _HOLDS.add(hold)
        return hold

    def _end(self) -> _Hold:
        hold = self._hold
        assert hold is not None, f"the block of lock `{self.name}` ends twice"
        self._hold = None
        _HOLDS.discard(hold)
        return hold


class _Hold:
    """One holder in this process, or one who waits."""

    def __init__(self, name: str, mode: Hold, wait_s: float) -> None:
        self.name = name
        self.pid = os.getpid()
        self.thread = threading.get_ident()
        self.task = _task_here()
        self.folder = sharing_folder(os.environ)
        self.token: int | None = None
        self._mode = mode
        self._wait_s = wait_s
        self._locks = _locks_of(self.folder, self.pid)
        self._ask = f"block-{secrets.token_hex(8)}"
        self._began: float | None = None

    def take(self) -> float | None:
        """Take it, or return after how many seconds to come again.

        Raises:
            LockBusy: there was enough waiting.
        """
        answer = self._locks.take(self._ask, {self.name: self._mode})
        if isinstance(answer, dict):
            self.token = answer[self.name]
            return None
        now = time.monotonic()
        if self._began is None:
            self._began = now
            self._refuse_to_wait_for_own_task()
        waited_s = now - self._began
        if waited_s >= self._wait_s:
            self._locks.release(self._ask)
            raise LockBusy(_told(self.name, self._locks.standing()))
        return min(look_after_s(waited_s), self._wait_s - waited_s)

    def release(self) -> None:
        """Give it back, or leave the queue. A fork that has inherited it gives back nothing."""
        if self.pid == os.getpid():
            self._locks.release(self._ask)

    def _refuse_to_wait_for_own_task(self) -> None:
        """See whether the holder is the task that this program runs as."""
        token = os.environ.get(token_variable(self.name))
        for each in self._locks.standing() if token else ():
            if each.lock == self.name and each.kind is Kind.HELD and str(each.number) == token:
                raise _held_by_own_task(self.name, os.environ.get("WEFT_TASK_ID", ""))


_MUTEX = threading.Lock()
_HOLDS: set[_Hold] = set()  # of this process, and of those that it was forked from


def _refuse_to_wait_for_itself(wanted: _Hold, *, in_thread: bool) -> None:
    """Refuse what would wait for ever.

    Args:
        wanted: who is about to wait.
        in_thread: its whole thread stands still meanwhile, with whatever else runs in it.
    """
    for hold in _HOLDS:
        is_same = (hold.name, hold.folder, hold.pid) == (wanted.name, wanted.folder, wanted.pid)
        if is_same and hold.thread == wanted.thread and (in_thread or hold.task is wanted.task):
            raise UsageError(
                f"lock `{wanted.name}` is held in this thread already, which would wait for itself\n"
                "  hint: take it once, around all that needs it"
                + ("; in a coroutine use `async with`" if wanted.task is not None and in_thread else "")
            )
    witness, attempt = AT_WORK.get((None, None))
    identity = witness.identity(attempt) if witness is not None and attempt is not None else None
    if identity is not None and wanted.name in identity.locks:
        raise _held_by_own_task(wanted.name, identity.task_id)


def _held_by_own_task(name: str, task: str) -> UsageError:
    return UsageError(
        f"lock `{name}` is held by task `{task}` itself, which would wait for its own end\n"
        "  hint: it stands in the `locks` of the task: that is enough"
    )


def _task_here() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


@lru_cache(maxsize=8)
def _locks_of(folder: Path, pid: int) -> FileLocks:
    return FileLocks(folder / "locks")


@lru_cache(maxsize=1)
def _thread_of(pid: int) -> ThreadPoolExecutor:
    # Of our own: that of the loop may be full of those who wait for this very lock.
    return ThreadPoolExecutor(1, "weft-lock")


async def _to_its_end(do: Callable[[], T]) -> T:
    """Call ``do`` in a thread and wait until it has ended; who is cancelled meanwhile hears of it then."""
    future = asyncio.get_running_loop().run_in_executor(_thread_of(os.getpid()), do)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # it has been looked at
        raise cancelled
    return future.result()


def _told(name: str, standing: list[Standing]) -> str:
    others = [each for each in standing if each.lock == name and each.is_there]
    held = [each for each in others if each.kind is Kind.HELD]
    how = "is held by" if held else "is waited for by"
    if not others:
        return f"lock `{name}` was held until just now"
    return f"lock `{name}` {how} {', '.join(map(_holder, held or others))}"


def _holder(each: Standing) -> str:
    since = datetime.fromtimestamp(each.since).isoformat(" ", "seconds")
    return f"{each.owner or 'a process whose name can not be read'} since {since}"
