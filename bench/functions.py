"""(a) What does Weft add to a function that does nothing, against the idioms written by hand?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from _side_by_side import Goal, Table, medians, size_from_command_line, wall_s

import weft

THREADS = 8
AT_ONCE = 100


async def no_op(number: int) -> int:
    """Do nothing, as a coroutine."""
    return number


def no_op_in_thread(number: int) -> int:
    """Do nothing, in a thread."""
    return number


async def semaphore_and_gather(numbers: Iterable[int]) -> list[int]:
    """The idiom of the asyncio world: a semaphore around each call, and `gather` around all."""
    semaphore = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> int:
        async with semaphore:
            return await no_op(number)

    return await asyncio.gather(*(one(number) for number in numbers))


def _coroutines(table: Table, count: int, rounds: int) -> None:
    numbers = range(count)
    expected = list(numbers)

    def through_weft() -> None:
        assert weft.map(no_op, numbers, max_concurrent=AT_ONCE) == expected

    def by_hand() -> None:
        assert asyncio.run(semaphore_and_gather(numbers)) == expected

    reference = "asyncio.Semaphore + gather"
    mine = f"weft.map(max_concurrent={AT_ONCE})"
    measured = medians({reference: partial(wall_s, by_hand), mine: partial(wall_s, through_weft)}, rounds)
    table.section(f"{count:,} coroutines that do nothing")
    table.against(reference, measured, {mine: Goal("<=", 1.0)})


def _threads(table: Table, count: int, rounds: int) -> None:
    numbers = range(count)
    expected = list(numbers)

    def through_weft() -> None:
        assert weft.map(no_op_in_thread, numbers, max_concurrent=THREADS) == expected

    def by_hand() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            assert list(pool.map(no_op_in_thread, numbers)) == expected

    reference = f"ThreadPoolExecutor({THREADS}).map"
    mine = f"weft.map(max_concurrent={THREADS})"
    measured = medians({reference: partial(wall_s, by_hand), mine: partial(wall_s, through_weft)}, rounds)
    table.section(f"{count:,} functions that do nothing, in {THREADS} threads")
    table.against(reference, measured, {mine: Goal("<=", 1.3)})


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "")
    table = Table("Functions that do nothing")
    _coroutines(table, size.of(100_000, 200), size.rounds)
    _threads(table, size.of(50_000, 200), size.rounds)


if __name__ == "__main__":
    main()
