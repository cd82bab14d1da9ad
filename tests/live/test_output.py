from __future__ import annotations

from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.written import written

from weft.live.output import PIECE_BYTES, Output, OutputMode, open_output
from weft.live.streams import Streams
from weft.runtime.layout import RunFolder


class Shown:
    """Two streams, apart or to one place, the output shown on them, and tasks that write."""

    def __init__(self, mode: OutputMode, path: Path, *, together: bool = True, hidden: str = "") -> None:
        self.folder = RunFolder(path)
        self.stdout = TextIOWrapper(BytesIO(), encoding="utf-8")
        self.stderr = self.stdout if together else TextIOWrapper(BytesIO(), encoding="utf-8")
        self.streams = Streams(self.stdout, self.stderr)
        self.output: Output = open_output(mode, self.streams, self.folder, lambda task: task != hidden)

    def write(self, task: str, data: bytes, *, stderr: bool = False) -> None:
        path = self.folder.stderr(task) if stderr else self.folder.stdout(task)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)

    def out(self) -> bytes:
        return self._bytes(self.stdout)

    def err(self) -> bytes:
        return self._bytes(self.stderr)

    def _bytes(self, stream: TextIOWrapper) -> bytes:
        self.streams.flush()
        return written(stream)


def test_a_group_is_shown_whole_when_its_task_ends(tmp_path: Path) -> None:
    shown = Shown(OutputMode.GROUP, tmp_path)
    for task in ("a", "b"):
        shown.output.started(task)
    for line in (b"1\n", b"2\n"):
        for task in ("a", "b"):
            shown.write(task, task.encode() + line)
            shown.output.tick()
    assert shown.out() == b""
    shown.output.ended("b")
    shown.output.ended("a")
    assert shown.out().decode() == "── b ──\nb1\nb2\n── a ──\na1\na2\n"


def test_a_task_that_wrote_nothing_has_no_header(tmp_path: Path) -> None:
    shown = Shown(OutputMode.GROUP, tmp_path)
    shown.write("empty", b"")
    shown.output.ended("empty")
    shown.output.ended("never began")
    assert shown.out() == b""


def test_a_half_line_never_joins_the_next_task(tmp_path: Path) -> None:
    shown = Shown(OutputMode.GROUP, tmp_path)
    for task in ("a", "b"):
        shown.write(task, b"no end")
        shown.write(task, b"nor here", stderr=True)
        shown.output.ended(task)
    assert shown.out().decode() == "── a ──\nno end\nnor here\n── b ──\nno end\nnor here"


def test_output_and_errors_of_a_task_stay_on_their_streams(tmp_path: Path) -> None:
    shown = Shown(OutputMode.GROUP, tmp_path, together=False)
    shown.write("a", b"result")
    shown.write("a", b"warning\n", stderr=True)
    shown.output.ended("a")
    assert shown.out() == b"result"
    assert shown.err().decode() == "── a ──\nwarning\n"


def test_results_come_from_the_last_attempt_alone_where_the_output_is_grouped(tmp_path: Path) -> None:
    shown = Shown(OutputMode.GROUP, tmp_path, together=False)
    shown.output.started("a")
    shown.write("a", b"half of it\n")
    shown.write("a", b"no network\n", stderr=True)
    shown.output.retried("a")
    for path in (shown.folder.stdout("a"), shown.folder.stderr("a")):
        path.unlink()
    shown.output.started("a")
    shown.write("a", b"all of it\n")
    shown.output.ended("a")
    assert shown.out() == b"all of it\n"
    assert shown.err().decode() == "── a ──\nhalf of it\nno network\n── a ──\n"


@pytest.mark.parametrize("mode", [OutputMode.PREFIXED, OutputMode.INTERLEAVED])
def test_the_last_words_of_an_attempt_are_shown_before_the_next_one(mode: OutputMode, tmp_path: Path) -> None:
    shown = Shown(mode, tmp_path)
    shown.output.started("a")
    shown.write("a", b"half a line")
    shown.output.retried("a")
    shown.folder.stdout("a").unlink()
    shown.output.started("a")
    shown.write("a", b"again\n")
    shown.output.ended("a")
    assert shown.out().decode().replace("a | ", "") == "half a line\nagain\n"


