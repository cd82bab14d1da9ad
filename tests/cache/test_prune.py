"""The cache stays small and sound, and nobody loses what is in use."""

from __future__ import annotations

import os
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest
from tests.cache.project import Project

from weft.cache.blobs import keep_bytes
from weft.cache.pins import Pin, Pinned
from weft.cache.prune import Pruned, list_entries, prune, verify
from weft.cache.saved import Shelf
from weft.cache.store import Hit, Kept, Miss, Replay
from weft.model.miss import CopyGone, NothingKept
from weft.model.work import Command


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.declare(restore=True)
    return project


def keep(project: Project, command: str, used_at: float, content: str = "x" * 1000) -> str:
    """Keep a result of ``content`` as if it had been used at some moment, and return its key."""
    project.command = Command(command)
    project.make = lambda: (project.join(), content)[1]
    kept = project.run()
    assert isinstance(kept, Kept)
    os.utime(project.store.shelf.entry(kept.entry.key), (used_at, used_at))
    return kept.entry.key


def kept_keys(project: Project) -> list[str]:
    return [listed.key for listed in list_entries(project.store.shelf)]


def reopened(project: Project) -> Project:
    project.store.close()
    return project


def files(shelf: Shelf) -> list[str]:
    return sorted(str(path) for path in Path(shelf.folder).rglob("*") if path.is_file())


def test_the_last_used_comes_first(project: Project) -> None:
    keys = [keep(project, f"c{n}", used_at=n) for n in (2, 1, 3)]
    assert kept_keys(project) == [keys[2], keys[0], keys[1]]
    assert all(
        listed.task == "make" and listed.size_bytes > 1000 for listed in list_entries(project.store.shelf)
    )


def test_what_was_used_longest_ago_goes_first(project: Project) -> None:
    keys = [keep(project, f"c{n}", used_at=n, content=f"{n}" * 5000) for n in range(4)]
    shelf = reopened(project).store.shelf
    all_bytes = prune(shelf).left_bytes
    pruned = prune(shelf, size_bytes=all_bytes - 1)
    assert pruned.n_entries == 1
    assert set(kept_keys(project)) == set(keys[1:])
    assert pruned.left_bytes == all_bytes - pruned.freed_bytes
    assert prune(shelf, size_bytes=pruned.left_bytes) == Pruned(left_bytes=pruned.left_bytes)


def test_a_hit_is_a_use(project: Project) -> None:
    keys = [keep(project, f"c{n}", used_at=n) for n in range(2)]
    project.command = Command("c0")
    assert isinstance(project.reuse(), Replay)
    reopened(project)
    prune(project.store.shelf, before=1.5)
    assert kept_keys(project) == [keys[0]]


def test_what_was_not_used_for_long_goes(project: Project) -> None:
    keys = [keep(project, f"c{n}", used_at=n) for n in range(3)]
    reopened(project)
    assert prune(project.store.shelf, before=1.0).n_entries == 1
    assert set(kept_keys(project)) == set(keys[1:])


def test_what_a_running_run_uses_stays(project: Project, tmp_path: Path) -> None:
    keys = [keep(project, f"c{n}", used_at=n) for n in range(2)]
    reopened(project)
    project.command = Command("c0")
    assert isinstance(project.reuse(), Replay)
    other = Project(tmp_path)
    assert prune(other.store.shelf, size_bytes=0).n_entries == 1
    assert kept_keys(project) == keys[:1]
    (tmp_path / "out/all").unlink()
    assert isinstance(project.reuse(), Replay)


def test_what_a_dead_process_has_used_goes(project: Project, tmp_path: Path) -> None:
    key = keep(project, "c", used_at=1)
    shelf = reopened(project).store.shelf
    Path(shelf.folder, "pins", "dead").write_text(f"{key}\n")  # the kernel has taken its lock away
    Path(shelf.folder, "making", "dead.1").write_text("half")
    assert prune(shelf, size_bytes=0).left_bytes == 0
    assert not any(Path(shelf.folder, name).exists() for name in ("pins/dead", "making/dead.1"))


def test_what_several_need_goes_with_the_last_of_them(project: Project) -> None:
    keys = [keep(project, f"c{n}", used_at=n) for n in range(2)]
    shelf = reopened(project).store.shelf
    assert prune(shelf, before=1.0).n_blobs == 0
    project.command = Command("c1")
    assert isinstance(project.reuse(), Replay)
    reopened(project)
    assert prune(shelf, size_bytes=0).n_blobs == 3
    assert kept_keys(project) == []
    assert keys[0] != keys[1]


def test_copies_that_nobody_needs_go_unless_someone_is_about_to(project: Project) -> None:
    shelf = project.store.shelf
    shelf.make()
    pin = Pin(Shelf(shelf.folder))
    digest = keep_bytes(shelf, b"new")
    pin.hold([digest])
    assert prune(shelf).n_blobs == 0
    pin.close()
    assert prune(shelf).n_blobs == 1
    assert Pinned(shelf).names == set()


def test_one_prunes_at_a_time(project: Project) -> None:
    keep(project, "c", used_at=1)
    shelf = reopened(project).store.shelf
    with open(f"{shelf.folder}/pruning", "w") as file:
        flock(file, LOCK_EX)
        assert prune(shelf, size_bytes=0) == Pruned(is_busy=True)
    assert prune(shelf, size_bytes=0).n_entries == 1


def test_what_a_killed_prune_has_put_aside_comes_back(project: Project) -> None:
    key = keep(project, "c", used_at=1)
    shelf = reopened(project).store.shelf
    os.rename(shelf.entry(key), f"{shelf.folder}/leaving/entry.{key}")
    assert kept_keys(project) == []
    prune(shelf)
    assert kept_keys(project) == [key]
    assert isinstance(project.reuse(), Replay)


def test_what_was_removed_since_the_look_is_said(project: Project, tmp_path: Path) -> None:
    keep(project, "c", used_at=1)
    reopened(project)
    verdict = project.look_up()
    assert isinstance(verdict, Hit)
    prune(project.store.shelf, size_bytes=0)
    assert project.store.use(verdict, project.look()) == Miss(CopyGone("the result"))


def test_after_all_is_removed_nothing_is_left(project: Project) -> None:
    keep(project, "c", used_at=1)
    shelf = reopened(project).store.shelf
    prune(shelf, size_bytes=0)
    assert files(shelf) == [f"{shelf.folder}/pruning"]
    assert project.why() == NothingKept()


def test_a_sound_cache_is_verified(project: Project) -> None:
    keep(project, "c", used_at=1)
    verified = verify(project.store.shelf)
    assert (verified.n_entries, verified.n_blobs, verified.corrupt, verified.entries) == (1, 3, (), ())


def test_corrupt_copies_and_what_needs_them_are_found_and_removed(project: Project) -> None:
    keys = [keep(project, f"c{n}", used_at=n, content=f"{n}") for n in range(3)]
    shelf = project.store.shelf
    kept = project.look_up()
    assert isinstance(kept, Hit)
    assert kept.entry.result is not None
    blob = Path(shelf.blob(kept.entry.result))
    blob.chmod(0o600)
    blob.write_text("rotten")
    Path(shelf.entry(keys[0])).write_text("{")
    verified = verify(shelf)
    assert verified.corrupt == (kept.entry.result,)
    assert set(verified.entries) == {keys[0], keys[2]}
    assert kept_keys(project) == [keys[1]]
    assert verify(shelf).entries == ()
