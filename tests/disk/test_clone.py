from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from weft.disk.clone import copy_bytes, copy_file


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_a_copy_has_the_bytes_of_the_original(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        copy_bytes(source.fileno(), target.fileno())
    assert (tmp_path / "b").read_bytes() == content


def test_a_file_that_claims_to_be_empty_is_copied_nevertheless(tmp_path: Path) -> None:
    with open("/proc/self/limits", "rb") as source, (tmp_path / "b").open("wb") as target:
        copy_bytes(source.fileno(), target.fileno())
    assert b"Max open files" in (tmp_path / "b").read_bytes()


def test_a_full_disk_is_told_and_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with (
        (tmp_path / "a").open("rb") as source,
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(OSError, match="No space left") as raised,
    ):
        copy_bytes(source.fileno(), full.fileno())
    assert raised.value.errno == errno.ENOSPC


def test_a_copy_is_a_file_of_its_own_and_nobody_elses_to_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "a").chmod(0o755)
    copy_file(str(tmp_path / "a"), str(tmp_path / "b"))
    (tmp_path / "a").write_text("two")
    assert (tmp_path / "b").read_text() == "one"
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600


def test_a_copy_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError):
        copy_file(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b").read_text() == "b"