@pytest.mark.parametrize("mode", OutputMode)
def test_what_is_taken_as_a_result_is_not_shown(mode: OutputMode, tmp_path: Path) -> None:
    shown = Shown(mode, tmp_path, together=False, hidden="a")
    shown.output.started("a")
    shown.write("a", b"[1, 2]\n")
    shown.write("a", b"warning\n", stderr=True)
    shown.output.tick()
    shown.output.ended("a")
    assert shown.out() == b""
    assert shown.err().endswith(b"warning\n")


@pytest.mark.parametrize("mode", [OutputMode.GROUP, OutputMode.INTERLEAVED])
def test_binary_output_passes_unharmed_however_large(mode: OutputMode, tmp_path: Path) -> None:
    data = bytes(range(256)) * (PIECE_BYTES // 256 * 3 + 1) + b"\xff\xfe\x00"
    shown = Shown(mode, tmp_path, together=False)
    shown.output.started("a")
    shown.write("a", data[:1000])
    shown.output.tick()
    shown.write("a", data[1000:])
    shown.output.tick()
    shown.output.ended("a")
    assert shown.out() == data


def test_a_prefix_names_the_task_of_each_line_and_half_lines_are_kept_back(tmp_path: Path) -> None:
    shown = Shown(OutputMode.PREFIXED, tmp_path)
    for task in ("a", "b"):
        shown.output.started(task)
    shown.write("a", b"one\ntw")
    shown.output.tick()
    assert shown.out() == b"a | one\n"
    shown.write("b", b"half")
    shown.output.tick()
    shown.write("a", b"o\n\nthree")
    shown.output.tick()
    assert shown.out() == b"a | one\na | two\na | \n"
    shown.output.ended("a")
    shown.output.ended("b")
    assert shown.out() == b"a | one\na | two\na | \na | three\nb | half"


def test_interleaved_lines_come_as_they_are(tmp_path: Path) -> None:
    shown = Shown(OutputMode.INTERLEAVED, tmp_path)
    for task in ("a", "b"):
        shown.output.started(task)
    shown.write("a", b"a1\na2")
    shown.write("b", b"b1\n")
    shown.output.tick()
    shown.output.ended("a")
    shown.output.ended("b")
    assert shown.out() == b"a1\nb1\na2"


def test_a_log_that_begins_anew_is_shown_from_its_begin(tmp_path: Path) -> None:
    shown = Shown(OutputMode.INTERLEAVED, tmp_path)
    shown.output.started("a")
    shown.write("a", b"first attempt\n")
    shown.output.tick()
    shown.folder.stdout("a").write_bytes(b"second\n")
    shown.output.tick()
    assert shown.out() == b"first attempt\nsecond\n"


def test_a_line_longer_than_what_is_read_at_once_gets_one_prefix(tmp_path: Path) -> None:
    line = b"x" * (2 * PIECE_BYTES + 7)
    shown = Shown(OutputMode.PREFIXED, tmp_path)
    shown.output.started("a")
    shown.write("a", line)
    shown.output.tick()
    assert shown.out() == b""
    shown.write("a", b"\nshort\n")
    shown.output.tick()
    assert shown.out() == b"a | " + line + b"\na | short\n"


def test_an_odd_name_breaks_no_line(tmp_path: Path) -> None:
    shown = Shown(OutputMode.GROUP, tmp_path)
    shown.write("a\nb\x1b[31m", b"text\n")
    shown.output.ended("a\nb\x1b[31m")
    assert shown.out().decode() == "── a b\\x1b[31m ──\ntext\n"


def test_an_output_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    shown = Shown(OutputMode.GROUP, tmp_path)
    shown.folder.stdout("a").mkdir(parents=True)
    shown.output.ended("a")
    assert b"can't show" in shown.out()


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.booleans(), st.text("xy\n", max_size=8), st.booleans()),
        max_size=30,
    )
)
def test_lines_of_concurrent_tasks_are_never_mixed_nor_lost(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[str, bool, str, bool]]
) -> None:
    shown = Shown(OutputMode.PREFIXED, tmp_path_factory.mktemp("run"))
    texts = {"a": ["", ""], "b": ["", ""]}
    for task in texts:
        shown.output.started(task)
    for task, stderr, text, tick in writes:
        shown.write(task, text.encode(), stderr=stderr)
        texts[task][stderr] += text
        if tick:
            shown.output.tick()
    for task in texts:
        shown.output.ended(task)
    lines = shown.out().decode().splitlines()
    for task, mine in texts.items():
        seen = sorted(line.removeprefix(f"{task} | ") for line in lines if line.startswith(f"{task} | "))
        assert seen == sorted(line for text in mine for line in text.splitlines())
