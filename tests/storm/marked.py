"""Finds the processes of a run, whoever their parent is by now, by a variable that they have inherited."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

VARIABLE = "WEFT_STORM"


def new_mark() -> str:
    """Return a value of the variable that no other run has."""
    return uuid.uuid4().hex


def alive(mark: str) -> dict[int, str]:
    """The processes that bear ``mark``, each with its command line. Zombies run no more."""
    wanted = f"{VARIABLE}={mark}".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name != str(os.getpid()) and wanted in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # gone by now, or none of ours
    return found
