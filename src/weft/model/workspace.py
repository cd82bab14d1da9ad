"""Where a task works, and how what it made is brought back: as the user declares it.

Knows words and texts only. Workspaces are made, merged and cleaned up in `workspaces`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, TypeVar

import msgspec
from msgspec.structs import replace

from weft.errors import UsageError

W = TypeVar("W", bound=StrEnum)


class WorkspaceKind(StrEnum):
    """What a task finds where it works."""

    SHARED = "shared"  # the plan's directory itself
    DIRECTORY = "directory"  # an empty directory of its own
    COPY = "copy"  # its own copy of the plan's files


class Workspace(msgspec.Struct, frozen=True):
    """The place where a task works.

    Args:
        kind: what it finds there.
        include: of a copy: the files that are copied, as patterns like those of `reads`. Nothing
            here means all. `.git` is copied only if a pattern names it, `.weft` never.
        exclude: lines as of a `.gitignore`. What they match is neither copied nor brought back.
        setup: a command that is run in it before the task. What it makes is not brought back.
        readonly: patterns of what the task must leave as it is.
        ports: names of TCP ports that are the task's own while it runs: `http` is told to it in
            the variable `WEFT_PORT_HTTP`.

    >>> Workspace(WorkspaceKind.COPY, exclude=("node_modules/",), setup="npm ci").kind.value
    'copy'
    """

    kind: WorkspaceKind = WorkspaceKind.SHARED
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    setup: str | tuple[str, ...] | None = None
    readonly: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()

    @property
    def is_private(self) -> bool:
        """Whether the task has files of its own, which are brought back later."""
        return self.kind is not WorkspaceKind.SHARED


class MergePolicy(StrEnum):
    """What becomes of a path that the task has changed, and that has changed in the plan since."""

    FAIL = "fail"  # nothing of this task is brought back; both versions are kept and named
    KEEP_BOTH = "keep-both"  # the plan's keeps its name, the task's becomes `name.TASK.ext`
    FIRST = "first"  # the plan's stays
    LAST = "last"  # the task's replaces it
    THREE_WAY = "three-way"  # texts are merged by `git merge-file`; where that can't be, as `fail`
    UNION = "union"  # texts get the lines of both, and lose what one has removed; other files as `fail`
    COMMAND = "command"  # a command merges the two files; where it fails, as `fail`


class MergeAt(StrEnum):
    """When what a task made is brought back; always in the order of the plan."""

    TASK = "task"  # when it has ended
    GROUP = "group"  # when its group has
    RUN = "run"  # when all tasks have


class Merge(msgspec.Struct, frozen=True):
    """How what a task made in its own workspace is brought back into the plan's directory.

    Args:
        policy: what becomes of paths that both have changed.
        command: for the policy `command`: merges `WEFT_MERGE_OURS` (the plan's file) and
            `WEFT_MERGE_THEIRS` (the task's), both of which came from `WEFT_MERGE_BASE`, into
            `WEFT_MERGE_RESULT`. It runs in the plan's directory; `WEFT_MERGE_PATH` is the path there.
        at: when.

    >>> Merge(MergePolicy.KEEP_BOTH).at.value
    'task'
    """

    policy: MergePolicy = MergePolicy.FAIL
    command: str | tuple[str, ...] | None = None
    at: MergeAt = MergeAt.TASK


Placed = Workspace | Literal["shared", "directory", "copy"]
Merged = Merge | Literal["fail", "keep-both", "first", "last", "three-way", "union"]


def workspace_of(given: Placed | None) -> Workspace | None:
    """Return the workspace that a caller declares, by itself or by its kind.

    >>> workspace_of("copy")
    Workspace(kind=<WorkspaceKind.COPY: 'copy'>, include=(), exclude=(), setup=None, readonly=(), ports=())

    Raises:
        UsageError: there is no such kind.
    """
    if given is None:
        return None
    place = given if isinstance(given, Workspace) else Workspace(_word(WorkspaceKind, given, "workspace"))
    return replace(
        place,
        kind=_word(WorkspaceKind, place.kind, "kind"),
        include=_texts(place.include),
        exclude=_texts(place.exclude),
        setup=_command(place.setup),
        readonly=_texts(place.readonly),
        ports=_texts(place.ports),
    )


def merge_of(given: Merged | None) -> Merge | None:
    """Return the merge that a caller declares, by itself or by its policy.

    >>> merge_of("last")
    Merge(policy=<MergePolicy.LAST: 'last'>, command=None, at=<MergeAt.TASK: 'task'>)

    Raises:
        UsageError: there is no such policy, or no such moment.
    """
    if given is None:
        return None
    merge = given if isinstance(given, Merge) else Merge(_word(MergePolicy, given, "merge"))
    return replace(
        merge,
        policy=_word(MergePolicy, merge.policy, "policy"),
        command=_command(merge.command),
        at=_word(MergeAt, merge.at, "at"),
    )


def _word(words: type[W], given: object, name: str) -> W:
    try:
        return words(str(given))
    except ValueError:
        expected = ", ".join(f'"{word.value}"' for word in words)
        raise UsageError(f"`{name}` is {given!r}; expected one of {expected}") from None


def _texts(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _command(given: str | Iterable[str] | None) -> str | tuple[str, ...] | None:
    return given if given is None or isinstance(given, str) else tuple(given)
