"""(e) How much memory do a million calls need, and how much a task that waits?

Each is measured in a fresh process, which is this script with ``--inside``.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from _side_by_side import Goal, Table, medians, size_from_command_line

import weft

INSIDE = "--inside"
MB = 1e6


async def no_op(number: int) -> None:
    """Do nothing, and leave no result that would count."""


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


def _peak_bytes() -> float:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024)


def _resident_bytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def through_map(count: int) -> float:
    """Return the peak of this process after a map over ``count`` numbers that nobody holds."""
    results = weft.map(no_op, (number for number in range(count)), max_concurrent=100)
    assert len(results) == count
    return _peak_bytes()


def imported(count: int) -> float:
    """Return the peak of this process when it has done next to nothing."""
    return through_map(1)


def waiting(count: int, *, for_task: bool) -> float:
    """Return the bytes per task that waits for another task, or for a slot that one holds."""

    async def measure() -> float:
        event = asyncio.Event()
        async with weft.Engine(max_concurrent=1) as engine:
            blocked = engine.submit(_wait_for, event)
            await asyncio.sleep(0)
            before = _resident_bytes()
            needs = [blocked] if for_task else []
            handles = [engine.submit(no_op, number, needs=needs) for number in range(count)]
            await asyncio.sleep(0)  # the turn that takes them in
            await asyncio.sleep(0)
            grown = _resident_bytes() - before
            assert all(engine.waiting(handle) for handle in handles[:: count // 10])
            event.set()
        return grown / count

    return asyncio.run(measure())


INSIDES: dict[str, Callable[[int], float]] = {
    "imported": imported,
    "map": through_map,
    "for-task": partial(waiting, for_task=True),
    "for-slot": partial(waiting, for_task=False),
}


def _in_fresh_process(what: str, count: int) -> float:
    command = [sys.executable, __file__, INSIDE, what, str(count)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == [INSIDE]:
        print(INSIDES[sys.argv[2]](int(sys.argv[3])))
        return
    size = size_from_command_line(__doc__ or "", rounds=3)
    n_calls, n_waiting = size.of(1_000_000, 1_000), size.of(100_000, 1_000)
    counts = {"imported": 1, "map": n_calls, "for-task": n_waiting, "for-slot": n_waiting}
    found = medians({what: partial(_in_fresh_process, what, n) for what, n in counts.items()}, size.rounds)
    table = Table("Memory")
    table.section("resident memory at its peak")
    table.line("a map over one item", f"{found['imported'] / MB:.1f} MB")
    peak = found["map"] / MB
    table.line(f"a map over {n_calls:,} items of a generator", f"{peak:.1f} MB", peak, Goal("<=", 200, "MB"))
    table.section(f"per task, {n_waiting:,} of them waiting in an Engine")
    for what, name in (("for-task", "for a task to end"), ("for-slot", "for a slot")):
        table.line(name, f"{found[what]:.0f} bytes", found[what] / 1024, Goal("<=", 1.5, "KB"))


if __name__ == "__main__":
    main()
