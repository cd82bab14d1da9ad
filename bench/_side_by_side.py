"""What all benchmarks share: interleaved rounds, medians, and a table that holds them against their goals.

Knows numbers and how they are printed. What is measured, and against what, each script says itself.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Literal, NamedTuple

Measure = Callable[[], float]


class Size(NamedTuple):
    """How thoroughly to measure; ``quick`` only shows that the script works."""

    rounds: int
    quick: bool

    def of(self, full: int, quick: int) -> int:
        """Return ``full``, or ``quick`` where speed is not the question."""
        return quick if self.quick else full


def size_from_command_line(question: str, *, rounds: int = 5) -> Size:
    """Read ``--rounds`` and ``--quick``; ``question`` is what ``--help`` shows."""
    parser = argparse.ArgumentParser(description=question)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each is measured (%(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, one round: the numbers mean nothing"
    )
    given = parser.parse_args()
    return Size(1 if given.quick else given.rounds, given.quick)


def wall_s(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes by the clock on the wall, started with little garbage about."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(contenders: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Measure A B C A B C ..., so that a machine which slows down does so for all."""
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            values[name].append(measure())
    return values


def medians(contenders: Mapping[str, Measure], rounds: int) -> dict[str, float]:
    """Return the median of what each contender measured, all measured in turns."""
    return {name: statistics.median(values) for name, values in in_turns(contenders, rounds).items()}


class Goal(NamedTuple):
    """What a number shall be at most, or at least."""

    sign: Literal["<=", ">="]
    bound: float
    unit: str = ""

    def is_met_by(self, value: float) -> bool:
        return value <= self.bound if self.sign == "<=" else value >= self.bound


class Table:
    """A printed table: one line per contender, and beside it what the number is held against."""

    def __init__(self, title: str) -> None:
        print(f"{title}\n{_here()}")
        print(f"\n{'':52}{'measured':>14}{'compared':>12}   goal")

    def section(self, title: str) -> None:
        """Begin a group of lines that belong together."""
        print(f"\n{title}")

    def line(self, name: str, measured: str, compared: float | None = None, goal: Goal | None = None) -> None:
        """Print one line; ``compared`` is the number that ``goal`` is about, most often a ratio."""
        unit = f" {goal.unit}" if goal is not None and goal.unit else ""
        held = "" if compared is None else f"{compared:.2f}{unit}"
        print(f"  {name:50}{measured:>14}{held:>12}{'' if compared is None else _verdict(compared, goal)}")

    def against(self, reference: str, measured: Mapping[str, float], goals: Mapping[str, Goal]) -> None:
        """Print seconds, and their ratio to those of ``reference``."""
        for name, seconds in measured.items():
            ratio = None if name == reference else seconds / measured[reference]
            self.line(name, f"{seconds:.3f} s", ratio, goals.get(name))


def _verdict(compared: float, goal: Goal | None) -> str:
    if goal is None:
        return ""
    word = "met" if goal.is_met_by(compared) else "MISSED"
    return f"   {goal.sign} {goal.bound:g}{' ' if goal.unit else ''}{goal.unit}: {word}"


def _here() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{date.today()}, {python}, {_processor()}, {os.cpu_count()} cores, {platform.system()}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
