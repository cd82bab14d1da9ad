from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import UsageError
from weft.runtime.folder import ResultFiles, make_run_folder, new_run_id
from weft.runtime.layout import LONGEST_NAME, RunFolder, encoded


def results(tmp_path: Path) -> ResultFiles:
    return ResultFiles(RunFolder(tmp_path))


def test_the_state_folder_is_private_and_unseen_by_git(tmp_path: Path) -> None:
    make_run_folder(tmp_path, "r1")
    state = tmp_path / ".weft"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert (state / ".gitignore").read_text() == "*\n"


def test_latest_is_the_last_run_that_began(tmp_path: Path) -> None:
    runs = tmp_path / ".weft" / "runs"
    for run in ("r1", "r2"):
        assert make_run_folder(tmp_path, run).path == runs / run
        assert (runs / "latest").resolve() == (runs / run).resolve()


def test_what_a_user_has_written_to_be_ignored_stays(tmp_path: Path) -> None:
    make_run_folder(tmp_path, "r1")
    (tmp_path / ".weft" / ".gitignore").write_text("runs\n")
    make_run_folder(tmp_path, "r2")
    assert (tmp_path / ".weft" / ".gitignore").read_text() == "runs\n"


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / ".weft").write_text("a file")
    with pytest.raises(UsageError, match=r"can't make the folder of the run, .*r1: "):
        make_run_folder(tmp_path, "r1")


def test_ids_of_runs_differ() -> None:
    assert new_run_id() != new_run_id()


@given(st.lists(st.text(min_size=1), unique=True, max_size=20))
def test_tasks_have_names_of_their_own_that_any_file_system_takes(ids: list[str]) -> None:
    names = [encoded(task) for task in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        assert "/" not in name
        assert not name.startswith(".")
        assert len(name.encode()) <= LONGEST_NAME


def test_long_ids_that_begin_alike_have_names_of_their_own() -> None:
    assert encoded("a" * 500) != encoded("a" * 501)


@pytest.mark.parametrize("value", [None, 7, "text", [1, {"k": (2,)}], 2**200, 1.5, "é\n"])
def test_what_json_holds_is_written(tmp_path: Path, value: Any) -> None:
    path = results(tmp_path).write("a", value)
    assert json.loads(path.read_bytes()) == json.loads(json.dumps(value))


class Strange:
    """JSON has no form for it."""


def ring() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    "value",
    [Strange(), ring(), "\ud800", {(1, 2): 3}],
    ids=["an object", "a list in itself", "half a character", "keys of numbers"],
)
def test_what_json_does_not_hold_is_told_with_the_name_of_its_task(tmp_path: Path, value: Any) -> None:
    with pytest.raises(TypeError, match="the result of `a` can't be written as JSON: "):
        results(tmp_path).write("a", value)


def test_a_result_is_written_once(tmp_path: Path) -> None:
    files = results(tmp_path)
    path = files.write("a", 1)
    path.write_text("2")
    assert files.write("a", 1).read_text() == "2"


def test_results_are_laid_out_in_the_order_given(tmp_path: Path) -> None:
    files = results(tmp_path)
    needed = [("survey[z/a.md]", {"n": 1}), ("b", None)]
    folder = files.lay_out("c", needed)
    assert files.lay_out("c", needed) == folder  # as for a second attempt
    index = json.loads((folder / "index.json").read_text())
    assert [entry["task"] for entry in index] == ["survey[z/a.md]", "b"]
    assert [json.loads((folder / entry["file"]).read_text()) for entry in index] == [{"n": 1}, None]
