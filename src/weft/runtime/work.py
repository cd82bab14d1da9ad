"""What a caller hands in becomes work: a function with its arguments, or a command.

Tells every mistake that can be seen before the work starts. What work is stands in `model.work`; who
carries it out is the matter of `executors`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from inspect import isawaitable, iscoroutinefunction, unwrap
from typing import Any, Literal, TypeVar

from msgspec.structs import replace

from weft.errors import UsageError
from weft.executors.shared import Shared
from weft.model.nothing import NOTHING
from weft.model.work import Call, Command, ResultFormat, Where, Work
from weft.runtime.references import stand_ins, unshared

E = TypeVar("E", bound=Enum)

Place = Where | Literal["loop", "thread", "process"]


def name_of(work: Callable[..., Any] | Command) -> str:
    """Return what a task is called whose user gave it no name."""
    if isinstance(work, Command):
        return "command"
    while isinstance(work, partial):
        work = work.func
    return getattr(work, "__name__", type(work).__name__)


def work_of(work: Callable[..., Any] | Command, args: tuple[Any, ...], where: Place | None) -> Work:
    """Return the work that a caller describes by a function with its arguments, or by a command.

    Raises:
        UsageError: the two don't go together, or can't be carried out.
    """
    if isinstance(work, Command):
        if args or where is not None:
            raise UsageError("a command takes no arguments, and always runs in a process of its own")
        return command_of(work)
    place = place_of(work, where)
    kwargs: Mapping[str, Any] = NOTHING
    if type(work) is partial and next(stand_ins((work.args, work.keywords)), None) is not None:
        args, kwargs, work = (*work.args, *args), work.keywords, work.func
    found = list(stand_ins((args, kwargs)))
    if any(isinstance(each, Shared) for each in found):
        found = [each for each in found if not isinstance(each, Shared)]
        if place is not Where.PROCESS:
            args, kwargs = unshared(args), unshared(kwargs)
    return Call(work, args, kwargs, place, bool(found))


def place_of(function: object, where: Place | None = None) -> Where:
    """Return where a function is called: as its user says, else in the place that suits its kind.

    Raises:
        UsageError: it is no function, or can't be called there.
    """
    if not callable(function):
        hint = "\n  hint: pass the function, and its arguments after it" if isawaitable(function) else ""
        raise UsageError(f"expected a function or a Command, found {function!r}{hint}")
    if where is None:
        return Where.LOOP if is_async(function) else Where.THREAD
    place = _member(Where, where, "where")
    if place is not Where.LOOP and iscoroutinefunction(function):
        raise UsageError(f"`{name_of(function)}` is a coroutine function: it runs in the event loop only")
    return place


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling ``function`` gives a coroutine.

    Partials, callable objects, and wrappers that say what they wrap are looked through.
    """
    while not iscoroutinefunction(function):
        inner = function.func if isinstance(function, partial) else unwrap(function, stop=iscoroutinefunction)
        if inner is function:
            return iscoroutinefunction(type(function).__call__)
        function = inner
    return True


def command_of(given: Command) -> Command:
    """Return a command that a caller describes: paths are as good as strings, and words as what they mean.

    Raises:
        UsageError: it is not made of strings, or a word means nothing.
    """
    return replace(
        given,
        run=given.run if isinstance(given.run, str) else tuple(_text(part) for part in given.run),
        env={_text(name): _text(value) for name, value in given.env.items()},
        cwd=_text(given.cwd),
        result=_member(ResultFormat, given.result, "result"),
    )


def _text(part: object) -> str:
    text = os.fspath(part) if isinstance(part, os.PathLike) else part
    if not isinstance(text, str):
        raise UsageError(f"a command is made of strings, found {part!r}")
    return text


def _member(choices: type[E], given: object, name: str) -> E:
    try:
        return choices(given)
    except ValueError:
        expected = ", ".join(f'"{choice.value}"' for choice in choices)
        raise UsageError(f"`{name}` is {given!r}; expected one of {expected}") from None
