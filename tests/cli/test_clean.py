"""`weft clean`: takes away what was brought back, and tells of all else why it stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.left_behind import RUN, LeftBehind
from tests.cli.process import TIMEOUT_S, Ended, weft
from tests.workspaces.trees import texts

from weft.disk.held import let_go

WHERE = f".weft/runs/{RUN}"
STAND_THERE = "import sys; print('here', flush=True); sys.stdin.read()"


@pytest.fixture
def plan(tmp_path: Path) -> LeftBehind:
    return LeftBehind(tmp_path / "plan", {"a": "a"})


def merged(plan: LeftBehind, task: str = "t") -> Path:
    """Let a task be merged; return its folder, in which its log is, too."""
    assert plan.bring(plan.wrote(task, f"made by {task}", "x")).is_merged
    (plan.folder_of(task) / "stdout.log").write_text("told")
    return plan.folder_of(task)


def refused(ended: Ended) -> str:
    """Return the reason why the only workspace stays, which was to go."""
    assert (ended.code, ended.err) == (1, "")
    line, count = ended.out.splitlines()
    assert count == "0 workspaces removed, 1 kept"
    return line


@contextmanager
def somebody_in(folder: Path) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", STAND_THERE], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as stands:
        assert stands.stdout is not None
        stands.stdout.readline()
        yield stands.pid
        stands.communicate(timeout=TIMEOUT_S)


def test_what_was_merged_goes_and_its_logs_stay(plan: LeftBehind) -> None:
    folders = [merged(plan, task) for task in ("t1", "t2[a/b]")]
    later = LeftBehind(plan.root, run="20260102-120000-bbbbbb")
    folders.append(merged(later))
    assert plan.weft("clean") == (0, "3 workspaces removed\n", "")
    assert [texts(folder) for folder in folders] == [{"stdout.log": "told"}] * 3
    assert plan.weft("clean") == (0, "0 workspaces removed\n", "")


def test_a_run_can_be_chosen(plan: LeftBehind) -> None:
    first = merged(plan)
    later = LeftBehind(plan.root, run="20260102-120000-bbbbbb")
    second = merged(later)
    assert plan.weft("clean", "latest") == (0, "1 workspace removed\n", "")
    assert ((first / "workspace").exists(), (second / "workspace").exists()) == (True, False)


def test_what_was_not_brought_back_stays_and_that_is_no_failure(plan: LeftBehind) -> None:
    plan.wrote("conflicted", "a", "1")
    plan.wrote("unmerged", "a", "2")
    (plan.root / "a").write_text("3")
    plan.bring(plan.left("conflicted"))
    merged(plan)
    assert plan.weft("clean") == (
        0,
        (
            f"{RUN} conflicted: kept, since `{WHERE}/conflicted` holds work that was not brought back: "
            "it is conflicted\n"
            f"{RUN} unmerged: kept, since `{WHERE}/unmerged` holds work that was not brought back: "
            "it is unmerged\n"
            "1 workspace removed, 2 kept\n"
        ),
        "",
    )
    assert (plan.folder_of("conflicted") / "workspace/a").read_text() == "1"


def test_all_puts_the_rest_into_quarantine(plan: LeftBehind) -> None:
    plan.wrote("unmerged", "a", "precious")
    (merged(plan, "later changed") / "workspace/a").write_text("precious, too")
    place = Path(plan.folder_of("without a record"), "workspace")
    place.mkdir(parents=True)
    quarantine = f".weft/quarantine/runs/{RUN}"
    lines = [
        f"{RUN} later changed: moved into `{quarantine}/later changed`",
        f"{RUN} unmerged: moved into `{quarantine}/unmerged`",
        f"{RUN} without a record: moved into `{quarantine}/without a record`",
        "0 workspaces removed",
    ]
    assert plan.weft("clean", "--all") == (0, "".join(f"{line}\n" for line in lines), "")
    assert (plan.root / quarantine / "unmerged/workspace/a").read_text() == "precious"
    assert (plan.root / quarantine / "later changed/workspace/a").read_text() == "precious, too"
    assert plan.weft("clean", "--all") == (0, "0 workspaces removed\n", "")


def test_a_dry_run_touches_nothing(plan: LeftBehind) -> None:
    merged(plan)
    plan.wrote("unmerged", "a", "1")
    before = texts(plan.home)
    assert plan.weft("clean", "--dry-run", "--all") == (
        0,
        f"{RUN} unmerged: would be moved into `.weft/quarantine`\n1 workspace would be removed\n",
        "",
    )
    assert texts(plan.home) == before


def test_what_was_changed_after_its_merge_stays(plan: LeftBehind) -> None:
    (merged(plan) / "workspace/a").write_text("changed since")
    told = refused(plan.weft("clean"))
    assert told == f"{RUN} t: kept, since `{WHERE}/t` was changed after its task had ended"


def test_what_somebody_stands_in_stays(plan: LeftBehind) -> None:
    folder = merged(plan)
    for args in ([], ["--all"]):
        with somebody_in(folder / "workspace") as pid:
            told = refused(plan.weft("clean", *args))
        assert told == f"{RUN} t: kept, since `{WHERE}/t` is in use: process {pid} stands in it"
    assert plan.weft("clean").code == 0


def test_what_a_task_works_in_stays_even_with_all(plan: LeftBehind) -> None:
    place = plan.open("t")
    told = f"{RUN} t: kept, since `{WHERE}/t` is in use"
    assert refused(plan.weft("clean", "--all")) == told
    was_not_to_go = plan.weft("clean")
    assert (was_not_to_go.code, was_not_to_go.out.splitlines()[0]) == (0, told)
    place.close()


def test_nothing_is_taken_from_a_run_that_goes_on(plan: LeftBehind) -> None:
    merged(plan)
    held = plan.run.hold()
    assert refused(plan.weft("clean", "--all")) == f"{RUN} t: kept, since `{WHERE}` is in use"
    let_go(held)
    assert plan.weft("clean").out == "1 workspace removed\n"


@pytest.mark.parametrize("at", [".weft", ".weft/runs", WHERE, f"{WHERE}/t"])
def test_nothing_is_removed_through_a_link(plan: LeftBehind, tmp_path: Path, at: str) -> None:
    merged(plan)
    elsewhere = tmp_path / "elsewhere"
    (plan.root / at).rename(elsewhere)
    (plan.root / at).symlink_to(elsewhere)
    before = texts(elsewhere)
    told = refused(plan.weft("clean", "--all"))
    assert told.startswith(f"{RUN} t: kept, since the way to `{WHERE}/t` leads through the link `")
    assert told.endswith(f"/{at}`")
    assert texts(elsewhere) == before


def test_latest_is_a_name_and_never_a_way_out(plan: LeftBehind, tmp_path: Path) -> None:
    folder = merged(plan)
    elsewhere = tmp_path / "elsewhere"
    plan.run.folder.rename(elsewhere)
    latest = plan.home / "runs/latest"
    latest.unlink()
    latest.symlink_to(elsewhere)
    told = refused(plan.weft("clean", "latest"))
    assert "leads through the link" in told
    assert (elsewhere / folder.name / "workspace").is_dir()


def test_a_link_inside_of_a_workspace_is_removed_and_not_followed(plan: LeftBehind, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/x").write_text("x")
    place = plan.did("t", lambda root: os.symlink(tmp_path / "precious", root / "way"))
    assert plan.bring(place).is_merged
    assert plan.weft("clean").code == 0
    assert not place.path.exists()
    assert texts(tmp_path / "precious") == {"x": "x"}


def test_where_no_run_was_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert LeftBehind(tmp_path / "new").weft("clean", "-C", str(tmp_path)) == (
        0,
        "0 workspaces removed\n",
        "",
    )


def test_whole_runs_are_taken_away_but_the_newest_and_those_of_which_work_is_left(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text("tasks: {bad: {run: echo x > a; exit 1, workspace: copy}}")
    weft("run", cwd=tmp_path)
    (left,) = (tmp_path / ".weft/runs").glob("2*")
    (tmp_path / "weft.yaml").write_text("tasks: {good: echo fine}")
    for _ in range(3):
        assert weft("run", cwd=tmp_path).code == 0
    told = weft("clean", "--keep", "1", "--dry-run", cwd=tmp_path)
    assert told.out.splitlines()[-1] == "2 runs would be taken away"
    told = weft("clean", "--keep", "1", cwd=tmp_path)
    assert told.code == 0
    assert told.out.splitlines()[-1] == "2 runs taken away"
    assert f"{left.name}: kept, since " in told.out
    assert (left / "bad/workspace/a").read_text() == "x\n"
    assert len(weft("runs", cwd=tmp_path).out.splitlines()) == 2


def test_that_no_run_is_left_is_told(tmp_path: Path) -> None:
    (tmp_path / "weft.yaml").write_text("tasks: {good: echo fine}")
    weft("run", cwd=tmp_path)
    assert weft("clean", "--keep", "0", cwd=tmp_path).out.endswith("\n1 run taken away\n")
    assert weft("runs", cwd=tmp_path).out == "no run is left\n"
    assert weft("runs", "--json", cwd=tmp_path).out == "[]\n"


def test_one_run_and_all_but_the_newest_do_not_go_together(tmp_path: Path) -> None:
    told = weft("clean", "latest", "--keep", "1", cwd=tmp_path)
    assert told.code == 2
    assert "take one of the two" in told.err
