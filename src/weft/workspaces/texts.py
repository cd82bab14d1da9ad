"""Merges the contents of files that both the plan and a task have changed.

Carries out what `merge` asks for and can't do by itself, since it looks at manifests only. What comes of it
is put into a folder, from which `publish` takes it. A file that can't be merged stays in conflict, and with
it all that its task has changed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from weft.disk.content import digest_of
from weft.disk.entry import Entry, Kind, stamp_of
from weft.model.workspace import Merge, MergePolicy
from weft.workspaces.merge import Change, Conflict, Contested, Decision, Origin, Source
from weft.workspaces.union import union

# git looks this far for a NUL to tell whether a file is text.
LOOKED_AT_BYTES = 8000

COMMAND_TIMEOUT_S = 600.0


class Versions(msgspec.Struct, frozen=True):
    """Where the versions of files are: below ``plan``, ``task`` and, if they were kept, ``base``."""

    plan: Path
    task: Path
    base: Path | None = None


def settle(decision: Decision, merge: Merge, versions: Versions, folder: Path) -> Decision:
    """Return ``decision`` with its contested files merged, or with the conflicts that are left.

    Args:
        decision: made by the policy of ``merge``.
        merge: how texts are merged.
        versions: where they are.
        folder: an empty directory for what comes of it.

    Raises:
        OSError: a version can't be read, or the result can't be written.
    """
    changes: list[Change] = list(decision.changes)
    conflicts: list[Conflict] = []
    for number, file in enumerate(decision.contested):
        result = folder / f"{number}"
        note = _Merging(file, merge, versions, result).note()
        if note is None:
            entry = _entry(result, file.mode)
            changes.append(Change(file.path, file.plan, entry, Source(Origin.SETTLED, result.name)))
        else:
            conflicts.append(Conflict(file.path, file.plan, file.task, note=note))
    if conflicts:
        return Decision(conflicts=tuple(conflicts), left_out=decision.left_out)
    changes.sort(key=lambda change: change.path)
    return msgspec.structs.replace(decision, changes=tuple(changes), contested=())


def _entry(path: Path, mode: int) -> Entry:
    return Entry(Kind.FILE, mode, *stamp_of(path.stat()), digest=digest_of(path))


def _base_of(file: Contested, versions: Versions) -> Path | None:
    """Return where the file is as both have begun with it, if they have, and if it was kept."""
    if file.base is None or versions.base is None:
        return None
    kept = versions.base / file.path
    return kept if kept.is_file() else None


class _Merging:
    """The merge of one file into ``result``."""

    def __init__(self, file: Contested, merge: Merge, versions: Versions, result: Path) -> None:
        self._path = file.path
        self._merge = merge
        self._cwd = versions.plan
        self._plan = versions.plan / file.path
        self._task = versions.task / file.path
        self._base = _base_of(file, versions)
        self._result = result

    def note(self) -> str | None:
        """Merge, and return what has kept it from coming out well, None if nothing has."""
        match self._merge.policy:
            case MergePolicy.THREE_WAY:
                return self._three_way()
            case MergePolicy.UNION:
                return self._union()
            case MergePolicy.COMMAND:
                return self._command()
            case policy:
                raise AssertionError(f"{policy} leaves no texts to merge")

    def _three_way(self) -> str | None:
        """``git merge-file`` ends with the number of places where both have changed the same lines."""
        if self._base is None:
            return "what both have begun with is not known"
        names = [arg for name in ("plan", "base", "task") for arg in ("-L", name)]
        files = [str(path) for path in (self._plan, self._base, self._task)]
        with self._result.open("wb") as result:
            try:
                ran = subprocess.run(
                    ["git", "merge-file", "-p", "-q", *names, *files],
                    stdin=subprocess.DEVNULL,
                    stdout=result,
                    stderr=subprocess.PIPE,
                    check=False,
                )
            except FileNotFoundError:
                return "there is no git here, which merges texts"
        if ran.returncode == 0:
            return None
        if 0 < ran.returncode < 128:
            places = "one place" if ran.returncode == 1 else f"{ran.returncode} places"
            return f"both have changed the same lines, in {places}"
        told = ran.stderr.decode(errors="replace").strip()
        return told.removeprefix("error: ") or f"git merge-file ended with {ran.returncode}"

    def _union(self) -> str | None:
        base = self._base.read_bytes() if self._base is not None else b""
        plan, task = self._plan.read_bytes(), self._task.read_bytes()
        if any(b"\0" in content[:LOOKED_AT_BYTES] for content in (base, plan, task)):
            return "it is no text"
        self._result.write_bytes(union(base, plan, task))
        return None

    def _command(self) -> str | None:
        command = self._merge.command
        assert command is not None, self._merge
        self._result.touch()
        argv = ("/bin/sh", "-c", command) if isinstance(command, str) else command
        try:
            code = _run(argv, self._variables(), self._cwd)
        except OSError as error:
            return f"the command can't be run: {error.strerror}"
        if code is None:
            return f"the command took longer than {COMMAND_TIMEOUT_S:g} s"
        return None if code == 0 else f"the command ended with {code}"

    def _variables(self) -> Mapping[str, str]:
        return {
            "WEFT_MERGE_PATH": self._path,
            "WEFT_MERGE_BASE": str(self._base or os.devnull),
            "WEFT_MERGE_OURS": str(self._plan),
            "WEFT_MERGE_THEIRS": str(self._task),
            "WEFT_MERGE_RESULT": str(self._result),
        }


def _run(argv: tuple[str, ...], variables: Mapping[str, str], cwd: Path) -> int | None:
    """Run a command to its end and return its code; None if it had to be stopped."""
    with subprocess.Popen(
        argv,
        env={**os.environ, **variables},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # what it has left behind, too
            except ProcessLookupError:
                pass
