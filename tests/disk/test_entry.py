from __future__ import annotations

import os
from pathlib import Path

import pytest

from weft.disk.content import digest_of, digest_of_bytes, digest_of_open
from weft.disk.entry import SECOND_NS, YOUNG_BY_SECONDS_NS, YOUNG_NS, Entry, Kind, is_young, kind_of, stamp_of


def test_each_thing_is_told_by_its_kind(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    kinds = {path.name: kind_of(path.lstat()) for path in (tmp_path, *tmp_path.iterdir())}
    assert kinds == {
        tmp_path.name: Kind.DIRECTORY,
        "file": Kind.FILE,
        "link": Kind.LINK,
        "pipe": Kind.OTHER,
    }


def test_an_entry_has_the_stamp_of_its_file_and_loses_it_when_an_older_one_takes_its_place(
    tmp_path: Path,
) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    for path in (file, other):
        path.write_text("same")
        os.utime(path, (1, 1))
    entry = Entry(Kind.FILE, 0o644, *stamp_of(file.stat()))
    assert entry.stamp == stamp_of(file.stat())
    other.replace(file)
    assert entry.stamp != stamp_of(file.stat())


def test_a_digest_is_that_of_the_content_however_it_is_got(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    assert digest_of(tmp_path / "file") == digest_of_open(fd) == digest_of_bytes(b"content")
    assert digest_of_bytes(b"other") != digest_of_bytes(b"content")


@pytest.mark.parametrize(
    ("changed_ns", "young_for_ns"),
    [(7 * SECOND_NS + 1, YOUNG_NS), (7 * SECOND_NS, YOUNG_BY_SECONDS_NS)],
    ids=["the clock ticks quickly", "the clock may count seconds"],
)
def test_what_may_change_again_within_one_tick_is_young(changed_ns: int, young_for_ns: int) -> None:
    assert is_young(changed_ns, changed_ns)
    assert is_young(changed_ns, changed_ns + young_for_ns)
    assert not is_young(changed_ns, changed_ns + young_for_ns + 1)
