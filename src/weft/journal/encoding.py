"""Facts as JSON, and back: what is read is data, never code.

A page is a JSON list of facts that were made together. Each names its kind and its fields as its class does;
a golden file in the tests keeps these names from changing unseen. The result of a task is kept if JSON holds
exactly that value; else it is `NotKept`. Of an exception its Reason is kept. A task's outcome that is
that of its last attempt, which is nearly always, is written once. Tasks that start at one moment, and
tasks that succeed at one moment with their first attempt, are written as one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import Any, TypeVar

import msgspec

from weft.model.attempt import Attempt
from weft.model.outcome import Cancelled, Failed, Outcome, Skipped, Succeeded
from weft.scheduling.facts import (
    AttemptEnded,
    AttemptStarted,
    CacheHit,
    CacheMissed,
    Fact,
    GaveUp,
    GroupDecided,
    HealthChanged,
    LineHeld,
    MergeEnded,
    MergeStarted,
    NotCached,
    RetryScheduled,
    RunEnded,
    RunInterrupted,
    RunStarted,
    RunStopping,
    SharesAsked,
    StopAsked,
    TaskAdded,
    TaskEnded,
    TaskQueued,
    TaskTakenUp,
    UndeclaredWrites,
)

T = TypeVar("T")

_FACTS_PER_PAGE = 1000
_LARGEST_PAGE_BYTES = 64 * 1024 * 1024  # as large as one result may be; SQLite holds 1 GB
_DEEPEST = 200  # what is nested deeper, the parser may refuse to read
_LONGEST_INT_BITS = 4096  # Python reads no integers of more than 4,300 digits


class NotKept(msgspec.Struct, frozen=True):
    """Stands for a result that JSON can't hold; ``kind`` is the name of its type."""

    kind: str


class PassedOver(msgspec.Struct, frozen=True):
    """A fact that this Weft does not understand; a newer one has written it."""

    kind: str
    why: str


class _NotKept(msgspec.Struct, frozen=True, tag="NotKept"):
    kind: str


class _AsAttempt(msgspec.Struct, frozen=True, tag="AsAttempt"):
    """The outcome of the attempt that ended last before it, in the same page."""


_Ended = Succeeded | Failed | Cancelled | Skipped | _NotKept


class _AttemptEnded(msgspec.Struct, frozen=True, tag="AttemptEnded"):
    at: float
    attempt: Attempt
    outcome: _Ended


class _TaskEnded(msgspec.Struct, frozen=True, tag="TaskEnded"):
    at: float
    task: int
    outcome: _Ended | _AsAttempt


class _Started(msgspec.Struct, tag="Started"):
    """The first attempts at ``tasks`` have started, one right after the other."""

    at: float
    tasks: list[int]


class _Done(msgspec.Struct, tag="Done"):
    """First attempts at ``tasks`` have succeeded, and with each its task before the next one's did."""

    at: float
    tasks: list[int]
    values: list[Any]


_Written = (
    RunStarted
    | TaskAdded
    | TaskTakenUp
    | TaskQueued
    | LineHeld
    | SharesAsked
    | _Started
    | AttemptStarted
    | StopAsked
    | _Done
    | _AttemptEnded
    | CacheHit
    | CacheMissed
    | NotCached
    | UndeclaredWrites
    | MergeStarted
    | MergeEnded
    | RetryScheduled
    | GaveUp
    | _TaskEnded
    | GroupDecided
    | HealthChanged
    | RunStopping
    | RunInterrupted
    | RunEnded
)

_AS_ATTEMPT = _AsAttempt()
# Exceptions are all that reaches the hook: results have been looked at before.
_encoder = msgspec.json.Encoder(enc_hook=lambda exception: None)
_pages = msgspec.json.Decoder(list[_Written])


def pages_of(facts: Sequence[Fact]) -> Iterator[tuple[int, bytes]]:
    """Yield the facts as pages of a size that can be kept, each with the number of facts in it."""
    for first in range(0, len(facts), _FACTS_PER_PAGE):
        yield from _fitting(facts[first : first + _FACTS_PER_PAGE])


def encode(facts: Sequence[Fact]) -> bytes:
    """Return ``facts`` as one page."""
    return to_json(_written(facts))


def decode(page: bytes) -> tuple[list[Fact], list[PassedOver]]:
    """Return the facts of a page, and those that were passed over.

    Raises:
        ValueError: this is no page.
    """
    try:
        return _read(_pages.decode(page))
    except msgspec.DecodeError:
        return _read(_one_by_one(page))


def to_json(value: Any) -> bytes:
    """Return ``value`` as JSON; exceptions in it are left out."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        # A file name that is no text has lone surrogates: these only Python's own JSON can write.
        return json.dumps(msgspec.to_builtins(value, enc_hook=lambda exception: None)).encode()


def from_json(text: bytes | str, shape: type[T]) -> T:
    """Return the value that `to_json` has written.

    Raises:
        ValueError: this is none of that ``shape``.
    """
    try:
        return msgspec.json.decode(text, type=shape)
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(text), shape)


def is_kept(value: Any, depth: int = 0) -> bool:
    """Tell whether JSON holds exactly ``value``: what is read back is equal, and of the same types.

    >>> is_kept({"sizes": [1, 2.5, None]}), is_kept((1, 2)), is_kept({1: "one"}), is_kept(float("nan"))
    (True, False, False, False)
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(value.bit_length() <= _LONGEST_INT_BITS)
    if kind is float:
        return isfinite(value)
    if depth == _DEEPEST:
        return False
    if kind is list:
        return all(is_kept(part, depth + 1) for part in value)
    if kind is dict:
        return all(type(key) is str and is_kept(part, depth + 1) for key, part in value.items())
    return False


