"""What tasks have made apart is brought back once and whole, however their run was cut off."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
from tests.cli.process import Ended, weft
from tests.workspaces.trees import texts

from weft.journal.encoding import decode
from weft.journal.schema import place_of
from weft.runtime.layout import journal_of
from weft.scheduling.facts import MergeEnded, TaskAdded, TaskEnded
from weft.workspaces.record import Room, State

# Each task notes that it ran; `late` ends the run as long as there is no file `ok`.
LATE = """
workspace: copy
max_concurrent: 1
groups: {stops: {critical: true}}
merge: {at: run}
tasks:
  a: echo a >> ../../../../../ran; echo a >> a; echo a >> x
  b: echo b >> ../../../../../ran; echo b >> b
  late: {run: "test -e ok", group: stops, workspace: shared}
"""


class Project:
    """A plan's directory."""

    def __init__(self, root: Path, plan: str) -> None:
        self.root = root
        (root / "weft.yaml").write_text(plan)

    def run(self, *args: str) -> Ended:
        return weft("run", *args, cwd=self.root)

    def has(self) -> dict[str, str]:
        return {path: text for path, text in texts(self.root).items() if path not in ("weft.yaml", "ok")}


def test_what_is_merged_at_the_end_is_merged_by_the_run_that_takes_up_the_first(tmp_path: Path) -> None:
    project = Project(tmp_path, LATE)
    assert project.run().code == 1
    assert project.has() == {"ran": "a\nb\n"}
    assert project.run("--resume").code == 1  # a run between, in which nothing of it is opened
    (tmp_path / "ok").touch()
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert project.has() == {"ran": "a\nb\n", "a": "a\n", "b": "b\n", "x": "a\n"}


def test_what_was_merged_at_the_end_is_not_merged_again(tmp_path: Path) -> None:
    project = Project(tmp_path, LATE.replace("a: echo", "c: test -e ok && echo c > c\n  a: echo"))
    assert project.run().code == 1
    project = Project(tmp_path, (tmp_path / "weft.yaml").read_text().replace('"test -e ok"', '"true"'))
    assert project.run("--resume").code == 1
    assert project.has() == {"ran": "a\nb\n", "a": "a\n", "b": "b\n", "x": "a\n"}
    (tmp_path / "a").write_text("somebody else's")
    (tmp_path / "ok").touch()
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert project.has() == {"ran": "a\nb\n", "a": "somebody else's", "b": "b\n", "x": "a\n", "c": "c\n"}


def test_what_was_in_conflict_is_tried_again_and_the_rest_is_left_alone(tmp_path: Path) -> None:
    project = Project(tmp_path, LATE.replace('"test -e ok"', '"true"').replace("echo b >> b", "echo b >> x"))
    assert project.run().code == 1
    assert project.has() == {"ran": "a\nb\n", "a": "a\n", "x": "a\n"}
    (tmp_path / "x").unlink()
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert project.has() == {"ran": "a\nb\n", "a": "a\n", "x": "b\n"}


def test_a_workspace_that_is_gone_fails_what_should_bring_it_back(tmp_path: Path) -> None:
    project = Project(tmp_path, LATE)
    project.run()
    (tmp_path / ".weft/runs/latest/a/workspace.json").unlink()
    (tmp_path / ".weft/runs/latest/.workspaces.json").write_text("{")
    (tmp_path / "ok").touch()
    ended = project.run("--resume")
    assert ended.code == 1
    assert "merge of the run failed" in ended.err


def test_members_of_an_atomic_group_all_run_again_if_nothing_was_brought_back(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
groups: {g: {atomic: true, workspace: copy}}
tasks:
  a: {run: "echo a >> ../../../../../ran; echo a >> x", group: g}
  b: {run: "test -e ok && echo b >> y", group: g}
""",
    )
    assert project.run().code == 1
    assert project.has() == {"ran": "a\n"}
    (tmp_path / "ok").touch()
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert project.has() == {"ran": "a\na\n", "x": "a\n", "y": "b\n"}


def test_a_member_that_runs_again_is_brought_back_although_its_group_was(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
workspace: copy
groups: {g: {min_required: 1, merge: {at: group}}}
tasks:
  a: {run: "echo a > a", group: g}
  b: {run: "test -e ok && echo b > b", group: g}
""",
    )
    assert project.run().code == 3
    assert project.has() == {"a": "a\n"}
    (tmp_path / "ok").touch()
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert project.has() == {"a": "a\n", "b": "b\n"}


