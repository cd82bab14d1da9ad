"""Why a folder is not removed."""

from __future__ import annotations

from typing import assert_never

import msgspec


class _Refusal(msgspec.Struct, frozen=True, tag=True):
    """What all of them share: they are values, and carry their own name when written as JSON."""


class NotMerged(_Refusal, frozen=True):
    """It holds work that was not brought back; ``state`` says why that is so."""

    folder: str
    state: str


class ChangedSince(_Refusal, frozen=True):
    """Something in it was changed after its task had ended, and was not brought back."""

    folder: str


class InUse(_Refusal, frozen=True):
    """Somebody has it open; ``pid`` is a process that stands in it, if that is why."""

    folder: str
    pid: int | None = None


class OutsideHome(_Refusal, frozen=True):
    """It does not lie in Weft's own folder ``home``."""

    folder: str
    home: str


class ThroughLink(_Refusal, frozen=True):
    """The way to it leads through a symbolic link."""

    folder: str
    link: str


class IsMountPoint(_Refusal, frozen=True):
    """Something is mounted there, or below it."""

    folder: str
    mount: str


Refusal = NotMerged | ChangedSince | InUse | OutsideHome | ThroughLink | IsMountPoint


def refusal_sentence(refusal: Refusal) -> str:
    """Return ``refusal`` in words that stand alone.

    >>> refusal_sentence(InUse("runs/r1/build"))
    '`runs/r1/build` is in use'
    """
    match refusal:
        case NotMerged(folder, state):
            return f"`{folder}` holds work that was not brought back: it is {state}"
        case ChangedSince(folder):
            return f"`{folder}` was changed after its task had ended"
        case InUse(folder, None):
            return f"`{folder}` is in use"
        case InUse(folder, pid):
            return f"`{folder}` is in use: process {pid} stands in it"
        case OutsideHome(folder, home):
            return f"`{folder}` does not lie in `{home}`, and nothing outside of that is removed"
        case ThroughLink(folder, link):
            return f"the way to `{folder}` leads through the link `{link}`"
        case IsMountPoint(folder, mount):
            return f"something is mounted at `{mount}`, so `{folder}` is not removed"
        case _:
            assert_never(refusal)
