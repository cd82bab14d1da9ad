"""Runs `weft` as a process of its own, as a shell would."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import weft as weft_package

# Far more than any of these tests needs: it turns a hang into a failure.
TIMEOUT_S = 30.0

WEFT = (sys.executable, "-m", "weft")


class Ended(NamedTuple):
    """A process that has ended."""

    code: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    """Return the variables of this process, without those that change what `weft` shows."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "MAKEFLAGS", "NO_COLOR", "TERM") and not name.startswith("WEFT_")
    }
    source = str(Path(weft_package.__file__).parents[1])  # the same code, from whatever directory
    return {**kept, "TERM": "xterm", "PYTHONPATH": source, **variables}


def weft(
    *args: str | bytes,
    cwd: Path,
    stdin: str | bytes = b"",
    env: Mapping[str, str] | None = None,
    **settings: Any,
) -> Ended:
    """Run `weft` to its end."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
    ran = subprocess.run(
        [*WEFT, *args],
        cwd=cwd,
        input=data,
        env=environment(**(env or {})),
        timeout=TIMEOUT_S,
        check=False,
        **settings,
    )
    return Ended(ran.returncode, (ran.stdout or b"").decode(), (ran.stderr or b"").decode())


def start(*args: str, cwd: Path, **settings: Any) -> subprocess.Popen[str]:
    """Start `weft` in a session of its own, as a terminal does."""
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
    return subprocess.Popen(
        [*WEFT, *args], cwd=cwd, env=environment(), text=True, start_new_session=True, **settings
    )


class Told:
    """A named pipe through which a task tells a line, such as its process id."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # For writing too: then there is always a writer, and reading never finds an end.
        self._fd = os.open(path, os.O_RDWR)

    def line(self) -> str:
        """Wait for the next line and return it."""
        told = b""
        while not told.endswith(b"\n"):
            assert select.select([self._fd], [], [], TIMEOUT_S)[0], "no task told anything"
            told += os.read(self._fd, 1)
        return told.decode().strip()

    def close(self) -> None:
        os.close(self._fd)


def ends(pid: int, within_s: float = 10.0) -> bool:
    """Tell whether the process has ended, or does so soon."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], within_s)[0])
    finally:
        os.close(fd)
