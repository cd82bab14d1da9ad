"""Why a folder is not removed."""

from __future__ import annotations

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
