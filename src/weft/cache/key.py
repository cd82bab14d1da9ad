"""The fingerprint of a task: digests of all that it consists of, each under the name that people have for it.

Files count by what patterns say of them, not by what they hold: so a changed file is not another task but
the same one with something to do, and can be named. What can't be fingerprinted is an error that names it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from weft.cache.code import Code
from weft.cache.encoding import CannotFingerprint
from weft.cache.entry import FORMAT
from weft.model.cache import Cache
from weft.model.work import Bring, Call, Command, Work

__all__ = ["CannotFingerprint", "Fingerprint", "Fingerprints"]


class Fingerprint(msgspec.Struct, frozen=True):
    """``fields`` are digests by the names of what they are of; ``key`` stands for all of them."""

    fields: Mapping[str, str]
    key: str


class Fingerprints:
    """Makes fingerprints; a function that many tasks call is looked at once.

    Args:
        environment: the variables that tasks inherit.

    >>> one = Fingerprints({}).of(Command("make", env={"A": "1"}), Cache())
    >>> other = Fingerprints({}).of(Command("make", env={"A": "2"}), Cache())
    >>> [name for name in one.fields if one.fields[name] != other.fields[name]]
    ['variable `A`']
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._functions: dict[tuple[int, bool], tuple[bytes, Callable[..., Any]]] = {}

    def of(self, work: Work, cache: Cache, results: Mapping[str, Any] | None = None) -> Fingerprint:
        """Return the fingerprint of a task.

        Args:
            work: what it does; of a call, with the results of other tasks in the places of those.
            cache: what is declared; `filled`.
            results: those of other tasks that a command can read, by their ids.

        Raises:
            CannotFingerprint: something can't be told from another of its kind; the message names it.
        """
        assert not isinstance(work, Bring), "what others have made is never kept"
        fields = self._command(work, cache) if isinstance(work, Command) else self._call(work, cache)
        fields["version"] = _digest(cache.version, "version")
        fields["declared inputs"] = _digest(sorted(set(cache.inputs or ())), "inputs")
        fields["declared outputs"] = _digest(sorted(set(cache.outputs or ())), "outputs")
        for task, value in sorted((results or {}).items()):
            fields[f"result of `{task}`"] = _digest(value, f"result of `{task}`")
        told = {name: digest.hex() for name, digest in fields.items()}
        return Fingerprint(told, _digest([FORMAT, told], "all").hex())

    def _command(self, command: Command, cache: Cache) -> dict[str, bytes]:
        fields = {
            "command": _digest(command.run, "command"),
            "directory": _digest(command.cwd, "directory"),
            "result format": _digest(command.result.value, "result format"),
        }
        return fields | self._variables({*cache.env, *command.env}, command.env)

    def _variables(self, names: set[str], own: Mapping[str, str]) -> dict[str, bytes]:
        """A variable that is not set is another thing than one that is empty."""
        values = {name: own.get(name, self._environment.get(name)) for name in sorted(names)}
        return {f"variable `{name}`": _digest(value, f"variable `{name}`") for name, value in values.items()}

    def _call(self, call: Call, cache: Cache) -> dict[str, bytes]:
        home = _home(call.function)
        fields = {
            "Python": _digest(sys.implementation.cache_tag, "Python"),
            "function": self._function(call.function, home, lenient=bool(cache.version)),
        }
        for number, value in enumerate(call.args, start=1):
            fields[f"argument {number}"] = _digest(value, f"argument {number}", home)
        for name, value in sorted(call.kwargs.items()):
            fields[f"argument `{name}`"] = _digest(value, f"argument `{name}`", home)
        return fields | self._variables(set(cache.env), {})

    def _function(self, function: Callable[..., Any], home: str | None, lenient: bool) -> bytes:
        known = self._functions.get((id(function), lenient))
        if known is None:
            digest = Code(home, lenient=lenient).digest(function, "the function")
            known = self._functions[(id(function), lenient)] = digest, function
        return known[0]


def _home(function: Any) -> str | None:
    """Return the module in which ``function`` was written, under all that was put around it."""
    while isinstance(function, partial):
        function = function.func
    module = getattr(inspect.unwrap(function), "__module__", None)
    return module if isinstance(module, str) else type(function).__module__


def _digest(value: Any, way: str, home: str | None = None) -> bytes:
    return Code(home).digest(value, way)