def _fitting(facts: Sequence[Fact]) -> Iterator[tuple[int, bytes]]:
    page = encode(facts)
    if len(page) <= _LARGEST_PAGE_BYTES or len(facts) == 1:
        yield len(facts), page
    else:
        middle = len(facts) // 2
        yield from _fitting(facts[:middle])
        yield from _fitting(facts[middle:])


def _written(facts: Sequence[Fact]) -> list[object]:
    """Return what is written for ``facts``; what stands last in it may still be added to."""
    written: list[object] = []
    last: AttemptEnded | None = None
    for fact in facts:
        if type(fact) is AttemptStarted:
            _add_start(written, fact)
        elif type(fact) is AttemptEnded:
            last = fact
            written.append(_with_value_kept(fact))
        elif type(fact) is not TaskEnded:
            written.append(fact)
        elif last is None or last.outcome is not fact.outcome or last.attempt.task != fact.task:
            written.append(_with_value_kept(fact))
        elif written[-1] is last:
            written.pop()
            _add_end(written, last, fact)
        else:
            written.append(_TaskEnded(fact.at, fact.task, _AS_ATTEMPT))
    return written


def _add_start(written: list[object], fact: AttemptStarted) -> None:
    before = written[-1] if written else None
    if fact.attempt.number != 1:
        written.append(fact)
    elif type(before) is _Started and before.at == fact.at:
        before.tasks.append(fact.attempt.task)
    else:
        written.append(_Started(fact.at, [fact.attempt.task]))


def _add_end(written: list[object], attempt: AttemptEnded, task: TaskEnded) -> None:
    """Add an attempt and right after it its task, whose outcome is the same."""
    before, outcome = written[-1] if written else None, task.outcome
    if type(outcome) is not Succeeded or attempt.attempt.number != 1 or attempt.at != task.at:
        written += (attempt, _TaskEnded(task.at, task.task, _AS_ATTEMPT))
    elif type(before) is _Done and before.at == task.at:
        before.tasks.append(task.task)
        before.values.append(outcome.value)
    else:
        written.append(_Done(task.at, [task.task], [outcome.value]))


def _with_value_kept(fact: AttemptEnded | TaskEnded) -> object:
    """Return ``fact``, or what is written in its place because JSON can't hold the result."""
    outcome = fact.outcome
    if type(outcome) is not Succeeded or is_kept(outcome.value):
        return fact
    value = outcome.value
    told = _NotKept(value.kind if isinstance(value, NotKept) else _name_of(type(value)))
    if isinstance(fact, AttemptEnded):
        return _AttemptEnded(fact.at, fact.attempt, told)
    return _TaskEnded(fact.at, fact.task, told)


def _name_of(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _read(page: Iterable[_Written | PassedOver]) -> tuple[list[Fact], list[PassedOver]]:
    facts: list[Fact] = []
    passed_over: list[PassedOver] = []
    last: AttemptEnded | None = None
    for fact in page:
        if isinstance(fact, _Started):
            facts += [AttemptStarted(fact.at, Attempt(task)) for task in fact.tasks]
        elif isinstance(fact, _Done):
            for task, value in zip(fact.tasks, fact.values, strict=True):
                facts += _success(fact.at, task, value)
        elif isinstance(fact, _AttemptEnded):
            last = AttemptEnded(fact.at, fact.attempt, _outcome(fact.outcome))
            facts.append(last)
        elif isinstance(fact, _TaskEnded):
            if not isinstance(fact.outcome, _AsAttempt):
                facts.append(TaskEnded(fact.at, fact.task, _outcome(fact.outcome)))
            elif last is not None and last.attempt.task == fact.task:
                facts.append(TaskEnded(fact.at, fact.task, last.outcome))
            else:
                passed_over.append(PassedOver("TaskEnded", "it ended as its attempt, which is not there"))
        elif isinstance(fact, PassedOver):
            last = None  # it may have been the attempt that the next task ended with
            passed_over.append(fact)
        else:
            facts.append(fact)
    return facts, passed_over


def _success(at: float, task: int, value: Any) -> tuple[AttemptEnded, TaskEnded]:
    outcome = Succeeded(value)
    return AttemptEnded(at, Attempt(task), outcome), TaskEnded(at, task, outcome)


def _outcome(written: _Ended) -> Outcome:
    return Succeeded(NotKept(written.kind)) if isinstance(written, _NotKept) else written


def _one_by_one(page: bytes) -> Iterator[_Written | PassedOver]:
    """Decode slowly: by Python's JSON, which reads lone surrogates, and each fact on its own."""
    parts = json.loads(page)
    if not isinstance(parts, list):
        raise ValueError(f"expected a list of facts, found {type(parts).__name__}")
    for part in parts:
        try:
            yield msgspec.convert(part, _Written)
        except msgspec.ValidationError as error:
            kind = part.get("type") if isinstance(part, dict) else None
            yield PassedOver(str(kind), str(error))
