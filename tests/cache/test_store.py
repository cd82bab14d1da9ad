"""When a result is used again, when it is not, and what is said about it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.cache.project import NOW, Project, write

from weft.cache.entry import is_cache_valid
from weft.cache.store import Kept, Replay
from weft.model.miss import (
    CannotWrite,
    CopyCorrupt,
    CopyGone,
    EntryUnreadable,
    Expired,
    FieldChanged,
    InputAppeared,
    InputChanged,
    InputGone,
    InputMoved,
    NothingKept,
    NotPutBack,
    NotStorable,
    OutputChanged,
    OutputGone,
    OutputNotMade,
    Unreadable,
)
from weft.model.work import Command

OLD_NS = 1_000_000_000_000_000_000


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def restoring(project: Project) -> Project:
    project.declare(restore=True)
    return project


def entry_file(project: Project) -> Path:
    return Path(project.store.shelf.entry(project.asked.fingerprint.key))


def tree(root: Path) -> dict[str, tuple[int, bytes | str | None]]:
    found: dict[str, tuple[int, bytes | str | None]] = {}
    for path in sorted(root.rglob("*")):
        link = os.readlink(path) if path.is_symlink() else None
        found[str(path.relative_to(root))] = (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and link is None else link,
        )
    return found


def test_a_task_runs_as_long_as_nothing_is_kept(project: Project) -> None:
    assert project.why() == NothingKept()


def test_what_has_not_changed_brings_its_result_again(project: Project) -> None:
    project.run()
    assert project.reuse() == Replay({"n": 3}, {})


def test_what_it_has_said_comes_back(project: Project, tmp_path: Path) -> None:
    log = write(tmp_path, "log", "said\n")
    project.run(stdout=str(log))
    log.unlink()
    replay = project.reuse()
    assert isinstance(replay, Replay)
    assert Path(replay.logs["stdout"]).read_text() == "said\n"


def test_a_changed_input_runs_again(project: Project, tmp_path: Path) -> None:
    project.run()
    write(tmp_path, "src/a", "other")
    assert project.why() == InputChanged("src/a", "content")


def test_an_input_of_the_same_size_and_time_runs_again(project: Project, tmp_path: Path) -> None:
    write(tmp_path, "src/a", "one", mtime_ns=OLD_NS)
    project.run()
    write(tmp_path, "src/a", "two", mtime_ns=OLD_NS)
    assert project.why() == InputChanged("src/a", "content")


def test_an_input_replaced_by_an_older_file_runs_again(project: Project, tmp_path: Path) -> None:
    write(tmp_path, "older", "o", mtime_ns=OLD_NS)
    project.run()
    (tmp_path / "older").replace(tmp_path / "src/a")
    assert project.why() == InputChanged("src/a", "content")


def test_an_input_that_was_touched_does_not_run_again(project: Project, tmp_path: Path) -> None:
    project.run()
    for mtime_ns in (OLD_NS, 2 * OLD_NS):
        os.utime(tmp_path / "src/a", ns=(mtime_ns, mtime_ns))
        assert project.why() is None


def test_a_new_input_runs_again(project: Project, tmp_path: Path) -> None:
    project.run()
    write(tmp_path, "src/c")
    assert project.why() == InputAppeared("src/c")


def test_a_removed_input_runs_again(project: Project, tmp_path: Path) -> None:
    project.run()
    (tmp_path / "src/b").unlink()
    assert project.why() == InputGone("src/b")


def test_an_input_that_may_be_run_now_runs_again(project: Project, tmp_path: Path) -> None:
    project.run()
    (tmp_path / "src/a").chmod(0o755)
    assert project.why() == InputChanged("src/a", "mode")


def test_an_input_that_leads_to_itself_is_no_file(project: Project, tmp_path: Path) -> None:
    project.run()
    (tmp_path / "src/a").unlink()
    (tmp_path / "src/a").symlink_to("a")
    assert project.why() == InputChanged("src/a", "kind")


def test_an_input_behind_a_link_counts(project: Project, tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/x", "1")
    (tmp_path / "src/link").symlink_to("../elsewhere")
    project.run()
    assert project.why() is None
    write(tmp_path, "elsewhere/x", "2")
    assert project.why() == InputChanged("src/link/x", "content")


def test_a_link_that_leads_elsewhere_runs_again(project: Project, tmp_path: Path) -> None:
    (tmp_path / "src/link").symlink_to("a")
    project.run()
    (tmp_path / "src/link").unlink()
    (tmp_path / "src/link").symlink_to("b")
    assert project.why() == InputChanged("src/link", "target")


def test_a_deleted_output_runs_again(project: Project, tmp_path: Path) -> None:
    project.run()
    (tmp_path / "out/all").unlink()
    assert project.why() == OutputGone("out/all")


def test_a_changed_output_runs_again(project: Project, tmp_path: Path) -> None:
    project.run()
    write(tmp_path, "out/all", "mine")
    assert project.why() == OutputChanged("out/all", "content")


def test_a_file_beside_the_outputs_is_nobodys_business(project: Project, tmp_path: Path) -> None:
    project.run()
    write(tmp_path, "out/mine")
    assert project.why() is None


def test_an_input_changed_during_the_run_is_not_kept(project: Project, tmp_path: Path) -> None:
    def change_one() -> None:
        project.join()
        write(tmp_path, "src/b", "changed meanwhile")

    project.make = change_one
    assert project.run() == InputMoved("src/b")
    assert project.why() == NothingKept()


def test_an_input_that_was_something_else_during_the_run_is_not_kept(
    project: Project, tmp_path: Path
) -> None:
    def change_and_change_back() -> None:
        write(tmp_path, "src/b", "x")
        project.join()
        write(tmp_path, "src/b", "b")

    project.make = change_and_change_back
    assert project.run() == InputMoved("src/b")


def test_an_input_that_appeared_during_the_run_is_not_kept(project: Project, tmp_path: Path) -> None:
    project.make = lambda: write(tmp_path, "src/new").read_text()
    assert project.run() == InputMoved("src/new")


def test_an_output_that_was_not_made_is_said(project: Project) -> None:
    project.declare(outputs=("report.html",))
    assert project.run() == OutputNotMade("report.html")


def test_an_output_that_is_no_file_is_said(project: Project, tmp_path: Path) -> None:
    project.make = lambda: os.mkfifo(write(tmp_path, "out/x").with_name("pipe"))
    kept = project.run()
    assert isinstance(kept, Unreadable)
    assert kept.path == "out/pipe"


def test_a_result_that_can_not_be_stored_is_said(project: Project) -> None:
    with socket.socket() as made:
        project.make = lambda: {"it": [made]}
        assert project.run() == NotStorable("its result", "it['it'][0] is of the type socket.socket")


def test_a_cache_that_can_not_be_written_to_is_said(project: Project, tmp_path: Path) -> None:
    write(tmp_path, ".weft", "a file")
    assert isinstance(project.run(), CannotWrite)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"format": 1}', b"[" * 100_000])
def test_a_malformed_entry_is_recomputed(project: Project, content: bytes) -> None:
    project.run()
    entry_file(project).write_bytes(content)
    assert isinstance(project.why(), EntryUnreadable)
    project.run()
    assert project.why() is None


def test_the_entry_of_another_task_is_not_taken_for_its_own(project: Project) -> None:
    project.run()
    content = entry_file(project).read_bytes()
    project.command = Command("other")
    entry_file(project).parent.mkdir(exist_ok=True)
    entry_file(project).write_bytes(content)
    assert isinstance(project.why(), EntryUnreadable)


def test_a_name_that_is_no_text_is_kept(project: Project, tmp_path: Path) -> None:
    write(tmp_path, os.fsdecode(b"src/\xff"), "x")
    project.run()
    assert project.why() is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"run": "other"}, "command"),
        ({"cwd": "src"}, "directory"),
        ({"env": {"CC": "gcc"}}, "variable `CC`"),
    ],
)
def test_what_changed_about_the_task_is_named(
    project: Project, change: dict[str, object], field: str
) -> None:
    project.run()
    project.command = Command(**{"run": "make"} | change)  # type: ignore[arg-type]  # fields of different types
    assert project.why() == FieldChanged(field)


def test_a_declared_variable_counts_and_others_do_not(project: Project) -> None:
    project.declare(env=("MODE",))
    project.run()
    project.environment = {"HOME": "elsewhere"}
    assert project.why() is None
    project.environment = {"MODE": ""}
    assert project.why() == FieldChanged("variable `MODE`")


def test_another_version_runs_again(project: Project) -> None:
    project.run()
    project.declare(version="2")
    assert project.why() == FieldChanged("version")


def test_a_result_is_good_until_its_time_is_over(project: Project) -> None:
    project.declare(ttl_s=60.0)
    project.run()
    project.now = NOW + 60.0
    assert project.why() is None
    project.now = NOW + 60.5
    assert project.why() == Expired(age_s=60.5, ttl_s=60.0)


def test_a_shorter_time_counts_at_once(project: Project) -> None:
    project.run()
    project.declare(ttl_s=5.0)
    project.now = NOW + 6.0
    assert project.why() == Expired(age_s=6.0, ttl_s=5.0)


def test_an_entry_is_valid_by_age_and_times_of_files_alone(project: Project, tmp_path: Path) -> None:
    project.declare(ttl_s=60.0)
    kept = project.run()
    assert isinstance(kept, Kept)
    files = dict(kept.entry.file_mtimes)
    assert is_cache_valid(kept.entry, files, NOW + 60.0)
    assert not is_cache_valid(kept.entry, files, NOW + 60.1)
    assert not is_cache_valid(kept.entry, files | {"conf": files["conf"] - 1}, NOW)


def test_outputs_come_back_as_they_were(restoring: Project, tmp_path: Path) -> None:
    def make() -> None:
        restoring.join()
        (tmp_path / "out/all").chmod(0o751)
        (tmp_path / "out/link").symlink_to("names/all")
        (tmp_path / "out/void").mkdir()
        write(tmp_path, "out/closed/x", "x")
        (tmp_path / "out/closed").chmod(0o555)

    restoring.make = make
    restoring.run()
    was = tree(tmp_path / "out")
    (tmp_path / "out/closed").chmod(0o755)
    (tmp_path / "out").rename(tmp_path / "gone")
    assert isinstance(restoring.reuse(), Replay)
    assert tree(tmp_path / "out") == was
    assert restoring.why() is None


def test_a_changed_output_is_put_back(restoring: Project, tmp_path: Path) -> None:
    restoring.run()
    was = tree(tmp_path / "out")
    write(tmp_path, "out/all", "mine").chmod(0o600)
    (tmp_path / "out/names/all").unlink()
    assert isinstance(restoring.reuse(), Replay)
    assert tree(tmp_path / "out") == was


def test_writing_in_place_to_what_was_put_back_leaves_the_cache_alone(
    restoring: Project, tmp_path: Path
) -> None:
    restoring.run()
    for _ in range(2):
        (tmp_path / "out/all").unlink()
        assert isinstance(restoring.reuse(), Replay)
        assert (tmp_path / "out/all").read_text() == "cab"
        with (tmp_path / "out/all").open("r+") as file:
            file.write("XX")


def test_a_copy_that_is_gone_runs_again(restoring: Project, tmp_path: Path) -> None:
    restoring.run()
    for blob in (tmp_path / ".weft/cache/blobs").rglob("*"):
        if blob.is_file() and blob.read_text() == "cab":
            blob.unlink()
    (tmp_path / "out/all").unlink()
    assert restoring.reuse() == CopyGone("`out/all`")


def test_a_corrupt_copy_runs_again_and_is_mended(restoring: Project, tmp_path: Path) -> None:
    restoring.run()
    for blob in (tmp_path / ".weft/cache/blobs").rglob("*"):
        if blob.is_file():
            blob.chmod(0o600)
            blob.write_text("rotten")
    (tmp_path / "out/all").unlink()
    assert restoring.reuse() == CopyCorrupt("the result")
    restoring.make = lambda: restoring.join() and None
    assert restoring.reuse() == CopyGone("the result")
    restoring.run()
    (tmp_path / "out/all").unlink()
    assert restoring.reuse() == CopyCorrupt("`out/all`")
    restoring.run()
    (tmp_path / "out/all").unlink()
    assert restoring.reuse() == Replay(None, {})


def test_what_is_in_the_way_of_an_output_stays(restoring: Project, tmp_path: Path) -> None:
    restoring.run()
    (tmp_path / "out/all").unlink()
    write(tmp_path, "out/all/mine", "precious")
    verdict = restoring.reuse()
    assert isinstance(verdict, NotPutBack)
    assert verdict.path == "out/all"
    assert (tmp_path / "out/all/mine").read_text() == "precious"


def test_without_copies_nothing_is_put_back(project: Project, tmp_path: Path) -> None:
    project.run()
    project.declare(restore=True)
    (tmp_path / "out/all").unlink()
    assert project.why() == OutputGone("out/all")


def test_a_look_changes_nothing(project: Project, tmp_path: Path) -> None:
    assert project.why() == NothingKept()
    assert not (tmp_path / ".weft").exists()
    project.run()
    was = {path: path.stat() for path in (tmp_path / ".weft").rglob("*")}
    assert project.why() is None
    assert {path: path.stat() for path in (tmp_path / ".weft").rglob("*")} == was
