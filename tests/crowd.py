"""A crowd: many real processes that do the same at once, and can be killed in the middle of it.

A script forks them, as forty interpreters take long to start. Each says when it is `ready`, begins with the
others, and tells what it does in lines on standard output. Nobody waits for those that have ended: they are
zombies until the script is killed.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Crowd:
    """Members of one crowd that were not killed, and what they tell."""

    def __init__(self, script: subprocess.Popen[str], n: int) -> None:
        self.script = script
        lines = [self.next() for _ in range(n)]
        assert {line[0] for line in lines} == {"ready"}, lines
        self.members = [int(pid) for *_, pid in lines]

    def begin(self) -> None:
        assert self.script.stdin is not None
        self.script.stdin.close()

    def next(self) -> list[str]:
        """The next line in words: what happened, and the process id at the end."""
        assert self.script.stdout is not None
        words = self.script.stdout.readline().split()
        assert words[:1] not in ([], ["broken"]), words
        return words

    def told(self) -> Iterator[list[str]]:
        """All lines until all members have ended."""
        n_ended = 0
        while n_ended < len(self.members):
            words = self.next()
            n_ended += words[0] == "ended"
            yield words

    def kill(self, pid: int) -> None:
        handle = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        select.select([handle], [], [])  # until it is dead
        os.close(handle)
        self.members.remove(pid)


@contextmanager
def crowd(script: Path, member: str, n: int, *arguments: int | Path) -> Iterator[Crowd]:
    """Start ``n`` times this ``member`` of a script, and kill what is left of them at the end."""
    with subprocess.Popen(
        [sys.executable, str(script), member, str(n), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            yield Crowd(process, n)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


# In the script


def fork(*members: Callable[..., object]) -> None:
    """Become the crowd that the command line asks for, of one of these ``members``."""
    name, n, *arguments = sys.argv[1:]
    member = next(each for each in members if each.__name__ == name)
    for _ in range(int(n)):
        if os.fork() == 0:
            try:
                member(*[int(each) if each.isdecimal() else Path(each) for each in arguments])
                tell("ended")
            except BaseException:  # noqa: BLE001  # whatever it is must reach the test
                tell("broken", repr(traceback.format_exc()))
            finally:
                os._exit(0)
    signal.pause()


def ready() -> None:
    """Say so, and wait until all may begin."""
    tell("ready")
    os.read(0, 1)


def tell(*words: object) -> None:
    os.write(1, f"{' '.join(map(str, words))} {os.getpid()}\n".encode())  # one write: lines don't mix
