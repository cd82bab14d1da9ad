"""(h) What does the journal add? Of the room alone: facts as runs make them are recorded, nothing is run.

So this tells the price of a turn and of a task. What it adds to a run's time is to be seen in runs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from _side_by_side import Goal, Table, in_turns, size_from_command_line, wall_s

from weft.journal.durations import Durations
from weft.journal.reader import JournalReader
from weft.journal.writer import Header, JournalWriter
from weft.model.attempt import Attempt
from weft.model.outcome import Succeeded
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact, RunEnded, TaskAdded, TaskEnded
from weft.scheduling.states import RunState

AT_ONCE = 100
COMMANDS_AT_ONCE = 4
US = 1e6

Turns = list[Sequence[Fact]]


def turns_of(n_tasks: int, at_once: int, per_turn: int) -> Turns:
    """Return the turns of a run in which ``per_turn`` tasks end in each, and as many start."""
    added: list[Fact] = [TaskAdded(0.0, task, f"no_op[{task}]") for task in range(n_tasks)]
    turns: Turns = [[*added, *(AttemptStarted(0.1, Attempt(task)) for task in range(min(at_once, n_tasks)))]]
    for first in range(0, n_tasks, per_turn):
        at = 1.0 + first / 3000
        ends = range(first, min(first + per_turn, n_tasks))
        starts = range(first + at_once, min(first + at_once + per_turn, n_tasks))
        turn = [fact for task in ends for fact in _end(at, task)]
        turns.append([*turn, *(AttemptStarted(at, Attempt(task)) for task in starts)])
    turns.append([RunEnded(1.0 + n_tasks / 3000, RunState.SUCCEEDED)])
    return turns


def _end(at: float, task: int) -> Iterator[Fact]:
    outcome = Succeeded(task)
    yield AttemptEnded(at, Attempt(task), outcome)
    yield TaskEnded(at, task, outcome)


class Bench:
    """Records runs, one after the other, in a journal of its own each time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "weft.db"
        self.slowest_s: list[float] = []  # turn of each run, without the first, which adds all tasks

    def record(self, turns: Turns, *, learns: bool) -> float:
        """Return the seconds from the opening of the journal to its end."""
        for path in self.path.parent.iterdir():
            path.unlink()
        slowest = 0.0

        def run() -> None:
            nonlocal slowest
            writer = JournalWriter(self.path, Header("r1", 0.0), learns=learns)
            writer.append(turns[0])
            for turn in turns[1:]:
                start = time.perf_counter()
                writer.append(turn)
                slowest = max(slowest, time.perf_counter() - start)
            writer.close()

        seconds = wall_s(run)
        self.slowest_s.append(slowest)
        return seconds

    def read(self, ask: Callable[[JournalReader], object]) -> float:
        """Return the seconds from the opening of the journal to the answer."""

        def read() -> None:
            reader = JournalReader.open(self.path, lambda owner: None)
            assert reader is not None
            assert ask(reader)
            reader.close()

        return wall_s(read)


def outcomes(reader: JournalReader) -> int:
    """Read all of the last run."""
    return len(reader.outcomes(reader.runs(1)[0]))


def durations(n_tasks: int, reader: JournalReader) -> Durations:
    """Ask how long the tasks of the last run took."""
    return reader.durations([f"no_op[{task}]" for task in range(n_tasks)])


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "")
    n_calls, n_commands = size.of(100_000, 200), size.of(5_000, 50)
    calls = turns_of(n_calls, AT_ONCE, AT_ONCE)
    commands = turns_of(n_commands, COMMANDS_AT_ONCE, 1)
    table = Table("The journal alone: facts are recorded, nothing is run")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name, turns, n, learns in (
            (f"{n_calls:,} calls, {AT_ONCE} end and start in a turn", calls, n_calls, False),
            (f"{n_commands:,} commands, one ends and starts in a turn", commands, n_commands, True),
        ):
            bench.slowest_s.clear()
            found = in_turns({"record": partial(bench.record, turns, learns=learns)}, size.rounds)
            each_us = statistics.median(found["record"]) / n * US
            table.section(name)
            # 12 us is the goal for calls. 1.3 times the time of commands, which take 250 us, allows 75 us.
            goal = Goal("<=", 12 if turns is calls else 75, "us")
            table.line("per task", f"{each_us:.1f} us", each_us, goal)
            table.line("the slowest turn of a run", f"{statistics.median(bench.slowest_s) * 1e3:.1f} ms")
            read_ms = bench.read(outcomes) * 1e3
            table.line("reading all of it back", f"{read_ms:.0f} ms")
            if learns:
                table.line("what the tasks took", f"{bench.read(partial(durations, n)) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
