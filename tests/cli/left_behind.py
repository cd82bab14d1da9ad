"""A plan's directory with the workspaces that a run has left behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.cli.process import Ended, weft
from tests.workspaces.trees import Doing, Plan, writes

from weft.disk.values import save
from weft.model.workspace import Merge, MergePolicy
from weft.runtime.layout import encoded
from weft.runtime.places import ORDER, Order
from weft.workspaces.private import PrivatePlace
from weft.workspaces.runs import Run

RUN = "20260101-120000-aaaaaa"


class LeftBehind(Plan):
    """A plan's directory, whose tasks belong to the run of this name."""

    def __init__(self, root: Path, files: Mapping[str, str | None] | None = None, run: str = RUN) -> None:
        super().__init__(root, files)
        self.run = Run(self.home / "runs" / run)
        self.run.folder.mkdir(parents=True)
        latest = self.home / "runs" / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(run)

    def folder_of(self, task_id: str) -> Path:
        return self.run.folder / encoded(task_id)

    def did(self, task_id: str, *doings: Doing, keep_base: bool = False) -> PrivatePlace:
        """Open a place for a task and let it work there; it has ended then."""
        place = self.open(task_id, keep_base=keep_base)
        for doing in doings:
            doing(place.path)
        place.close()
        return place

    def wrote(self, task_id: str, path: str, text: str) -> PrivatePlace:
        """Let a task write one file."""
        return self.did(task_id, writes(path, text))

    def ordered(self, *tasks: str, **policies: MergePolicy) -> None:
        """Write down the order of the plan, as a run does."""
        merges = {task: Merge(policies.get(task, MergePolicy.FAIL)) for task in tasks}
        save(self.run.folder / ORDER, Order(tasks, merges))

    def weft(self, *args: str, **env: str) -> Ended:
        """Call `weft` in the plan's directory."""
        return weft(*args, cwd=self.root, env=env)
