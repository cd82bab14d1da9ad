"""The jobserver above: make or another Weft, which has started this process and shares its jobs with it.

Finds it and opens it. What its words mean stands in `makeflags`, how tokens are taken in `jobserver`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from collections.abc import Mapping

from weft.runtime.jobserver import JobTokens
from weft.runtime.makeflags import Fifo, Pipe, can_be_told, jobserver_in

_log = logging.getLogger("weft.jobserver")


def jobserver_above(environment: Mapping[str, str]) -> JobTokens | None:
    """Return the tokens of the jobserver that ``MAKEFLAGS`` tells of; None if none is within reach.

    A server out of reach is warned of: make closes its pipe to commands that it does not take for makes. To
    be called once, and before this process opens files of its own, which might get the numbers of that pipe.
    """
    server = jobserver_in(environment.get("MAKEFLAGS", ""))
    try:
        match server:
            case None:
                return None
            case Fifo(path):
                return JobTokens.at(path if can_be_told(path) else _opened_here(_open(path)))
            case Pipe(read, write):
                return JobTokens.at(_opened_here(_checked(read, write)))
    except OSError as error:
        hint = "" if isinstance(server, Fifo) else "\n  hint: begin the line in the makefile with `+`"
        _log.warning(
            "the jobserver in MAKEFLAGS is out of reach, so its jobs are not shared: %s%s", error, hint
        )
        return None


def _opened_here(fd: int) -> str:
    """Return a path to a file that stays open in this process, for this process and its children."""
    return f"/proc/{os.getpid()}/fd/{fd}"


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _checked(read: int, write: int) -> int:
    """Return one of the ends of a pipe.

    Raises:
        OSError: they are not the ends of one pipe.
    """
    ends = [os.fstat(fd) for fd in (read, write)]
    is_pipe = all(stat.S_ISFIFO(end.st_mode) for end in ends) and os.path.samestat(*ends)
    modes = [fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE for fd in (read, write)]
    if not is_pipe or modes[0] == os.O_WRONLY or modes[1] == os.O_RDONLY:
        raise OSError(f"{read} and {write} are not the ends of a pipe")
    return read
