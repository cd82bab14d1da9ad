"""Why a result can't be used again, or could not be kept: Reasons.

Knows no rules. What makes a result void is decided in the room `cache`.
"""

from __future__ import annotations

import msgspec


class _Reason(msgspec.Struct, frozen=True, tag=True):
    """What all of them share: they are values, and carry their own name when written as JSON."""


# Why a task runs.
class NothingKept(_Reason, frozen=True):
    """There is no result of it, nor of an earlier version of the task."""


class Forced(_Reason, frozen=True):
    """The user wants it to run, whatever is kept."""


class FieldChanged(_Reason, frozen=True):
    """The task is another one than that of the kept result: ``field`` of it has changed."""

    field: str


class EntryUnreadable(_Reason, frozen=True):
    """What is kept of it can't be read: ``problem`` is what is wrong with it."""

    problem: str


class Expired(_Reason, frozen=True):
    """The result is ``age_s`` seconds old, and was good for ``ttl_s``."""

    age_s: float
    ttl_s: float


class InputChanged(_Reason, frozen=True):
    """The input ``path`` is another one than that of the kept result; ``what`` of it is."""

    path: str
    what: str


class InputGone(_Reason, frozen=True):
    """The input ``path`` was there, and is no more."""

    path: str


class InputAppeared(_Reason, frozen=True):
    """The input ``path`` was not there."""

    path: str


class OutputChanged(_Reason, frozen=True):
    """The output ``path`` is not what the task left there; ``what`` of it is another."""

    path: str
    what: str


class OutputGone(_Reason, frozen=True):
    """The output ``path`` is missing."""

    path: str


class CopyGone(_Reason, frozen=True):
    """The copy of ``name``, an output, a log or the result, is missing from the cache."""

    name: str


class CopyCorrupt(_Reason, frozen=True):
    """The copy of ``name`` in the cache is not what was put there; it has been dropped."""

    name: str


class NotPutBack(_Reason, frozen=True):
    """The output ``path`` could not be put back."""

    path: str
    problem: str


class Unreadable(_Reason, frozen=True):
    """The input or output ``path`` can't be read."""

    path: str
    problem: str


MissReason = (
    NothingKept
    | Forced
    | FieldChanged
    | EntryUnreadable
    | Expired
    | InputChanged
    | InputGone
    | InputAppeared
    | OutputChanged
    | OutputGone
    | CopyGone
    | CopyCorrupt
    | NotPutBack
    | Unreadable
)


# Why a result is not kept.
class InputMoved(_Reason, frozen=True):
    """The input ``path`` was written to while the task ran: nobody knows what the task has read."""

    path: str


class OutputNotMade(_Reason, frozen=True):
    """The output ``path`` is declared, and was not made."""

    path: str


class OutputMoved(_Reason, frozen=True):
    """The output ``path`` was written to after the task had ended."""

    path: str


class NotStorable(_Reason, frozen=True):
    """``what`` has no form in which it could be kept; ``problem`` says why."""

    what: str
    problem: str


class CannotWrite(_Reason, frozen=True):
    """The cache can't be written to."""

    problem: str


NotKeptReason = InputMoved | OutputNotMade | OutputMoved | NotStorable | CannotWrite | Unreadable