def cut_off(root: Path, *kinds: type) -> None:
    """Leave of the latest run what is recorded if it is killed before it can record one of ``kinds``."""
    with closing(sqlite3.connect(journal_of(root))) as connection, connection:
        (number,) = connection.execute("SELECT max(number) FROM runs").fetchone()
        pages = connection.execute(
            "SELECT place, facts FROM facts WHERE place >= ? ORDER BY place", (place_of(number, 0),)
        ).fetchall()
        places = [place for place, page in pages if any(isinstance(fact, kinds) for fact in decode(page)[0])]
        assert places, "it has never told that"
        connection.execute("DELETE FROM facts WHERE place >= ?", (places[-1],))
        connection.execute("UPDATE runs SET state = 'crashed' WHERE number = ?", (number,))


APPENDS = """
workspace: copy
tasks:
  a: {run: "echo a >> ../../../../../ran; echo a >> x", reads: [x], writes: [x]}
  b: {run: "echo b >> ../../../../../ran; echo b >> x; echo 17", reads: [x], writes: [x], result: json}
  c: {run: "cat $WEFT_RESULTS/0*.json > c", needs: b, workspace: shared}
"""


def test_what_was_brought_back_is_done_although_nobody_could_record_that(tmp_path: Path) -> None:
    project = Project(tmp_path, APPENDS)
    assert project.run().code == 0
    cut_off(tmp_path, MergeEnded)
    (tmp_path / "c").unlink()
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert "2 tasks are done, 1 runs again" in ended.err
    assert project.has() == {"ran": "a\nb\n", "x": "a\nb\n", "c": "17"}


def test_what_was_not_brought_back_any_more_is_done_again(tmp_path: Path) -> None:
    project = Project(tmp_path, APPENDS)
    assert project.run().code == 0
    cut_off(tmp_path, MergeEnded)
    record = Room(tmp_path / ".weft/runs/latest/b")
    record.write(msgspec.structs.replace(record.read(), state=State.UNMERGED))
    (tmp_path / "x").write_text("a\n")  # as before
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert project.has() == {"ran": "a\nb\nb\n", "x": "a\nb\n", "c": "17"}


def test_members_of_an_atomic_group_stay_if_their_work_was_brought_back(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
groups: {g: {atomic: true, workspace: copy}}
tasks:
  a: {run: "echo a >> ../../../../../ran; echo a >> x", group: g}
  b: {run: "echo b >> x", needs: a, group: g}
""",
    )
    assert project.run().code == 0
    cut_off(tmp_path, TaskEnded)
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert project.has() == {"ran": "a\n", "x": "a\nb\n"}


def test_a_task_that_wrote_only_apart_has_written_over_nothing(tmp_path: Path) -> None:
    plan = """
tasks:
  a: {run: "echo a >> ran; echo a > x", reads: [], writes: [x, ran]}
  b: {run: "cat x > y", reads: [x], writes: [y]}
  c: {run: "echo c > x; test -e ok", reads: [], writes: [x], workspace: directory}
"""
    project = Project(tmp_path, plan)
    assert project.run().code == 1
    project = Project(tmp_path, plan.replace("cat x > y", "cat x x > y"))
    (tmp_path / "ok").touch()
    ended = project.run("--resume")
    assert ended.code == 1, ended  # an empty directory has no `ok`
    assert project.has() == {"ran": "a\n", "x": "a\n", "y": "a\na\n"}


def test_a_run_that_was_cut_off_before_it_began_is_not_what_is_taken_up(tmp_path: Path) -> None:
    project = Project(tmp_path, "tasks: {a: echo a >> ran, b: {run: test -e ok, needs: a}}")
    assert project.run().code == 1
    assert project.run("--resume").code == 1
    cut_off(tmp_path, TaskAdded)
    (tmp_path / "ok").touch()
    ended = project.run("--resume")
    assert ended.code == 0, ended
    assert project.has() == {"ran": "a\n"}
