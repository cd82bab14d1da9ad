"""Facts as JSON, and back: what is read is data, never code.

A page is a JSON list of facts that were made together. Each names its kind and its fields as its class does;
a golden file in the tests keeps these names from changing unseen. The result of a task is kept if JSON holds
exactly that value; else it is `NotKept`. Of an exception its Reason is kept. A task's outcome that is
that of its last attempt, which is nearly always, is written once.
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


_Written = (
    RunStarted
    | TaskAdded
    | TaskTakenUp
    | TaskQueued
    | LineHeld
    | SharesAsked
    | AttemptStarted
    | StopAsked
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
    return to_json(list(_written(facts)))


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


def _written(facts: Sequence[Fact]) -> Iterator[object]:
    last: AttemptEnded | None = None
    for fact in facts:
        if isinstance(fact, AttemptEnded):
            last = fact
            yield _with_value_kept(fact)
        elif isinstance(fact, TaskEnded):
            if last is not None and last.outcome is fact.outcome and last.attempt.task == fact.task:
                yield _TaskEnded(fact.at, fact.task, _AS_ATTEMPT)
            else:
                yield _with_value_kept(fact)
        else:
            yield fact


def _with_value_kept(fact: AttemptEnded | TaskEnded) -> object:
    """Return ``fact``, or what is written in its place because JSON can't hold the result."""
    outcome = fact.outcome
    if not isinstance(outcome, Succeeded) or is_kept(outcome.value):
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
        if isinstance(fact, _AttemptEnded):
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
