"""Fingerprints: by which a later run sees whether a task is still the same, and if not, what has changed.

Of each part only a digest is kept: commands and environments may hold secrets. A function is known by its
qualified name and by the version that its user gives; its code is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import PurePath
from types import ModuleType
from typing import Any

import msgspec

from weft.model.reason import ReadAfterWrite, WriteAfterWrite
from weft.model.work import Call, Command, ResultOf, Work
from weft.planning.prepare import PreparedTask

_DIGEST_BYTES = 8  # one in 2**64 changes goes unseen
_DEEPEST = 100  # as deep as references are looked for among the arguments of a call
_TOLD_BY_THEMSELVES = frozenset({str, bool, int, float, bytes, type(None)})
_HOLDERS = frozenset({list, tuple, dict})


class Fingerprint(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Digests of what makes a task what it is, by part; "" for what is not declared.

    ``sources`` are the tasks whose writes it reads or writes over. ``unknown`` is the name of a type
    among the arguments of which nobody can tell whether two are the same. That it works ``apart``, where
    nobody sees what it writes, is no part of it.
    """

    command: str = ""
    result: str = ""
    function: str = ""
    arguments: str = ""
    cwd: str = ""
    env: str = ""
    reads: str = ""
    writes: str = ""
    needs: str = ""
    sources: str = ""
    version: str = ""
    unknown: str = ""
    apart: bool = False


_PARTS = tuple(part for part in Fingerprint.__struct_fields__ if part != "apart")


def fingerprint(prepared: PreparedTask, version: str = "") -> Fingerprint:
    """Return the fingerprint of a task.

    Args:
        prepared: the task at its place; of its edges those count that bring it what others write.
        version: what its user has declared, to be changed when the code of the function is.

    >>> from weft.testing import task
    >>> tasks = (task("a", work=Command(run)) for run in ("make", "make all"))
    >>> changed(*(fingerprint(PreparedTask(0, each)) for each in tasks))
    ('command',)
    """
    task = prepared.task
    parts = _parts_of(task.work)
    if task.accesses is not None:
        parts["reads"] = _digest(sorted(set(task.accesses.reads)))
        parts["writes"] = _digest(sorted(set(task.accesses.writes)))
    if task.needs:
        parts["needs"] = _digest(sorted(set(task.needs)))
    if sources := _sources(prepared):
        parts["sources"] = _digest(sources)
    if version:
        parts["version"] = _digest(version)
    return Fingerprint(**parts, apart=task.is_private)


def fingerprints(tasks: Iterable[PreparedTask]) -> dict[str, Fingerprint]:
    """Return the fingerprints of tasks by their ids."""
    return {prepared.task.id: fingerprint(prepared) for prepared in tasks}


def changed(old: Fingerprint, new: Fingerprint) -> tuple[str, ...]:
    """Return the parts in which the two differ."""
    return tuple(part for part in _PARTS if getattr(old, part) != getattr(new, part))


def _sources(prepared: PreparedTask) -> list[str]:
    if not prepared.edges and not prepared.merges_after:
        return []  # as most have none
    reasons = [edge.because for edge in (*prepared.edges, *prepared.merges_after)]
    written = {because.writer for because in reasons if isinstance(because, ReadAfterWrite)}
    return sorted(written | {because.first for because in reasons if isinstance(because, WriteAfterWrite)})


class _Unknown(Exception):
    """The argument is the name of a type."""


def _parts_of(work: Work) -> dict[str, str]:
    if type(work) is Call:
        return _parts_of_call(work)
    if isinstance(work, Command):
        return {
            "command": _digest(work.run),
            "result": work.result.value,
            "cwd": _digest(work.cwd),
            "env": _digest(sorted(work.env.items())) if work.env else "",
        }
    return {}  # what is brought back is told by the task's name, and by what it needs


def _parts_of_call(call: Call) -> dict[str, str]:
    try:
        function, bound = _function(call.function)
        if not (bound or call.args or call.kwargs):
            return {"function": _digest(function), "arguments": _NO_ARGUMENTS}
        arguments = (_plain(bound), _plain(call.args), _plain(dict(call.kwargs)))
    except _Unknown as unknown:
        return {"unknown": str(unknown)}
    return {"function": _digest(function), "arguments": _digest(arguments)}


def _function(function: Any) -> tuple[str, list[Any]]:
    """Return the name of a function, and the arguments that are bound to it."""
    if type(function) is partial:
        name, bound = _function(function.func)
        return name, [*bound, function.args, function.keywords]
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType | type):
        raise _Unknown(type(owner).__qualname__)  # it is a method, and its object may hold anything
    if not hasattr(function, "__qualname__"):
        raise _Unknown(type(function).__qualname__)
    return f"{getattr(function, '__module__', None)}.{function.__qualname__}", []


def _plain(value: Any, depth: int = 0) -> Any:
    """Return ``value`` in terms whose `ascii` tells one from another.

    Raises:
        _Unknown: something in it can't be told from another of its type.
    """
    kind = type(value)
    if kind in _TOLD_BY_THEMSELVES or (kind in _HOLDERS and not value):
        return value
    if depth < _DEEPEST:
        if kind in (list, tuple):
            return kind([_plain(part, depth + 1) for part in value])
        if kind is dict:
            return {_plain(key, depth + 1): _plain(part, depth + 1) for key, part in value.items()}
    if kind is ResultOf:
        return ("result of", value.task)
    if isinstance(value, PurePath):
        return ("path", str(value))
    raise _Unknown(kind.__qualname__)


def _digest(value: Any) -> str:
    # Digits and letters only, whatever is in it: `ascii` has an escape for lone surrogates too.
    return _digest_of(ascii(value))


@lru_cache(maxsize=256)  # many tasks have a function, a folder or no arguments in common
def _digest_of(text: str) -> str:
    return blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


_NO_ARGUMENTS = _digest(([], (), {}))
