"""A run in which nothing is left to do says what it would say the long way, and does no more than it must."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cache.project import tick
from tests.cli.process import WEFT, environment, weft

from weft.cli.up_to_date import run_if_up_to_date

PlanIn = Callable[..., Path]

PLAN = """
tasks:
  copy:
    each: {name: "in/*.txt"}
    run: 'cp {name} out/$(basename {name}); echo "copied" {name}; echo careful >&2'
    reads: ["{name}"]
    writes: ["out/"]
    cache: {env: [MODE], outputs: ["out/"]}
  list: {run: ls out > all, reads: [out/], writes: [all], result: text, cache: true}
"""
SECONDS = re.compile(r"\d+\.\d+ s")


@pytest.fixture
def root(plan: PlanIn) -> Path:
    """A plan of which all is done, and no file is so young that it must be read."""
    root = plan(PLAN.replace('writes: ["out/"]', 'writes: ["out/{name}"]').replace(', outputs: ["out/"]', ""))
    text = (root / "weft.yaml").read_text()
    (root / "weft.yaml").write_text(text.replace("cp {name} out/$(basename {name})", "cp {name} out/{name}"))
    (root / "in").mkdir()
    (root / "out/in").mkdir(parents=True)
    for name in ("a", "b"):
        (root / f"in/{name}.txt").write_text(name)
    settle(root)
    return root


def settle(root: Path) -> None:
    for _ in range(50):
        assert weft("run", cwd=root).code == 0
        if is_known(root):
            return
        tick(root)
    raise AssertionError("it never is up to date")


def is_known(root: Path, **variables: str) -> bool:
    """Tell whether the next run would take the short way; says what it would say."""
    return loaded(root, **variables).isdisjoint({"asyncio", "click", "ruamel.yaml"})


def loaded(root: Path, *args: str, **variables: str) -> set[str]:
    """Run the plan and return the modules that were loaded."""
    command = [sys.executable, "-X", "importtime", "-m", "weft", "run", *args]
    env = environment(**variables)
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import")}


def test_nothing_to_do_loads_no_event_loop_and_no_parser(root: Path) -> None:
    assert is_known(root)


@pytest.mark.parametrize("args", [(), ("-q",), ("weft.yaml",)])
def test_it_says_the_same_as_the_long_way(args: tuple[str, ...], root: Path) -> None:
    short = weft("run", *args, cwd=root)
    long = weft("run", *args, "-j", "1", cwd=root)
    # What takes longest has gone first there, and so is shown first.
    assert parts(short.err) == parts(long.err)
    assert (short.code, sorted(short.out.splitlines())) == (long.code, sorted(long.out.splitlines()))
    assert ("3 succeeded (3 cached)" in short.err) is ("-q" not in args)


def parts(shown: str) -> tuple[list[str], str]:
    """Return what each task has written, and the line with the totals."""
    tasks, _, totals = SECONDS.sub("…", shown).rstrip().rpartition("\n")
    return sorted(f"{tasks}\n".split("── ")), totals


def on_a_terminal(root: Path, *args: str) -> str:
    """Run the plan with its standard error on a terminal, and return the last line there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*WEFT, "run", *args], cwd=root, env=environment(), stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    assert process.wait(timeout=30) == 0
    return SECONDS.sub("…", shown.decode().rstrip().splitlines()[-1].rpartition("\r")[2])


def test_it_says_the_same_on_a_terminal(root: Path) -> None:
    assert on_a_terminal(root).endswith(on_a_terminal(root, "-j", "1")[-60:])


def test_with_standard_streams_closed_it_ends_well(root: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m weft run >&- 2>&-", shell=True, cwd=root, env=environment(), check=False
    )
    assert done.returncode == 0


def edit_an_input(root: Path) -> None:
    (root / "in/a.txt").write_text("A")


def add_a_member(root: Path) -> None:
    (root / "in/c.txt").write_text("c")


def remove_an_output(root: Path) -> None:
    (root / "all").unlink()


def change_a_mode(root: Path) -> None:
    (root / "in/a.txt").chmod(0o700)


def add_to_a_directory_that_is_read(root: Path) -> None:
    (root / "out/new").write_text("")


def edit_the_plan(root: Path) -> None:
    (root / "weft.yaml").write_text((root / "weft.yaml").read_text() + "# a comment\n")


def prune(root: Path) -> None:
    weft("cache", "prune", "--size", "0", cwd=root)


def remove_the_cache(root: Path) -> None:
    subprocess.run(["rm", "-r", ".weft/cache"], cwd=root, check=True)


def break_what_is_known(root: Path) -> None:
    place = root / ".weft/cache/plans/weft.yaml"
    place.write_bytes(place.read_bytes()[:50])


@pytest.mark.parametrize(
    "change",
    [
        edit_an_input,
        add_a_member,
        remove_an_output,
        change_a_mode,
        add_to_a_directory_that_is_read,
        edit_the_plan,
        prune,
        remove_the_cache,
        break_what_is_known,
    ],
)
def test_whatever_has_changed_is_found_out_the_long_way(change: Callable[[Path], object], root: Path) -> None:
    tick(root)
    change(root)
    assert not is_known(root)
    settle(root)


def test_a_variable_that_counts_is_found_out_the_long_way(root: Path) -> None:
    assert not is_known(root, MODE="fast")


@pytest.mark.parametrize("name", ["WEFT_JOBS", "WEFT_NO_CACHE", "GITHUB_ACTIONS"])
def test_a_variable_that_may_be_an_option_goes_the_long_way(name: str, root: Path) -> None:
    assert not is_known(root, **{name: "1"})


@pytest.mark.parametrize(
    "args", [["run", "-v"], ["run", "--force", "list"], ["check"], [], ["run", "-"], ["run", "a", "b"]]
)
def test_all_that_is_not_so_simple_goes_the_long_way(
    args: list[str], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert run_if_up_to_date(args, {}) is None


def test_a_result_that_is_too_old_goes_the_long_way(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: echo, reads: [], writes: [], cache: {ttl: 1ms}}}")
    for _ in range(3):
        weft("run", cwd=root)
    assert not is_known(root)


def test_what_was_used_like_this_is_not_what_was_used_longest_ago(root: Path) -> None:
    for entry in (root / ".weft/cache/entries").glob("*/*"):
        os.utime(entry, (1_000_000_000, 1_000_000_000))
    assert is_known(root)
    assert "0 results removed" in weft("cache", "prune", "--older", "1h", cwd=root).out
    assert is_known(root)


def test_a_plan_with_a_task_that_is_not_cached_runs(plan: PlanIn) -> None:
    root = plan("tasks: {a: {run: echo, reads: [], cache: true}, b: echo ran >> log}")
    for _ in range(3):
        weft("run", cwd=root)
    assert (root / "log").read_text() == "ran\n" * 3
