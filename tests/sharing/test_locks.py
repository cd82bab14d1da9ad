"""Locks on files: what is left behind, broken or strange never lets two in, and never keeps all out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType

import msgspec
import pytest
from filelock import FileLock

from weft.model.lock import Hold
from weft.sharing.base import CannotShare, LockTaken
from weft.sharing.locks import FileLocks, encoded
from weft.sharing.owner import this_process

ALONE = {"deploy": Hold.EXCLUSIVE}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def entries(folder: Path, name: str = "deploy") -> list[Path]:
    return sorted((folder / name).glob("*.lock"))


def test_a_holder_is_told_by_its_process(folder: Path) -> None:
    holder = FileLocks(folder)
    holder.take("a", {"deploy": Hold.EXCLUSIVE, "index": Hold.SHARED})
    holder.take("b", {"index": Hold.SHARED})
    us = this_process()
    assert FileLocks(folder).holders() == {"deploy": (us,), "index": (us, us)}


def test_what_a_dead_holder_has_left_is_cleared_away(folder: Path) -> None:
    locks = FileLocks(folder)
    locks.take("a", ALONE)
    locks.release("a")
    left = folder / "deploy" / "held-exclusive-1-0123456789ab.lock"
    left.touch()
    left.with_suffix(".owner").write_bytes(msgspec.json.encode(this_process()))
    assert locks.take("b", ALONE) == {"deploy": 2}
    assert not left.exists()
    assert not left.with_suffix(".owner").exists()


def test_a_live_lock_is_not_broken_by_age(folder: Path) -> None:
    holder, other = FileLocks(folder), FileLocks(folder)
    holder.take("a", ALONE)
    for path in (folder / "deploy").iterdir():
        os.utime(path, (0, 0))
    assert other.take("b", ALONE) == (LockTaken("deploy", (this_process(),)),)


def test_while_it_is_waited_for_nothing_is_deleted_in_which_a_ctrl_c_would_be_lost(folder: Path) -> None:
    """Python passes over what is raised in a `__del__`, also if that is a KeyboardInterrupt."""
    holder, other = FileLocks(folder), FileLocks(folder)
    holder.take("a", ALONE)
    called: list[str] = []
    sys.setprofile(lambda frame, event, argument: called.append(frame.f_code.co_name))
    try:
        for _ in range(2):
            other.take("b", ALONE)
    finally:
        sys.setprofile(None)
    assert "take" in called
    assert "__del__" not in called


def test_the_door_opens_again_after_who_was_interrupted_in_it(folder: Path) -> None:
    holder, other = FileLocks(folder), FileLocks(folder)

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_name == "_in_the_way":
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(interrupt)
    with pytest.raises(KeyboardInterrupt):
        holder.take("a", ALONE)
    assert other.take("b", ALONE) == {"deploy": 1}
    assert holder.take("a", ALONE) == (LockTaken("deploy", (this_process(),)),)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"host": 1}'])
def test_an_owner_that_can_not_be_read_does_not_make_a_lock_free(folder: Path, content: bytes) -> None:
    holder, other = FileLocks(folder), FileLocks(folder)
    holder.take("a", ALONE)
    entries(folder)[0].with_suffix(".owner").write_bytes(content)
    assert other.take("b", ALONE) == (LockTaken("deploy", (None,)),)
    assert other.holders() == {"deploy": (None,)}


def test_an_owner_that_is_dead_does_not_make_a_lock_free_either(folder: Path) -> None:
    holder, other = FileLocks(folder), FileLocks(folder)
    holder.take("a", ALONE)
    gone = msgspec.structs.replace(this_process(), started=1)  # the process id was given out again
    entries(folder)[0].with_suffix(".owner").write_bytes(msgspec.json.encode(gone))
    assert other.take("b", ALONE) == (LockTaken("deploy", (gone,)),)


def test_a_held_file_with_a_name_that_says_nothing_keeps_everybody_out(folder: Path) -> None:
    (folder / "deploy").mkdir(parents=True)
    strange = FileLock(folder / "deploy" / "strange.lock")
    with strange:
        assert FileLocks(folder).take("a", {"deploy": Hold.SHARED}) == (LockTaken("deploy", (None,)),)
    assert FileLocks(folder).take("a", {"deploy": Hold.SHARED}) == {"deploy": 1}


@pytest.mark.parametrize("content", ["", "many", "-1", "1.5", "²"])
def test_a_token_that_can_not_be_read_is_an_error_and_does_not_begin_anew(folder: Path, content: str) -> None:
    locks = FileLocks(folder)
    locks.take("a", ALONE)
    locks.release("a")
    (folder / "deploy" / "token").write_text(content)
    with pytest.raises(CannotShare, match="holds no number"):
        locks.take("b", ALONE)
    (folder / "deploy" / "token").write_text("41")
    assert locks.take("b", ALONE) == {"deploy": 42}


def test_tokens_grow_over_all_who_come_later(folder: Path) -> None:
    tokens = []
    for name in "abc":
        locks = FileLocks(folder)
        tokens.append(locks.take(name, ALONE))
        locks.release_all()
    assert tokens == [{"deploy": 1}, {"deploy": 2}, {"deploy": 3}]


def test_a_released_lock_leaves_nothing_but_its_token(folder: Path) -> None:
    locks, other = FileLocks(folder), FileLocks(folder)
    locks.take("a", ALONE)
    other.take("b", ALONE)
    other.release("b")
    locks.release("a")
    locks.release("a")
    assert [path.name for path in (folder / "deploy").iterdir()] == ["token"]


def test_who_died_while_waiting_keeps_nobody_out(folder: Path) -> None:
    locks = FileLocks(folder)
    (folder / "deploy").mkdir(parents=True)
    (folder / "deploy" / "wish-exclusive-1-0123456789ab.lock").touch()
    assert locks.take("a", ALONE) == {"deploy": 1}


@pytest.mark.parametrize(
    "name", ["..", ".", "a/b", "door", ".door", "token", "\udcff", "ä" * 300, "a\nb", "a.lock"]
)
def test_any_name_can_be_locked_and_is_told_as_it_is(folder: Path, name: str) -> None:
    locks = FileLocks(folder)
    locks.take("a", {name: Hold.EXCLUSIVE})
    assert encoded(name) in [path.name for path in folder.iterdir()]
    if len(name) < 100:
        assert [*locks.holders()] == [name]


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotShare, match="can't lock in"):
        FileLocks(tmp_path / "file" / "locks").take("a", ALONE)
