"""Who descends from a process, and an end for all of them.

A process may leave its group, and may outlive its parent. It is then found among the children of whoever
adopts orphans (`adopt_orphans`), and known by its environment, which it inherits with every program that it
becomes. Linux only: elsewhere nobody is found.

Used by the spawn helper: nothing here is slow to load.
"""

from __future__ import annotations

# `signal` would load `enum` and half of the start-up time with it.
import _signal as signal  # type: ignore[import-not-found]  # typeshed has no stub for it
import os

TYPE_CHECKING = False  # `typing` is slow to load, too
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    Mark = frozenset[bytes]  # variables, each as b"NAME=value"

PR_SET_CHILD_SUBREAPER = 36  # from <linux/prctl.h>
TELLING = ("WEFT_RUN_ID", "WEFT_TASK_ID")  # no two commands that run at once have both in common


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs."""
    try:
        # What lies under `ctypes`, which takes as long to load as all the rest of the spawn helper.
        import _ctypes  # noqa: PLC0415  # an interpreter may be built without it

        prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]  # None: this program
        _ctypes.call_function(prctl, (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
    except (ImportError, OSError, AttributeError):
        pass


def children(pid: int) -> list[int]:
    """The children of a process."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listed:
                found += map(int, listed.read().split())
    except OSError:
        pass  # it has just ended
    return found


def marked(pids: Iterable[int], marks: Collection[Mark]) -> list[int]:
    """Those of ``pids`` whose program was started with all the variables of one of ``marks``."""
    found = []
    for pid in pids if marks else ():
        environment = _environment(pid)
        if any(mark <= environment for mark in marks):
            found.append(pid)
    return found


def mark_of(environment: Mapping[str, str], telling: Collection[str] = TELLING) -> list[Mark]:
    """By which ``telling`` variables whoever has this environment is known; nothing if it lacks one."""
    try:
        return [frozenset([os.fsencode(f"{name}={environment[name]}") for name in telling])]
    except KeyError:
        return []


def everybody() -> list[int]:
    """All processes that can be seen from here."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def strays(leader: int) -> list[int]:
    """The descendants of a leader that are in its session, and not in its group.

    Whoever leads another session was told to look after itself.
    """
    found = [leader]
    for pid in found:  # grows while it is walked
        found += [child for child in children(pid) if _is_in(os.getsid, child, leader)]
    return [pid for pid in found if not _is_in(os.getpgid, pid, leader)]


def kill(roots: Iterable[int]) -> None:
    """Kill processes and all their descendants but this one, whatever group and session these are in."""
    this = os.getpid()
    frozen: dict[int, None] = {}
    found = [*roots]
    while found:
        # Whoever is stopped starts no other process while we look. Only then is the list complete.
        for pid in found:
            frozen[pid] = None
            send(pid, signal.SIGSTOP)
        below = [child for pid in frozen for child in children(pid)]
        found = [child for child in below if child not in frozen and child != this]
    for pid in frozen:
        send(pid, signal.SIGKILL)


def send(pid: int, number: int) -> None:
    """Send a signal, if there is still somebody who takes it from us."""
    try:
        os.kill(pid, number)
    except OSError:
        pass  # gone already, or run as another user


def _environment(pid: int) -> frozenset[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as variables:
            return frozenset(variables.read().split(b"\0"))
    except OSError:
        return frozenset()  # gone already, or run as another user


def _is_in(kind: Callable[[int], int], pid: int, leader: int) -> bool:
    try:
        return kind(pid) == leader
    except OSError:
        return False  # gone already
