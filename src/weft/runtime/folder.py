"""Makes the folder of a run, and the files through which commands get results of other tasks."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from weft.errors import UsageError
from weft.runtime.layout import STATE_FOLDER, RunFolder

INDEX = "index.json"


def new_run_id() -> str:
    """Return an id that sorts by time and that no other run has.

    >>> len(new_run_id())
    22
    """
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def make_run_folder(root: Path, run_id: str) -> RunFolder:
    """Make `.weft/runs/RUN` in ``root``, private to this user and unseen by git; point `latest` at it.

    Raises:
        UsageError: the folder can't be made.
    """
    folder = RunFolder.of(root, run_id)
    try:
        make_state_folder(root)
        folder.path.mkdir(parents=True)
        _point_latest_at(folder.path)
    except OSError as error:
        raise UsageError(f"can't make the folder of the run, {folder.path}: {error.strerror}") from error
    return folder


def make_state_folder(root: Path) -> Path:
    """Return `.weft` in ``root``, made if need be: private to this user and unseen by git.

    Raises:
        OSError: it can't be made.
    """
    state = root / STATE_FOLDER
    state.mkdir(mode=0o700, exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return state


def _point_latest_at(run: Path) -> None:
    beside = run.with_name(f".latest-{run.name}")
    beside.symlink_to(run.name)
    beside.replace(run.with_name("latest"))


class ResultFiles:
    """Writes results as JSON files, each once, and lays them out for those who need them."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._written: set[str] = set()

    def write(self, task_id: str, value: Any) -> Path:
        """Write the result of ``task_id`` and return its file.

        Raises:
            TypeError: JSON has no form for the value.
        """
        path = self._folder.result(task_id)
        if task_id not in self._written:
            try:
                content = msgspec.json.encode(value)
            except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
                raise TypeError(f"the result of `{task_id}` can't be written as JSON: {error}") from error
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self._written.add(task_id)
        return path

    def lay_out(self, task_id: str, needed: Iterable[tuple[str, Any]]) -> Path:
        """Make the folder with the results that ``task_id`` needs, and return it.

        Args:
            task_id: the task that is about to start.
            needed: ids and results of the tasks that it needs, in plan order.
        """
        folder = self._folder.needed_results(task_id)
        folder.mkdir(parents=True, exist_ok=True)
        index = []
        for number, (needed_id, value) in enumerate(needed):
            source = self.write(needed_id, value)
            name = f"{number:06}.json"
            link = folder / name
            with contextlib.suppress(FileExistsError):  # laid out by an earlier attempt
                link.symlink_to(os.path.relpath(source, folder))
            index.append({"task": needed_id, "file": name})
        (folder / INDEX).write_bytes(msgspec.json.encode(index))
        return folder
