from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.workspaces.trees import make, put

from weft.disk.entry import YOUNG_NS, Entry, Kind
from weft.workspaces.manifest import SMALL_BYTES, Manifest, alike, take, take_at, take_below


def aged(root: Path, *paths: str) -> None:
    """Let files look as if they had stood there for long; nothing makes their change times older."""
    for path in paths:
        os.utime(root / path, ns=(0, 10**18))


def settled(manifest: Manifest) -> Manifest:
    """The same look, as if it had been taken when all times were long past."""
    return Manifest(manifest.entries, manifest.taken_ns + 10 * YOUNG_NS)


def test_a_tree_is_told_by_kind_mode_and_content(tmp_path: Path) -> None:
    make(tmp_path, {"a/b.txt": "text", "a/empty": None, "link": "-> a/b.txt"})
    (tmp_path / "a/b.txt").chmod(0o640)
    entries = take(tmp_path).entries
    assert list(entries) == ["a", "a/b.txt", "a/empty", "link"]
    assert [entry.kind for entry in entries.values()] == [
        Kind.DIRECTORY,
        Kind.FILE,
        Kind.DIRECTORY,
        Kind.LINK,
    ]
    file = entries["a/b.txt"]
    assert (file.mode, file.size, file.mtime_ns) == (0o640, 4, (tmp_path / "a/b.txt").stat().st_mtime_ns)
    assert entries["link"].target == "a/b.txt"


@pytest.mark.parametrize(
    "name",
    [b"\xff\xfe", b"new\nline", b" blank ", b"-n", b"\\", b'"', "ü".encode(), b"x" * 255],
    ids=repr,
)
def test_every_name_that_a_file_can_have_is_told(name: bytes, tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))).write_text("text")
    assert list(take(tmp_path).entries) == [os.fsdecode(name)]


def test_a_deep_tree_is_told_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(300):
        folder /= "deep"
    folder.mkdir(parents=True)
    assert len(take(tmp_path).entries) == 300


def test_links_are_told_and_never_followed(tmp_path: Path) -> None:
    make(tmp_path, {"a/loop": "-> ..", "self": "-> self", "gone": "-> nowhere", "out": "-> /"})
    assert list(take(tmp_path).entries) == ["a", "a/loop", "gone", "out", "self"]


def test_what_is_no_file_is_told_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        entries = take(tmp_path).entries
    assert {entry.kind for entry in entries.values()} == {Kind.OTHER}


def test_what_is_not_kept_is_not_looked_into(tmp_path: Path) -> None:
    make(tmp_path, {"a/x": "", "b/x": ""})
    assert list(take(tmp_path, keep=lambda path, is_directory: path != "a").entries) == ["b", "b/x"]


def test_a_large_file_is_not_read_before_that_matters(tmp_path: Path) -> None:
    make(tmp_path, {"small": "x" * SMALL_BYTES, "large": "x" * (SMALL_BYTES + 1)})
    entries = take(tmp_path, hash_up_to=SMALL_BYTES).entries
    assert entries["large"].digest is not None, "it has just been written, and may be so again"
    unread = take(tmp_path, hash_up_to=None).entries
    assert (unread["small"].digest, unread["large"].digest) == (None, None)


def test_only_what_has_moved_is_read_again(tmp_path: Path) -> None:
    make(tmp_path, {"still": "a", "moved": "a"})
    last = settled(take(tmp_path, hash_up_to=None))
    put(tmp_path, "moved", "b")
    entries = take(tmp_path, last=last).entries
    assert entries["still"].digest is None
    assert entries["moved"].digest is not None


def test_a_file_that_was_young_is_read_again(tmp_path: Path) -> None:
    make(tmp_path, {"file": "a"})
    last = take(tmp_path, hash_up_to=None)
    assert take(tmp_path, last=last).entries["file"].digest is not None


def test_a_change_that_keeps_size_and_modification_time_is_seen(tmp_path: Path) -> None:
    make(tmp_path, {"file": "a"})
    aged(tmp_path, "file")
    first = take(tmp_path)
    (tmp_path / "file").write_text("b")
    aged(tmp_path, "file")
    second = take(tmp_path, last=first)
    assert not alike(first.entries["file"], second.entries["file"])


def test_some_paths_are_looked_at_with_what_is_above_them(tmp_path: Path) -> None:
    make(tmp_path, {"a/b/x": "1", "a/b/y": "2", "link": "-> a", "file": ""})
    paths = ["a/b/x", "a/b/none", "link/b/y", "file/x", "none/x"]
    assert list(take_at(tmp_path, paths, Manifest()).entries) == ["a", "a/b", "a/b/x", "file", "link"]


def test_all_below_a_directory_is_looked_at(tmp_path: Path) -> None:
    make(tmp_path, {"a/b/x": "1", "a/y": "2", "z": ""})
    assert list(take_below(tmp_path, "a", Manifest()).entries) == ["a/b", "a/b/x", "a/y"]


def test_two_that_are_not_known_to_be_the_same_are_different() -> None:
    unread = Entry(Kind.FILE, 0o644, 5, 1, 1, 7)
    assert alike(unread, unread)
    assert not alike(unread, Entry(Kind.FILE, 0o644, 5, 1, 2, 7))
    assert not alike(unread, Entry(Kind.FILE, 0o644, 5, 2, 2, 7, digest="d"))
    assert alike(Entry(Kind.FILE, digest="d", inode=1), Entry(Kind.FILE, digest="d", inode=2))
    assert not alike(Entry(Kind.FILE, 0o644, digest="d"), Entry(Kind.FILE, 0o755, digest="d"))
    assert alike(None, None)
    assert not alike(None, unread)


def test_what_is_known_from_the_last_look_is_what_it_was_then(tmp_path: Path) -> None:
    make(tmp_path, {"file": "a", "folder/x": "x", "link": "-> file"})
    last = settled(take(tmp_path))
    again = take(tmp_path, last=last)
    assert again.entries == last.entries
    assert again.entries["file"] is last.entries["file"]
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "folder").chmod(0o700)
    entries = take(tmp_path, last=last).entries
    assert (entries["file"].mode, entries["folder"].mode) == (0o600, 0o700)


def test_what_is_left_out_by_its_kind_is_left_out_when_it_becomes_that(tmp_path: Path) -> None:
    def keeps_files(path: str, is_directory: bool) -> bool:
        return not is_directory

    make(tmp_path, {"build": "a file"})
    last = settled(take(tmp_path, keep=keeps_files))
    assert list(last.entries) == ["build"]
    put(tmp_path, "build/x", "x")
    assert take(tmp_path, keep=keeps_files, last=last).entries == {}
