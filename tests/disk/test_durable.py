from __future__ import annotations

from pathlib import Path

import pytest

from weft.disk.durable import write


def test_what_is_written_takes_the_place_of_what_was_there_and_of_what_a_killed_one_left(
    tmp_path: Path,
) -> None:
    (tmp_path / "token").write_text("1\n")
    (tmp_path / "token.new").write_text("a much longer half of something")
    write(tmp_path / "token", b"2\n", tmp_path / "token.new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"token": "2\n"}


def test_what_can_not_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("1\n")
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "token", b"2\n", tmp_path / "missing" / "token.new")
    assert (tmp_path / "token").read_text() == "1\n"
