from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO, TextIOWrapper
from typing import TextIO

import pytest
from rich.console import Console
from tests.live.screen import screen
from tests.live.written import written

from weft.live.choose import open_display
from weft.live.kinds import DisplayKind
from weft.live.output import OutputMode, open_output
from weft.live.region import Drawn, Region
from weft.live.streams import Streams
from weft.live.tty import TtyDisplay
from weft.model.attempt import Attempt
from weft.model.outcome import Failed, Succeeded
from weft.model.reason import Exited, LockHeld, PoolFull
from weft.runtime.layout import RunFolder
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact, RunInterrupted, TaskAdded, TaskEnded
from weft.scheduling.states import RunState
from weft.scheduling.waiting import Queue
from weft.views.report import Report

Golden = Callable[[str, str], None]


class Window:
    """A display in a terminal of a fixed size, with a clock that stands still."""

    def __init__(
        self,
        columns: int = 80,
        rows: int = 24,
        *,
        folder: RunFolder | None = None,
        mode: OutputMode = OutputMode.GROUP,
        verbose: bool = False,
        queues: Sequence[Queue] = (),
    ) -> None:
        self.columns, self.rows = columns, rows
        self.now = 100.0
        self.stream = TextIOWrapper(BytesIO(), encoding="utf-8")
        streams = Streams(self.stream, self.stream)
        console = Console(
            file=self.stream,
            force_terminal=True,
            color_system="standard",
            no_color=False,
            width=columns,
            height=rows,
        )
        self.display = TtyDisplay(
            streams,
            open_output(mode, streams, folder, lambda task: True),
            folder,
            verbose=verbose,
            console=console,
            clock=lambda: self.now,
            queues=lambda: queues,
        )

    def show(self, facts: Sequence[Fact], *, until: float) -> None:
        """Play the facts that have happened by ``until``, and tick."""
        self.display.show([fact for fact in facts if self.now <= fact.at <= until])
        self.now = until
        self.display.tick()

    @property
    def written(self) -> str:
        return written(self.stream).decode()

    def __str__(self) -> str:
        return screen(self.written, self.columns, self.rows)


def running(n_tasks: int, n_running: int) -> list[Fact]:
    facts: list[Fact] = [TaskAdded(100.0, task, f"task {task}") for task in range(n_tasks)]
    return facts + [AttemptStarted(100.0, Attempt(task)) for task in range(n_running)]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_a_run_at_its_start_in_its_middle_and_at_its_end(
    columns: int, rows: int, facts: Sequence[Fact], report: Report, folder: RunFolder, golden: Golden
) -> None:
    window = Window(columns, rows, folder=folder)
    window.display.show([fact for fact in facts if fact.at == 100.0])
    window.now = 100.1
    window.display.tick()
    golden(f"tty_{columns}x{rows}_start.txt", str(window))
    window.now = 100.2
    window.show(facts, until=163.0)
    golden(f"tty_{columns}x{rows}_middle.txt", str(window))
    window.now = 163.1
    window.show(facts, until=166.0)
    window.display.finish(report)
    window.display.close()
    golden(f"tty_{columns}x{rows}_end.txt", str(window))


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50), (30, 5), (10, 2), (1, 1)])
def test_the_region_fits_the_window_and_tells_how_many_it_leaves_out(columns: int, rows: int) -> None:
    window = Window(columns, rows)
    window.show(running(1000, 100), until=101.0)
    lines = str(window).splitlines()[1:-1]
    assert len(lines) == max(1, rows - 1)
    assert all(len(line) < columns for line in lines if columns > 1)
    if rows > 3:
        assert f"and {100 - (rows - 3)} more"[: columns - 12] in lines[-2]


def test_all_running_tasks_are_shown_where_there_is_just_room_for_them() -> None:
    window = Window(80, 24)
    window.show(running(22, 22), until=101.0)
    assert str(window).count("task ") == 22
    assert "more" not in str(window)


def test_it_is_told_how_many_tasks_wait_at_which_gate(golden: Golden) -> None:
    queues = [Queue(120, PoolFull("gpu", 0, 1)), Queue(3, LockHeld("tree", ("build",)))]
    window = Window(queues=queues)
    window.show(running(200, 4), until=103.0)
    golden("tty_waiting.txt", str(window))


@pytest.mark.parametrize("rows", [2, 5, 6, 12])
def test_what_runs_has_more_room_than_what_waits(rows: int) -> None:
    window = Window(80, rows, queues=[Queue(9, PoolFull(name, 0, 1)) for name in "abc"])
    window.show(running(100, 50), until=101.0)
    lines = str(window).splitlines()[1:-1]
    assert len(lines) == rows - 1
    assert sum("waiting" in line for line in lines) <= sum("task " in line for line in lines)


def test_nothing_is_drawn_by_facts_alone() -> None:
    window = Window()
    for number in range(1000):
        window.display.show([TaskAdded(100.0, number, f"t{number}")])
    assert window.written == ""
    window.display.tick()
    assert window.written.count("0/1000") == 1


def test_a_failure_stands_above_the_region_as_soon_as_it_comes() -> None:
    window = Window()
    failed = Failed(Exited(3))
    ended: list[Fact] = [AttemptEnded(101.0, Attempt(0), failed), TaskEnded(101.0, 0, failed)]
    window.show(running(3, 2), until=100.5)
    window.show(ended, until=102.0)
    rows = str(window).splitlines()
    assert rows[1] == "task 0 failed: exit code 3 (1.0 s)"
    assert rows[2].split() == ["0:02", "task", "1"]
    assert "1 failed" in rows[3]


