"""Files are compared by size and times, and by their content where those can't be trusted."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from tests.cache.project import LATER_NS, tick, write

from weft.cache.state import CannotLook, State, difference, look_at
from weft.disk.entry import YOUNG_NS, Kind


def seen(path: Path, known: State | None = None, now_ns: int = LATER_NS) -> State:
    state = look_at(str(path), shown=path.name, known=known, clock_ns=lambda: now_ns)
    assert state is not None
    return state


def mistaken(state: State) -> State:
    """Return ``state`` with a wrong digest: who trusts it does not read the file."""
    return msgspec.structs.replace(state, digest="mistaken")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = write(tmp_path, "file", "one")
    while file.stat().st_ctime_ns % 1_000_000_000 == 0:  # once in a lifetime
        write(tmp_path, "file", "one")
    return file


def test_a_file_that_has_not_moved_is_not_read(file: Path) -> None:
    assert seen(file, mistaken(seen(file))).digest == "mistaken"


def test_a_file_written_to_a_moment_before_the_look_is_read_again(file: Path) -> None:
    last_change = file.stat().st_ctime_ns
    assert not seen(file, now_ns=last_change + YOUNG_NS + 1).is_young
    young = seen(file, now_ns=last_change + YOUNG_NS)
    assert young.is_young
    assert seen(file, mistaken(young)).digest == young.digest
    assert not seen(file, mistaken(young)).is_young


def test_a_time_in_the_future_makes_no_file_young(file: Path) -> None:
    os.utime(file, ns=(LATER_NS, LATER_NS))
    assert not seen(file).is_young


@pytest.mark.parametrize("mtime_ns", [0, 10**18, LATER_NS])
def test_a_file_whose_time_was_set_is_read_again(file: Path, mtime_ns: int) -> None:
    known = seen(file)
    tick(file.parent)
    os.utime(file, ns=(mtime_ns, mtime_ns))
    assert seen(file, mistaken(known)).digest == known.digest


def test_a_file_of_the_same_size_and_time_is_read_again(file: Path) -> None:
    known = seen(file)
    tick(file.parent)
    write(file.parent, "file", "two", mtime_ns=known.mtime_ns)
    assert difference(known, seen(file, known)) == "content"


def test_another_file_of_the_same_size_and_time_is_read_again(file: Path) -> None:
    known = seen(file)
    tick(file.parent)
    write(file.parent, "other", "two", mtime_ns=known.mtime_ns).replace(file)
    assert difference(known, seen(file, known)) == "content"


def test_a_link_is_as_its_target_and_what_it_leads_to(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to("file")
    known = seen(link)
    assert (known.kind, known.target, known.digest) == (Kind.LINK, "file", seen(file).digest)
    tick(file.parent)
    file.write_text("two")
    assert difference(known, seen(link, known)) == "content"
    file.unlink()
    assert difference(known, seen(link, known)) == "content"


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotLook) as raised:
        look_at(str(tmp_path / ("x" * 300)), shown="the file")
    assert raised.value.reason.path == "the file"


def test_nothing_stands_below_a_file(file: Path) -> None:
    assert look_at(str(file / "x"), shown="x") is None
