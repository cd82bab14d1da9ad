"""Copies of a plan's directory are made below Weft's own folder, and nothing else is ever taken away."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from weft.errors import UsageError
from weft.runtime.scratch import copy_of, make_room, remove


def copied(root: Path) -> Path:
    to = make_room(root) / "copy"
    copy_of(root, to)
    return to


def test_the_room_is_private_and_unseen_by_git(tmp_path: Path) -> None:
    room = make_room(tmp_path)
    assert room.parent == tmp_path / ".weft" / "race"
    for folder in (room, room.parent, room.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (tmp_path / ".weft" / ".gitignore").read_text() == "*\n"
    assert make_room(tmp_path) != room


def test_a_copy_has_all_but_what_belongs_to_weft_and_git(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("text")
    os.utime(tmp_path / "src" / "a", (1, 1))
    os.mkfifo(tmp_path / "pipe")
    to = copied(tmp_path)
    assert os.listdir(to) == ["src"]
    assert (to / "src" / "a").read_text() == "text"
    assert (to / "src" / "a").stat().st_mtime == 1


def test_links_into_the_directory_lead_into_the_copy(tmp_path: Path) -> None:
    """Else a task would write to the user's own files through them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "inside").symlink_to(tmp_path / "data")
    (tmp_path / "relative").symlink_to("data")
    (tmp_path / "outside").symlink_to("/")
    (tmp_path / "broken").symlink_to("nowhere")
    to = copied(tmp_path)
    assert {link: os.readlink(to / link) for link in ("inside", "relative", "outside", "broken")} == {
        "inside": str(to / "data"),
        "relative": "data",
        "outside": "/",
        "broken": "nowhere",
    }


def test_a_copy_is_taken_away_though_a_task_has_locked_its_folders(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    to = copied(tmp_path)
    (to / "locked").mkdir()
    (to / "locked" / "a").touch()
    (to / "locked").chmod(0)
    (to / "link").symlink_to(tmp_path / "kept")
    remove(to)
    assert not to.exists()
    assert (tmp_path / "kept").is_dir()


def test_where_no_folder_can_be_made_this_is_told(tmp_path: Path) -> None:
    (tmp_path / ".weft").touch()
    with pytest.raises(UsageError, match="can't make a folder for copies"):
        make_room(tmp_path)
