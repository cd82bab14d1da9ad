"""Who holds something: a process, named so that no later process is taken for it.

A process id is given out again after its process has ended; together with the moment at which the process
started it is not. Knows processes. What becomes of what a dead one held is decided by who kept it.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

import msgspec

_PROC = Path("/proc")
_ZOMBIES = "ZXx"  # ended, and not yet waited for by their parents


class Owner(msgspec.Struct, frozen=True):
    """One process on one host since its last boot.

    ``pids`` names the space in which ``pid`` counts: each container has one of its own. ``started`` is
    the moment of the process's start in the kernel's ticks, 0 where the system does not tell it.
    """

    host: str
    boot: str
    pids: str
    pid: int
    started: int

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Owner:
    """Return who we are, also after a fork."""
    pid = os.getpid()
    host, boot, pids = _here()
    status = _status(pid)
    return Owner(host, boot, pids, pid, status[0] if status else 0)


def is_alive(owner: Owner) -> bool | None:
    """Tell whether ``owner`` still runs; None when that can't be seen from here.

    >>> is_alive(this_process())
    True
    >>> is_alive(msgspec.structs.replace(this_process(), boot="another")) is None
    True
    """
    if (owner.host, owner.boot, owner.pids) != _here():
        return None
    if owner.started == 0 or not _PROC.exists():
        return _answers(owner.pid)
    status = _status(owner.pid)
    return status is not None and status[0] == owner.started and status[1]


@lru_cache(maxsize=1)
def _here() -> tuple[str, str, str]:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        pids = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        boot, pids = "", ""
    return socket.gethostname(), boot, pids


def _status(pid: int) -> tuple[int, bool] | None:
    """Return when process ``pid`` started and whether it still runs, None if there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The second field is the program's name in parentheses, and may hold anything, parentheses too.
    fields = text[text.rindex(b")") + 2 :].decode().split()
    state, n_threads, started = fields[0], int(fields[17]), int(fields[19])
    return started, state not in _ZOMBIES or n_threads > 1  # the first thread may end before the others


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, so there is one
    return True
