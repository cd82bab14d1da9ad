"""Where a run keeps its files: `.weft/runs/RUN/TASK/{workspace,stdout.log,stderr.log,result.json}`.

A log is there as soon as something is written to it, and at the latest when the command has run for
a moment. A command that was quick and wrote nothing has none. The logs are those of the last attempt;
those of attempts before it stand beside them as `attempt-1.stdout.log` and so on.

Knows names of files only; nothing here reads or writes.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from weft.model import files

STATE_FOLDER = files.STATE_FOLDER

# The longest file name of common file systems is 255 bytes; `.json` and the like must fit behind it.
LONGEST_NAME = 200


def encoded(task_id: str) -> str:
    """Return a file name for ``task_id``: different ids have different names, plain ids their own.

    >>> encoded("survey[docs/a.md]")
    'survey[docs%2Fa.md]'
    >>> encoded("..")
    '%2E.'
    """
    name = quote(task_id, safe=" []()=,+@", errors="surrogateescape")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > LONGEST_NAME:
        digest = sha256(task_id.encode(errors="surrogateescape")).hexdigest()[:16]
        name = f"{name[: LONGEST_NAME - 17]}~{digest}"
    return name


def cache_folder(root: Path) -> Path:
    """Return where the results of the tasks of the plan in ``root`` are kept.

    >>> str(cache_folder(Path("plan")))
    'plan/.weft/cache'
    """
    return root / STATE_FOLDER / "cache"


def publishing_of(root: Path) -> Path:
    """Return where is kept what is being brought back from workspaces, until all of it is."""
    return root / STATE_FOLDER / "publish"


def journal_of(root: Path) -> Path:
    """Return where the journal of the plan in ``root`` is.

    >>> str(journal_of(Path("project")))
    'project/.weft/weft.db'
    """
    return root / STATE_FOLDER / "weft.db"


class RunFolder:
    """The folder of one run.

    >>> str(RunFolder(Path(".weft/runs/r1")).stdout("build"))
    '.weft/runs/r1/build/stdout.log'
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, root: Path, run_id: str) -> RunFolder:
        """Return the folder of run ``run_id`` of the plan in ``root``."""
        return cls(root / STATE_FOLDER / "runs" / run_id)

    def task(self, task_id: str) -> Path:
        return self.path / encoded(task_id)

    def stdout(self, task_id: str) -> Path:
        return self.task(task_id) / "stdout.log"

    def stderr(self, task_id: str) -> Path:
        return self.task(task_id) / "stderr.log"

    def outputs(self, task_id: str) -> tuple[str, str]:
        """Return both of these as strings: they are made for every command, and a `Path` takes time."""
        task = f"{self.path}/{encoded(task_id)}"
        return f"{task}/stdout.log", f"{task}/stderr.log"

    def earlier_outputs(self, task_id: str, number: int) -> tuple[str, str]:
        """Return where both of these are kept of attempt ``number``, as soon as another one begins."""
        task = f"{self.path}/{encoded(task_id)}/attempt-{number}"
        return f"{task}.stdout.log", f"{task}.stderr.log"

    def setup_outputs(self, task_id: str) -> tuple[str, str]:
        """Return where both of these are of the command that sets up its workspace."""
        task = f"{self.path}/{encoded(task_id)}/setup"
        return f"{task}.stdout.log", f"{task}.stderr.log"

    @property
    def spool(self) -> Path:
        """Where output lies of which it is not known yet whether there is any; no task's own name."""
        return self.path / ".spool"

    def result(self, task_id: str) -> Path:
        return self.task(task_id) / "result.json"

    def aggregate(self, name: str) -> Path:
        """Return the folder of an aggregate that is made by a command; no task's own name."""
        return self.path / ".aggregates" / encoded(name)

    def needed_results(self, task_id: str) -> Path:
        """Return the folder that a command sees as ``WEFT_RESULTS``."""
        return self.task(task_id) / "results"
