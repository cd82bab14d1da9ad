"""Standard streams that are closed, gone, full, or a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.process import TIMEOUT_S, WEFT, environment, weft

PlanIn = Callable[..., Path]


@pytest.fixture
def gone() -> int:
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("args", [("graph",), ("check",), ("check", "--schema"), ("run", "-n")])
def test_a_reader_that_has_gone_is_no_reason_for_words(
    args: tuple[str, ...], gone: int, plan: PlanIn
) -> None:
    ended = weft(*args, cwd=plan("tasks: {a: 'true'}"), stdout=gone)
    assert (ended.code, ended.err) == (1, "")


def test_a_run_goes_on_without_its_reader(gone: int, plan: PlanIn) -> None:
    root = plan(
        "tasks: {a: {run: echo hi, result: lines}, b: echo hi}\n"
        "aggregates: {x: {from: a, strategy: frequency}}"
    )
    for args in ((), ("--json",), ("-q",), ("--output", "interleaved")):
        ended = weft("run", *args, cwd=root, stdout=gone)
        assert ended.code == 0
        assert "Broken" not in ended.err
    assert weft("run", cwd=root, stdout=gone, stderr=gone).code == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("args", ["run", "run --json", "check", "graph", "map -n echo x", "run -f -"])
def test_a_stream_that_is_closed_is_no_crash(args: str, closed: str, plan: PlanIn) -> None:
    root = plan("tasks: {a: 'echo hi; echo err >&2'}")
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {args} {closed}', "sh", *WEFT],
        cwd=root,
        input=b"tasks: {a: echo hi}",
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    no_plan = args == "run -f -" and "<" in closed
    assert ended.returncode == (2 if no_plan else 0)
    assert b"Traceback" not in ended.stderr
    assert (root / "weft.yaml").read_text() == "tasks: {a: 'echo hi; echo err >&2'}"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("args", [("graph",), ("run", "-q"), ("run",), ("--help",)])
def test_output_that_can_not_be_written_is_told_in_a_line(args: tuple[str, ...], plan: PlanIn) -> None:
    root = plan(
        "tasks: {a: {run: echo hi, result: lines}, b: echo}\naggregates: {x: {from: a, strategy: frequency}}"
    )
    with open("/dev/full", "wb") as full:
        ended = weft(*args, cwd=root, stdout=full)
    assert ended.code == 70
    assert "weft: No space left on device\n" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("args", [(), ("--json",), ("--output", "prefixed")])
def test_a_run_whose_output_can_not_be_written_goes_on_and_says_so(
    args: tuple[str, ...], plan: PlanIn
) -> None:
    root = plan("tasks: {a: echo one, b: {run: echo two > b, needs: a}}")
    with open("/dev/full", "wb") as full:
        ended = weft("run", *args, cwd=root, stdout=full)
    assert ended.code == 70
    assert (root / "b").exists()
    assert "[2/2] b succeeded" in ended.err or "--json" in args
    assert ended.err.count("No space left on device") == 1
    assert "subscriber" not in ended.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_run_with_nothing_to_do_says_so_too_if_its_output_can_not_be_written(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: echo one, reads: weft.yaml, cache: true}}")
    assert weft("run", cwd=root).code == 0
    with open("/dev/full", "wb") as full:
        ended = weft("run", cwd=root, stdout=full)
    assert (ended.code, ended.err.count("No space left on device")) == (70, 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["run", "graph"])
def test_where_nothing_can_be_written_the_exit_code_says_so(command: str, plan: PlanIn) -> None:
    root = plan("tasks: {a: echo one}")
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*WEFT, command],
            cwd=root,
            env=environment(),
            stdout=full,
            stderr=full,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert ended.returncode == 70


def on_a_terminal(root: Path, **variables: str) -> bytes:
    """Return what a run writes to a terminal."""
    far, near = pty.openpty()
    with subprocess.Popen(
        [*WEFT, "run"], cwd=root, env=environment(**variables), stdin=near, stdout=near, stderr=near
    ) as process:
        os.close(near)
        shown = b""
        while True:
            try:
                piece = os.read(far, 1 << 16)
            except OSError:  # Linux's way to tell that the other end is closed
                piece = b""
            if not piece:
                break
            shown += piece
    os.close(far)
    assert process.returncode == 0
    return shown


def test_a_terminal_is_drawn_upon_and_tables_stand_before_the_summary(plan: PlanIn) -> None:
    root = plan(
        "tasks: {a: {run: echo hi, result: lines}, b: echo}\naggregates: {x: {from: a, strategy: frequency}}"
    )
    shown = on_a_terminal(root)
    assert b"\x1b[" in shown
    assert shown.index(b"## x\r\n") < shown.index(b"2 tasks in")


@pytest.mark.parametrize("variables", [{"CI": "true"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_is_not_drawn_upon_where_that_is_not_wanted(
    variables: dict[str, str], plan: PlanIn
) -> None:
    shown = on_a_terminal(plan("tasks: {a: echo hi}"), **variables)
    assert b"\x1b" not in shown
    assert b"[1/1] a succeeded" in shown
