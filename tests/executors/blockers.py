"""Work that begins, says so, and goes on until the test lets it: for every kind of executor."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Protocol

from weft.executors.base import Invocation


class Blocker(Protocol):
    job: Invocation

    async def begun(self) -> None: ...
    async def release(self) -> None: ...


class InLoop:
    """For coroutines: two events."""

    def __init__(self, folder: Path) -> None:
        self._begun, self._go = asyncio.Event(), asyncio.Event()
        self.job = Invocation(self._work)

    async def _work(self) -> str:
        self._begun.set()
        await self._go.wait()
        return "released"

    async def begun(self) -> None:
        await self._begun.wait()

    async def release(self) -> None:
        self._go.set()


class OverPipes:
    """For threads and processes: two named pipes, held open here so that only reading ever waits."""

    def __init__(self, folder: Path) -> None:
        begun, go = folder / "begun", folder / "go"
        self._begun, self._go = (open_pipe(path) for path in (begun, go))
        self.job = Invocation(say_and_wait, (begun, go))

    def __del__(self) -> None:
        os.close(self._begun)
        os.close(self._go)

    async def begun(self) -> None:
        loop = asyncio.get_running_loop()
        said = asyncio.Event()
        loop.add_reader(self._begun, said.set)
        await said.wait()
        loop.remove_reader(self._begun)

    async def release(self) -> None:
        os.write(self._go, b"released\n")


def open_pipe(path: Path) -> int:
    os.mkfifo(path)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def say_and_wait(begun: Path, go: Path) -> str:
    begun.write_text("begun")
    with go.open() as answers:
        return answers.readline().strip()
