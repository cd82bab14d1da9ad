"""Job tokens: what processes that share one pool of jobs take before they start one, and put back after it.

Whoever takes part may run one job without a token, for its parent has taken one for it. A token is a byte in
a pipe; the same byte is put back. Which jobs there are, and which comes first, is decided by others.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import stat
from collections.abc import Callable


class JobTokens:
    """The tokens that this process holds, and the pipe that it takes them from.

    Tokens go back when `close` is called, and when the interpreter ends without that. They are lost when the
    process is killed at once, by SIGKILL or by a signal that nobody handles: nothing runs after those.

    Args:
        path: the pipe, as it can be opened by other processes. This one opens it anew: not to wait when it is
            empty is a property of an open file, and would be imposed on all who have inherited the same.
        fd: the same pipe, open for reading and writing, and not waiting.

    >>> read, write = os.pipe()
    >>> os.write(write, b"+-")
    2
    >>> tokens = JobTokens.at(f"/proc/self/fd/{read}")
    >>> tokens.take(3), tokens.take(1), tokens.n_held
    (2, 0, 2)
    >>> tokens.give_back(1)
    >>> tokens.close()
    >>> os.read(read, 3)
    b'-+'
    """

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._held = bytearray()
        self._n_wanted = 0
        self._came: Callable[[int], None] = lambda units: None
        self._loop: asyncio.AbstractEventLoop | None = None  # while it looks out for tokens
        self._pid = os.getpid()
        self._closed = False
        atexit.register(self.close)

    @classmethod
    def at(cls, path: str) -> JobTokens:
        """Open the pipe at ``path``.

        Raises:
            OSError: it is none, or is not for us.
        """
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(f"{path} is no pipe")
        return cls(path, fd)

    @property
    def n_held(self) -> int:
        """How many tokens this process has taken and not put back."""
        return len(self._held)

    def take(self, units: int) -> int:
        """Take so many tokens, or as many as there are now; return how many."""
        if units <= 0:
            return 0
        try:
            taken = os.read(self._fd, units)
        except BlockingIOError:
            return 0
        self._held += taken
        return len(taken)

    def want(self, units: int, came: Callable[[int], None]) -> None:
        """Take ``units`` more as soon as there are any, in place of what was wanted before; 0 for no more.

        Called in an event loop, which is never held up.

        Args:
            units: how many.
            came: called in the loop, at once or later, each time with how many of them were taken.
        """
        assert not self._closed, "tokens were given up"
        self._n_wanted, self._came = units, came
        if units:
            self._look()
        self._look_out(self._n_wanted > 0)

    def give_back(self, units: int) -> None:
        """Put ``units`` tokens back, for whoever takes them first."""
        assert 0 <= units <= len(self._held), f"{units} of {len(self._held)} tokens"
        if units:
            tokens = bytes(self._held[-units:])
            del self._held[-units:]
            try:
                os.write(self._fd, tokens)
            except BlockingIOError:
                pass  # it is full: others have put in far more than was ever there

    def close(self) -> None:
        """Put all tokens back and take no more."""
        if self._closed or os.getpid() != self._pid:  # the tokens of a process are not those of its fork
            return
        self._closed = True
        atexit.unregister(self.close)
        if self._loop is not None and not self._loop.is_closed():
            self._look_out(False)
        self.give_back(self.n_held)
        os.close(self._fd)

    def _look(self) -> None:
        taken = self.take(self._n_wanted)
        self._n_wanted -= taken
        if not self._n_wanted:
            self._look_out(False)
        if taken:
            self._came(taken)

    def _look_out(self, needed: bool) -> None:
        if needed and self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._fd, self._look)
        elif not needed and self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._loop = None
