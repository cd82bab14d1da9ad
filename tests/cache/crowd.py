"""Many processes on one cache, each killed at some moment and followed by another one.

Run as a program, for it forks: `crowd.py FOLDER SECONDS`. Prints a line for whatever should never be, and at
the end how many were killed and how many results were used again.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from tests.cache.project import Project, write

from weft.cache.prune import prune, verify
from weft.cache.store import Hit, Kept, Miss, Replay, Store
from weft.model.sentences import sentence
from weft.model.work import Command

N_PROCESSES = 8
N_TASKS = 6
MOST_S = 0.1  # that one of them lives on after another one was killed


def main(folder: Path, duration_s: float) -> None:
    said = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    used = os.open(folder / "used", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    chance = random.Random(1)
    children = [begin(folder, number, number, said, used) for number in range(N_PROCESSES)]
    n_killed = 0
    end = time.monotonic() + duration_s
    while time.monotonic() < end:
        time.sleep(chance.uniform(0, MOST_S))
        number = chance.randrange(N_PROCESSES)
        kill(children[number])
        n_killed += 1
        children[number] = begin(folder, number, 100 + n_killed, said, used)
    for child in children:
        kill(child)
    sys.stdout.write((folder / "said").read_text())
    sys.stdout.write(f"killed {n_killed}, used again {(folder / 'used').stat().st_size}\n")


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def begin(folder: Path, number: int, seed: int, said: int, used: int) -> int:
    child = os.fork()
    if not child:
        try:
            live(folder, number, seed, said, used)
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is to be told
            os.write(said, f"raised {error!r}\n".encode())
            os._exit(1)
    return child


def live(folder: Path, number: int, seed: int, said: int, used: int) -> NoReturn:
    chance = random.Random(seed)
    project = Project(folder / f"plan{number}")
    project.declare(restore=True)
    project.store = Store(folder / "cache")
    while True:
        write(project.root, "src/a", chance.choice("xy") * 3000)
        project.command = Command(f"task {chance.randrange(N_TASKS)}")
        once(project, said, used)
        if chance.random() < 0.05:
            prune(project.store.shelf, size_bytes=chance.choice([0, 10_000, 30_000]))
        if chance.random() < 0.02:
            for digest in verify(project.store.shelf).corrupt:
                os.write(said, f"corrupt {digest}\n".encode())
        if chance.random() < 0.05:
            project.store.close()


def once(project: Project, said: int, used: int) -> None:
    verdict = project.look_up()
    replay = project.store.use(verdict, project.look()) if isinstance(verdict, Hit) else verdict
    if isinstance(replay, Miss):
        kept = project.run()
        if not isinstance(kept, Kept):
            os.write(said, f"not kept: {sentence(kept)}\n".encode())
    elif replay == Replay({"n": 3}, {}):
        os.write(used, b"!")
    else:
        os.write(said, f"another result: {replay}\n".encode())
    for path, content in project.expected().items():
        if (project.root / path).read_text() != content:
            os.write(said, f"stale: {path}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