def test_a_run_in_trouble_tells_what_goes_wrong_and_counts_what_backs_off(
    trouble: Sequence[Fact], bad_report: Report, golden: Golden
) -> None:
    window = Window(100, 60)
    window.now = 6.5
    window.display.show([fact for fact in trouble if fact.at <= 6.5])
    window.display.tick()
    assert "3 backing off" in str(window)
    golden("tty_trouble_middle.txt", str(window))
    window.now = 6.6
    window.show(trouble, until=20.0)
    assert "ending" in str(window)
    window.display.finish(bad_report)
    golden("tty_trouble_end.txt", str(window))


def test_starts_and_ends_are_lines_for_those_who_ask() -> None:
    window = Window(verbose=True)
    ended: list[Fact] = [AttemptEnded(100.0, Attempt(0), Succeeded()), TaskEnded(100.0, 0, Succeeded())]
    window.show([*running(1, 1), *ended], until=101.0)
    assert str(window).splitlines()[1:3] == ["task 0 started", "task 0 succeeded (0.00 s)"]


def test_an_interrupted_run_says_that_it_is_ending() -> None:
    window = Window()
    window.show([*running(1, 1), RunInterrupted(100.0, 2)], until=101.0)
    assert "ending" in str(window)


@pytest.mark.parametrize("mode", OutputMode)
def test_output_without_a_last_line_break_does_not_run_into_the_region(
    mode: OutputMode, folder: RunFolder
) -> None:
    window = Window(folder=folder, mode=mode)
    folder.stdout("task 0").parent.mkdir()
    folder.stdout("task 0").write_bytes(b"first\nhalf")
    ended: list[Fact] = [AttemptEnded(101.0, Attempt(0), Succeeded()), TaskEnded(101.0, 0, Succeeded())]
    window.show(running(2, 2), until=100.5)
    window.show(ended, until=102.0)
    rows = [row.removeprefix("task 0 | ") for row in str(window).splitlines()]
    above = {"group": ["── task 0 ──", "first", "half"]}.get(mode.value, ["first", "half"])
    assert rows[1 : 1 + len(above)] == above
    assert rows[1 + len(above)].split() == ["0:02", "task", "1"]


def test_results_may_be_written_between_the_output_of_tasks_and_the_summary(folder: RunFolder) -> None:
    window = Window(folder=folder)
    window.show([TaskAdded(100.0, 0, "fetch"), AttemptStarted(100.0, Attempt(0))], until=100.5)
    window.display.show([AttemptEnded(101.0, Attempt(0), Succeeded()), TaskEnded(101.0, 0, Succeeded())])
    window.display.close()
    window.stream.write("| a table |\n")
    window.stream.flush()
    window.display.finish(Report(RunState.SUCCEEDED, {"fetch": Succeeded()}, seconds=1.0))
    shown = str(window).splitlines()[1:-1]
    assert shown[:4] == ["── fetch ──", "fetched 3 pages", "| a table |", "1 task in 1.0 s: 1 succeeded"]


def test_close_takes_the_region_away_and_may_be_called_twice() -> None:
    window = Window()
    window.show(running(5, 5), until=101.0)
    window.display.close()
    window.display.close()
    assert str(window).strip("═\n") == ""
    assert "\x1b[?" not in window.written  # no mode of the terminal was touched


def test_a_window_that_has_become_narrower_is_cleared_of_folded_lines() -> None:
    written: list[str] = []
    region = Region(written.append)
    region.draw([Drawn("x" * 70, 70), Drawn("y" * 20, 20), Drawn("", 0)], 80)
    region.draw([Drawn("z", 1)], 40)
    assert written[-1].startswith("\r\x1b[3A")  # 2 + 1 + 1 rows, of which the last holds the cursor


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, TextIO]]:
    """A pseudo-terminal: its far end, and the stream that writes into it."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    far, near = os.openpty()
    resize(near, 80, 24)
    with open(near, "w", encoding="utf-8") as stream:
        yield far, stream
    os.close(far)


def resize(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def arrived(terminal: tuple[int, TextIO]) -> str:
    """Return all that has been written since; a terminal may hand it over in pieces."""
    far, stream = terminal
    end = "\N{END OF PROOF}"
    stream.write(end)
    stream.flush()
    data = b""
    while not data.endswith(end.encode()):
        data += os.read(far, 1 << 16)
    return data.decode().removesuffix(end)


def test_a_real_terminal_is_followed_when_its_size_changes(terminal: tuple[int, TextIO]) -> None:
    stream = terminal[1]
    display = open_display(DisplayKind.TTY, stdout=stream, stderr=stream)
    display.show(running(40, 40))
    display.tick()
    narrow = arrived(terminal)
    assert "and 19 more" in narrow
    assert narrow.count("━") == 26
    resize(stream.fileno(), 120, 12)
    display.tick()
    wide = arrived(terminal)
    assert "and 31 more" in wide
    assert wide.count("━") == 40
    resize(stream.fileno(), 20, 60)
    display.tick()
    assert "more" not in arrived(terminal)
    display.close()
    assert arrived(terminal).endswith("\x1b[J")


def test_what_functions_print_stands_above_the_region(
    terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = terminal[1]
    monkeypatch.setattr(sys, "stdout", stream)
    display = open_display(DisplayKind.TTY, stdout=stream, stderr=stream)
    display.show(running(1, 1))
    display.tick()
    drawn = arrived(terminal)
    sys.stdout.write("whole line\nhalf ")
    display.tick()
    drawn += arrived(terminal)
    assert screen(drawn, 80, 24).splitlines()[1:3] == ["whole line", "    0:00  task 0"]
    sys.stdout.write("line")
    display.close()
    drawn += arrived(terminal)
    assert screen(drawn, 80, 24).splitlines()[1:3] == ["whole line", "half line"]
    assert sys.stdout is stream
