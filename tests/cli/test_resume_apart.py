"""What tasks have made apart is brought back by the run that takes up theirs, once and whole."""

from __future__ import annotations

from pathlib import Path

from tests.cli.process import Ended, weft
from tests.workspaces.trees import texts

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
