"""A publish that is cut off, at whatever call, leaves the tree as before or as after it; see `crash`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workspaces.trees import Plan, put, texts

from weft.errors import WeftError
from weft.workspaces.publish import HowRecovered, Recovered
from weft.workspaces.record import State

ROOT = Path(__file__).parent.parent.parent
SCRIPT = Path(__file__).with_name("crash.py")
MEMORY = Path("/dev/shm")


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory if there is one: each child waits for the disk many times."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


def counts(how: str, folder: Path) -> dict[str, int]:
    ran = subprocess.run(
        [sys.executable, SCRIPT, how, folder / "plans"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = (line.split(": ") for line in ran.stdout.splitlines())
    return {name: int(count) for name, count in told}


def test_killed_at_any_call_a_publish_is_done_or_not_done(quick: Path) -> None:
    found = counts("kill", quick)
    assert found["completed"] > 50
    assert found["cleared"] > 50


def test_refused_a_call_a_publish_is_done_or_not_done(quick: Path) -> None:
    found = counts("refuse", quick)
    assert found["before"] > 50
    assert found["after"] > 10


def test_killed_again_while_recovering_it_is_still_done_or_not_done(quick: Path) -> None:
    assert counts("twice", quick)["killed twice"] > 50


@pytest.fixture
def in_the_middle(quick: Path) -> Plan:
    """A plan's directory in which `changed` has been replaced, and what comes later has not."""
    counts("middle", quick)
    return Plan(quick / "plans/plan")


def test_a_publish_that_was_cut_off_is_completed_by_the_next_one(in_the_middle: Plan) -> None:
    assert in_the_middle.publisher.publish((), {}) == ()
    assert texts(in_the_middle.root)["new/deep/file"] == "new"
    assert in_the_middle.publisher.recover() == []


def test_a_file_that_was_changed_before_its_turn_undoes_it_all(in_the_middle: Plan) -> None:
    put(in_the_middle.root, "link-to-file", "by somebody else")
    assert in_the_middle.publisher.recover() == [Recovered(HowRecovered.UNDONE, "t")]
    found = texts(in_the_middle.root)
    assert (found["changed"], found["link-to-file"]) == ("old", "by somebody else")
    assert "new/deep/file" not in found
    assert in_the_middle.left("t").state is State.UNMERGED


def test_a_file_that_was_changed_after_its_turn_stays_as_it_is(in_the_middle: Plan) -> None:
    put(in_the_middle.root, "changed", "by somebody else")
    assert in_the_middle.publisher.recover() == [Recovered(HowRecovered.COMPLETED, "t")]
    found = texts(in_the_middle.root)
    assert (found["changed"], found["link-to-file"]) == ("by somebody else", "new")


def test_where_neither_way_is_open_nothing_is_lost(in_the_middle: Plan) -> None:
    put(in_the_middle.root, "changed", "by somebody else")
    put(in_the_middle.root, "link-to-file", "by somebody else")
    for _ in range(2):
        with pytest.raises(WeftError, match="`changed` was changed while"):
            in_the_middle.publisher.recover()
    found = texts(in_the_middle.root)
    assert found["changed"] == found["link-to-file"] == "by somebody else"
    room = in_the_middle.home / "publish"
    assert "old" in [path.read_text() for path in room.rglob("*-old") if path.is_file()]
