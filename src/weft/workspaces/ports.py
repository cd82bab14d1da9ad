"""Leases of TCP ports: free on this machine, and nobody else's for as long as a task lives.

A port is chosen below those that the system gives to outgoing connections by itself, or one of these could
take it at any moment. It is free if it can be bound; it is ours by a lock on a file of that number, in a
folder of this user's, which ends with this process.
"""

from __future__ import annotations

import os
import random
import re
import socket
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from weft.disk.held import hold, let_go
from weft.errors import UsageError

FIRST_PORT = 16_384
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_EPHEMERAL = 32_768  # of Linux, where the file does not say otherwise
LEAST_ROOM = 1_000  # ports: with fewer than these below the others, those are taken too
LAST_PORT = 65_535


class PortLease:
    """Ports by name, until it is closed.

    >>> with PortLease(["http"]) as lease:
    ...     list(lease.variables), 1024 < lease.ports["http"] <= 65535
    (['WEFT_PORT_HTTP'], True)

    Args:
        names: one port is leased for each.
        folder: where the locks are; by default a folder of this user's that all processes see.
        choice: the ports to choose from; by default those that the system gives to nobody by itself.

    Raises:
        UsageError: two names make the same variable, or no port is free.
        OSError: locks can't be made.
    """

    def __init__(
        self, names: Iterable[str], folder: Path | None = None, choice: Sequence[int] | None = None
    ) -> None:
        self._locks: list[int] = []
        ports: dict[str, int] = {}
        variables: dict[str, str] = {}
        try:
            folder = _private(folder or _usual_folder())
            choice = _usual_choice() if choice is None else choice
            for name in names:
                if variable_of(name) in variables:
                    raise UsageError(
                        f"the port `{name}` has the same variable, {variable_of(name)}, as another"
                    )
                ports[name] = self._lease(folder, choice)
                variables[variable_of(name)] = str(ports[name])
        except BaseException:
            self.close()
            raise
        self.ports: Mapping[str, int] = ports
        self.variables: Mapping[str, str] = variables

    def __enter__(self) -> PortLease:
        """Return the lease itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Give the ports back."""
        self.close()

    def close(self) -> None:
        """Give the ports back. May be called again."""
        while self._locks:
            let_go(self._locks.pop())

    def _lease(self, folder: Path, choice: Sequence[int]) -> int:
        start = random.choice(choice)  # so that processes seldom ask for the same
        for port in sorted(choice, key=lambda port: (port < start, port)):
            if _is_free(port):
                with suppress(BlockingIOError):  # somebody else has it
                    self._locks.append(hold(folder / str(port)))
                    return port
        raise UsageError("no TCP port is free on this machine")


def variable_of(name: str) -> str:
    """Return the variable in which a task finds the port called ``name``.

    >>> variable_of("admin-api")
    'WEFT_PORT_ADMIN_API'
    """
    return f"WEFT_PORT_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"


def _usual_choice() -> range:
    try:
        end = int(EPHEMERAL.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        end = USUAL_EPHEMERAL
    return range(FIRST_PORT, end if end - FIRST_PORT >= LEAST_ROOM else LAST_PORT + 1)


def _is_free(port: int) -> bool:
    """Tell whether nobody listens to ``port``, be it on one address of this machine or on all."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, ""), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as bound:
                bound.bind((address, port))
        except OSError:
            if family is socket.AF_INET or _has_ipv6():
                return False
    return True


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as bound:
            bound.bind(("::1", 0))
    except OSError:
        return False
    return True


def _usual_folder() -> Path:
    """Return the folder for locks: the same for all of a user's processes, whatever TMPDIR they have."""
    runtime = Path(f"/run/user/{os.getuid()}")
    return runtime / "weft-ports" if runtime.is_dir() else Path("/tmp", f"weft-ports-{os.getuid()}")


def _private(folder: Path) -> Path:
    """Make ``folder`` if need be; one that somebody else could have put there is refused."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise UsageError(f"{folder} is no directory of this user's, where the locks of ports would be")
    return folder
