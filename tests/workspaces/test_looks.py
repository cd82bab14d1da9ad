from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore

import pytest
from tests.workspaces.trees import make, put

from weft.workspaces.looks import Looks
from weft.workspaces.manifest import Manifest, take
from weft.workspaces.selection import Kept, Selection

IN_TIME_S = 30


class Watched(Selection):
    """Keeps everything; tells of each that asks, and lets a look begin only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Semaphore(0)
        self.begun = Event()
        self.may_go_on = Event()

    @property
    def kept(self) -> Kept:
        self.asked.release()
        return super().kept

    def keeps(self, path: str, is_directory: bool) -> bool:
        self.begun.set()
        assert self.may_go_on.wait(IN_TIME_S)
        return super().keeps(path, is_directory)


def test_who_asks_while_a_look_goes_on_shares_the_next_one(tmp_path: Path) -> None:
    make(tmp_path, {"a": "1"})
    looks, selection = Looks(tmp_path), Watched()
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(looks.take, selection)
        assert selection.begun.wait(IN_TIME_S)
        put(tmp_path, "late", "what the look that goes on has not listed")
        others = [threads.submit(looks.take, selection) for _ in range(3)]
        for _ in range(4):
            assert selection.asked.acquire(timeout=IN_TIME_S)
        selection.may_go_on.set()
        manifests = [other.result(IN_TIME_S) for other in others]
    assert "late" not in first.result().entries
    assert all(manifest is manifests[0] for manifest in manifests)
    assert "late" in manifests[0].entries


def test_whoever_asks_sees_all_that_was_written_before(tmp_path: Path) -> None:
    looks, selection = Looks(tmp_path), Selection()

    def writes_and_looks(number: int) -> bool:
        name = f"{number % 5}"
        (tmp_path / name).write_text(f"{number:03}")
        wanted = take(tmp_path).entries[name].digest
        return looks.take(selection).entries[name].digest == wanted

    for start in range(0, 200, 5):  # one after the other a file is written to, often within one tick
        with ThreadPoolExecutor(5) as threads:
            assert all(threads.map(writes_and_looks, range(start, start + 5)))


def test_each_selection_has_looks_of_its_own(tmp_path: Path) -> None:
    make(tmp_path, {"a.o": "", "a.c": "", ".git/HEAD": ""})
    looks = Looks(tmp_path)

    def names(*, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
        return list(looks.take(Selection(include, exclude)).entries)

    assert names() == ["a.c", "a.o"]
    assert names(exclude=("*.o",)) == ["a.c"]
    assert names(include=(".git/",)) == [".git", ".git/HEAD", "a.c", "a.o"]
    assert names() == ["a.c", "a.o"]


def test_a_look_that_failed_is_nobody_elses(tmp_path: Path) -> None:
    root = tmp_path / "plan"
    looks = Looks(root)
    with pytest.raises(FileNotFoundError):
        looks.take(Selection())
    make(root, {"a": ""})
    before = looks.take(Selection())
    root.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        looks.take(Selection())
    make(root, {"b": ""})
    after: Manifest = looks.take(Selection())
    assert (list(before.entries), list(after.entries)) == (["a"], ["b"])
