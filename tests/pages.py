"""Carries out what a page of the docs shows: its files are written, its commands run in a shell.

Which pages there are is known to the tests. What is measured, and so differs from run to run, is
not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from tests.cli.process import TIMEOUT_S, WEFT, environment

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*\n)", re.MULTILINE)
# How long a task took, how long the run took; moments and waits of one task; when a run was, and its name;
# how large a workspace is.
MEASURED = re.compile(
    r"(?<=\()[\d.]+ s(?=\)$)|(?<= in )[\d.]+ s(?=:)|(?<=after )[\d.]+ s$"
    r"|^ +[\d.]+ s(?=  )|(?<=waited )[\d.]+ s|[\d.]+ s(?= old$)"
    r"|(?<=, )[\d.]+ B\b|[\d-]{10} [\d:]{8}|\d{8}-\d{6}-[0-9a-f]{6}",
    re.MULTILINE,
)
# The file that a block of this kind stands for; the last one above a command counts.
FILES = {"yaml": "weft.yaml", "python": "script.py"}


def programs(folder: Path) -> Path:
    """Return a directory in which `weft` and `python` are those of these tests."""
    folder.mkdir()
    for name, command in {"weft": WEFT, "python": WEFT[:1]}.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return folder


def _carry_out(command: str, folder: Path, path: str) -> tuple[str, int]:
    """Return what a command has written, on both streams, and what a shell says of its exit code."""
    ran = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment(COLUMNS="80", PATH=path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S,
        check=False,
    )
    code = ran.returncode if ran.returncode >= 0 else 128 - ran.returncode
    return ran.stdout.decode(), code


def show(console: str, folder: Path, path: str) -> str:
    """Carry out the commands of a block, and return it as it looks then."""
    shown, code = "", 0
    for line in COMMAND.findall(console):
        shown += f"$ {line}"
        if line == "echo $?\n":
            shown += f"{code}\n"
            continue
        out, code = _carry_out(line, folder, path)
        shown += out
    return shown


def carry_out(page: str, folder: Path) -> tuple[list[str], list[str]]:
    """Return the blocks with commands as they stand on a page, and as they look when they are carried out."""
    here = folder / "page"
    here.mkdir()
    path = os.pathsep.join([str(programs(folder / "programs")), os.environ.get("PATH", os.defpath)])
    written, shown = [], []
    for kind, text in BLOCK.findall(page):
        if kind in FILES:
            (here / FILES[kind]).write_text(text, encoding="utf-8")
        elif kind == "console":
            written.append(masked(text))
            shown.append(masked(show(text, here, path)))
    assert written, "no command on the page"
    return written, shown


def masked(text: str) -> str:
    """Return ``text`` without what is measured."""
    return MEASURED.sub("…", text)
