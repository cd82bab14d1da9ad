"""A jobserver: Weft lends its `-j` to the commands that it runs, as make does, through a fifo.

Makes the fifo, and finds out what was lost. How commands are told of it is in `makeflags`; how tokens are
taken, by Weft too, in `jobserver`.
"""

from __future__ import annotations

import array
import atexit
import fcntl
import os
import tempfile
import termios
from pathlib import Path

from weft.runtime.jobserver import JobTokens
from weft.runtime.makeflags import can_be_told

_NAME = ".jobs"  # no task has a folder of this name
_TOKEN = b"+"  # the one that make uses


class JobServer:
    """A pool of ``n_jobs``, of which one belongs to whoever is asked first: this process.

    A command that is killed takes with it the tokens that it had taken. How many these were can't be seen
    while others run; `mend` counts when nobody does.

    Args:
        n_jobs: how many jobs there may be at once.
        folder: a folder that only this user can enter. The fifo is made elsewhere if its path can't be told
            to commands, or the file system there has no fifos.

    Raises:
        OSError: no fifo can be made.
    """

    def __init__(self, n_jobs: int, folder: Path) -> None:
        assert n_jobs >= 1, n_jobs
        self._own_folder, path = _fifo_in(folder)
        self.n_jobs = n_jobs
        self.tokens = JobTokens.at(path)
        # A second one, as what is in a fifo is gone when nobody has it open.
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._n_tokens = os.write(self._fd, _TOKEN * (n_jobs - 1))
        self._closed = False
        self._pid = os.getpid()
        atexit.register(self.close)

    @property
    def path(self) -> str:
        """The fifo."""
        return self.tokens.path

    def mend(self) -> int:
        """Bring the pool back to its size, and return how many tokens had been lost; less than 0: were added.

        Only called when no command runs: what is not here then, nobody has.
        """
        n_here = array.array("i", [0])
        fcntl.ioctl(self._fd, termios.FIONREAD, n_here)
        n_lost = self._n_tokens - self.tokens.n_held - n_here[0]
        if n_lost > 0:
            os.write(self._fd, _TOKEN * n_lost)
        elif n_lost < 0:
            os.read(self._fd, -n_lost)
        return n_lost

    def close(self) -> int:
        """Take the fifo away, and return how many tokens were lost since `mend`; nothing the second time."""
        if self._closed or os.getpid() != self._pid:  # a fork has not made the fifo
            return 0
        self._closed = True
        atexit.unregister(self.close)
        self.tokens.close()
        n_lost = self.mend()
        os.close(self._fd)
        Path(self.path).unlink(missing_ok=True)
        if self._own_folder is not None:
            os.rmdir(self._own_folder)
        return n_lost


def _fifo_in(folder: Path) -> tuple[str | None, str]:
    """Make a fifo; return the folder that was made for it, if one was, and its path."""
    path = str(folder.absolute() / _NAME)
    if can_be_told(path):
        try:
            os.mkfifo(path, 0o600)
            return None, path
        except OSError:
            pass  # as on FAT, and where a Windows disk is mounted
    own = tempfile.mkdtemp(prefix="weft-")
    path = os.path.join(own, _NAME)
    try:
        if not can_be_told(path):
            raise OSError(f"make can't be told of a fifo in {own}")
        os.mkfifo(path, 0o600)
    except OSError:
        os.rmdir(own)
        raise
    return own, path
