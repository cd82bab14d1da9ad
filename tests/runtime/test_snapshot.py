"""What stands on the disk, and what has become of it since the last look."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from weft.planning.observed import Change
from weft.runtime.snapshot import changes, contents, look


def test_what_was_created_changed_and_deleted_is_told(tmp_path: Path) -> None:
    for name in ("kept", "changed", "deleted"):
        (tmp_path / name).write_text("before")
    before = look(tmp_path)
    (tmp_path / "changed").write_text("longer than before")
    (tmp_path / "deleted").unlink()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "created").touch()
    assert changes(before, look(tmp_path, before)) == {
        "changed": Change.CHANGED,
        "deleted": Change.DELETED,
        "folder/created": Change.CREATED,
    }


def test_a_young_file_that_is_written_again_within_a_tick_of_the_clock_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = look(tmp_path)
    file.write_text("two")
    status = file.stat()
    # As if the clock of the file system had not ticked in between.
    after = {
        name: msgspec.structs.replace(seen, mtime_ns=was.mtime_ns, ctime_ns=was.ctime_ns)
        for (name, seen), was in zip(look(tmp_path, before).items(), before.values(), strict=True)
    }
    assert status.st_size == before["a"].size
    assert changes(before, after) == {"a": Change.CHANGED}


def test_an_old_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.utime(tmp_path / "a", (1, 1))
    assert look(tmp_path)["a"].digest is None


def test_what_has_not_been_touched_has_not_changed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("young")
    before = look(tmp_path)
    assert changes(before, look(tmp_path, before)) == {}


def test_contents_tell_kinds_and_modes_and_where_links_lead(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    (tmp_path / "run").write_text("same")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "to_folder").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    found = contents(tmp_path)
    assert list(found) == ["a", "b", "link", "pipe", "run", "to_folder"]
    assert found["a"] == found["b"] != found["run"]
    assert found["link"].endswith(" a")


def test_the_folders_of_weft_and_git_are_left_out_at_the_top_only(tmp_path: Path) -> None:
    for folder in (".weft", ".git", "inner/.git"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a").touch()
    assert list(look(tmp_path)) == list(contents(tmp_path)) == ["inner/.git/a"]
