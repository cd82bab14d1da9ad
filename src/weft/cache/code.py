"""What a function does, as a digest: its own code, and that of all it calls in its own package.

Code is compared as Python runs it, without line numbers and comments. Where it names a global, that is
followed: functions and classes of the same package, and of what stands beside it in the same folder, are
told by their own code, values by what they are. What others have made, the standard library and installed
packages, is told by name only: `version` tells when that matters.
"""

from __future__ import annotations

import dataclasses
import dis
import enum
import functools
import importlib.util
import inspect
import os
import re
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from typing import Any

from weft.cache.encoding import CannotFingerprint, Encoder, combined, text

_INSTALLED = tuple(
    {os.path.realpath(path) + os.sep for name, path in sysconfig.get_paths().items() if name.endswith("lib")}
)
_MISSING = object()
_SUNDER = re.compile(r"_[^_].*[^_]_")
_WRAPPERS = (staticmethod, classmethod)
_METHODS = (types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType)
_NAMED_BY_PYTHON = ("_abc_impl", "__slots__", "__annotate__", "__annotate_func__")
_MADE_BY_PYTHON = (types.MemberDescriptorType, types.GetSetDescriptorType)


class Code:
    """Functions and classes, each told once: where they refer to each other, they do so by name.

    Args:
        home: the module of the function: what belongs to its package is followed.
        lenient: what is found in code and can't be fingerprinted is told by its type only.
    """

    def __init__(self, home: str | None = None, *, lenient: bool = False) -> None:
        self._lenient = lenient
        self.encoder = Encoder(self._referred)
        self._names: dict[int, bytes] = {}
        self._kept: list[Any] = []  # so that no id is given out again
        self._n_called: dict[str, int] = {}
        self._waiting: list[tuple[bytes, Any, str]] = []
        self._home = None if home is None else _place(home)

    def digest(self, value: Any, way: str) -> bytes:
        """Return the digest of ``value`` with all code that it leads to.

        Raises:
            CannotFingerprint: something that it leads to can't be told from another of its kind.
        """
        told: dict[bytes, bytes] = {}
        try:
            top = self.encoder.digest(value, way)
            while self._waiting:
                name, thing, at = self._waiting.pop()
                told[name] = self._told(thing, at)
        except RecursionError:
            raise CannotFingerprint(f"{way}: it is nested too deeply") from None
        return combined("code", (top, *(part for name in sorted(told) for part in (name, told[name]))))

    def _referred(self, thing: Any, way: str) -> bytes:
        """Return the name of ``thing``; what it is made of will be told later, if it is ours to tell."""
        if isinstance(thing, types.CodeType):
            return self._code(thing)
        if isinstance(thing, _METHODS) and _is_global(thing) and not self._is_own(thing):
            return combined("global", (text(_called(thing)),))
        if isinstance(thing, types.MethodType):
            parts = (thing.__func__, thing.__self__)
            return combined(
                "method", (self._referred(parts[0], way), self.encoder.digest(parts[1], f"{way}, self"))
            )
        if isinstance(thing, _METHODS):
            return self._builtin(thing, way)
        if id(thing) in self._names:
            return self._names[id(thing)]
        called = _called(thing)
        self._n_called[called] = self._n_called.get(called, 0) + 1
        name = combined(type(thing).__name__, (text(called), str(self._n_called[called]).encode()))
        self._names[id(thing)] = name
        self._kept.append(thing)
        if isinstance(thing, types.FunctionType) or self._is_own(thing):
            self._waiting.append((name, thing, way))
        return name

    def _builtin(self, thing: Any, way: str) -> bytes:
        owner = thing.__self__
        if owner is None or isinstance(owner, types.ModuleType):
            return combined("builtin", (text(_called(thing)),))
        return combined("builtin", (text(_called(thing)), self.encoder.digest(owner, f"{way}, self")))

    def _is_own(self, thing: Any) -> bool:
        """Whether ``thing`` belongs to the package of the function, or stands beside it."""
        module = thing.__name__ if isinstance(thing, types.ModuleType) else getattr(thing, "__module__", None)
        place = _place(module) if isinstance(module, str) else None
        return place is not None and self._near(place)

    def _near(self, place: tuple[str, str | None]) -> bool:
        top, folder = place
        return self._home is not None and (
            top == self._home[0] or (folder is not None and folder == self._home[1])
        )

    def _told(self, thing: Any, way: str) -> bytes:
        if isinstance(thing, types.FunctionType):
            return self._function(thing, way)
        if isinstance(thing, type):
            return self._class(thing, f"class `{_called(thing)}`")
        members = {name: value for name, value in vars(thing).items() if not name.startswith("__")}
        return self._members(members, f"module `{thing.__name__}`")

    def _function(self, function: types.FunctionType, way: str) -> bytes:
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        parts = [
            self._value(_content(cell), f"{_place_of(function, way)}, its variable `{name}`")
            for name, cell in cells
        ]
        defaults = (function.__defaults__ or (), function.__kwdefaults__ or {})
        parts += [self._value(value, f"{_place_of(function, way)}, its defaults") for value in defaults]
        if self._is_own(function):
            parts.append(self._code(function.__code__))
            for name, value in self._globals_of(function, function.__code__):
                parts.append(text(name))
                parts.append(self._value(value, f"{_place_of(function, way)}, global `{name}`"))
        return combined("function", parts)

    def _globals_of(self, function: types.FunctionType, code: types.CodeType) -> Iterator[tuple[str, Any]]:
        """Yield what ``code`` and the code in it refer to outside of itself, in the order of the code."""
        steps = [step for step in dis.get_instructions(code) if step.opname != "EXTENDED_ARG"]
        for at, step in enumerate(steps):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                value = function.__globals__.get(step.argval, _MISSING)
                if value is _MISSING:
                    value = getattr(sys.modules["builtins"], step.argval, _MISSING)
                yield self._attribute(steps, at + 1, step.argval, value)
            elif step.opname == "IMPORT_NAME":
                yield from self._imported(function, steps, at)
        for inner in code.co_consts:
            if isinstance(inner, types.CodeType):
                yield from self._globals_of(function, inner)

    def _attribute(self, steps: list[dis.Instruction], at: int, name: str, value: Any) -> tuple[str, Any]:
        """Of a module of ours, what is taken from it counts; of another one, its name."""
        while isinstance(value, types.ModuleType) and steps[at].opname in ("LOAD_ATTR", "LOAD_METHOD"):
            name = f"{name}.{steps[at].argval}"
            if not self._is_own(value):
                return name, value
            value = getattr(value, steps[at].argval, _MISSING)
            at += 1
        return name, value

    def _imported(
        self, function: types.FunctionType, steps: list[dis.Instruction], at: int
    ) -> Iterator[tuple[str, Any]]:
        """Yield what is imported where the function runs, if it is ours."""
        level = steps[at - 2].argval  # before it: how many packages up, and which names
        name = "." * level + steps[at].argval
        package = function.__globals__.get("__package__") or ""
        taken = [step.argval for step in _taken(steps, at + 1)]
        try:
            absolute = importlib.util.resolve_name(name, package)
            place = _place(absolute)
            if place is None or not self._near(place):
                yield f"{name}: {', '.join(taken)}", _MISSING
                return
            module = importlib.import_module(absolute)
        except ImportError:
            yield name, _MISSING
            return
        if not taken:
            yield name, module
        for each in taken:
            yield f"{name}.{each}", getattr(module, each, _MISSING)

    def _code(self, code: types.CodeType) -> bytes:
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        facts = (code.co_code, code.co_exceptiontable, counts, names)
        parts = [self.encoder.digest(fact, "its code") for fact in facts]
        return combined("code", parts + [self.encoder.digest(each, "a constant") for each in code.co_consts])

    def _class(self, cls: type, way: str) -> bytes:
        parts = [self.encoder.digest(base, way) for base in cls.__bases__]
        parts.append(self._members(dict(_declared(cls)), way))
        return combined("class", parts)

    def _members(self, members: dict[str, Any], way: str) -> bytes:
        parts = []
        for name in sorted(members):
            parts += [text(name), self._member(members[name], f"{way}, attribute `{name}`")]
        return combined("members", parts)

    def _member(self, value: Any, way: str) -> bytes:
        if isinstance(value, _WRAPPERS):
            return combined(type(value).__name__, (self._value(value.__func__, way),))
        if isinstance(value, property):
            return combined(
                "property", [self._value(each, way) for each in (value.fget, value.fset, value.fdel)]
            )
        if isinstance(value, (functools.cached_property, functools.singledispatchmethod)):
            return combined(type(value).__name__, (self._value(value.func, way),))
        return self._value(value, way)

    def _value(self, value: Any, way: str) -> bytes:
        if value is _MISSING:
            return combined("missing", ())
        try:
            return self.encoder.digest(value, way)
        except CannotFingerprint:
            if not self._lenient:
                raise
            return combined("vouched", (text(_called(type(value))),))


def _called(thing: Any) -> str:
    if isinstance(thing, types.ModuleType):
        return thing.__name__
    owner = getattr(thing, "__module__", None) or getattr(
        getattr(thing, "__objclass__", None), "__module__", ""
    )
    return f"{owner}.{getattr(thing, '__qualname__', getattr(thing, '__name__', ''))}"


def _place_of(function: types.FunctionType, way: str) -> str:
    own = f"function `{_called(function)}`"
    return own if way.startswith(("function", "class", "module")) else f"{way}, {own}"


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


@functools.lru_cache(maxsize=4096)
def _place(module: str) -> tuple[str, str | None] | None:
    """Return the outermost package and the folder that it stands in with its neighbours.

    None if it is Python's own; those that are installed have no neighbours.
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return None
    file, is_package = _file_of(top)
    if file is None:
        return top, None
    folder = os.path.dirname(os.path.realpath(file))
    if is_package:
        folder = os.path.dirname(folder)
    return top, None if f"{folder}{os.sep}".startswith(_INSTALLED) else folder


def _file_of(top: str) -> tuple[str | None, bool]:
    module = sys.modules.get(top)
    if module is not None:
        return getattr(module, "__file__", None), hasattr(module, "__path__")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None, False
    return (None, False) if spec is None else (spec.origin, spec.submodule_search_locations is not None)


def _is_global(method: Any) -> bool:
    """Whether a module offers this method as a function of its own, as `random` does."""
    module = sys.modules.get(getattr(method, "__module__", None) or type(method.__self__).__module__)
    return module is not None and vars(module).get(method.__name__) is method


def _taken(steps: list[dis.Instruction], at: int) -> Iterator[dis.Instruction]:
    """Yield the steps that take a name each out of the module just imported."""
    while steps[at].opname == "IMPORT_FROM" or steps[at].opname.startswith(("STORE_", "SWAP", "POP_TOP")):
        if steps[at].opname == "IMPORT_FROM":
            yield steps[at]
        elif steps[at].opname == "POP_TOP":
            return
        at += 1


def _declared(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what the author of ``cls`` has said in it, without what Python has added."""
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            defaults = [
                each for each in (field.default, field.default_factory) if each is not dataclasses.MISSING
            ]
            yield f"field {field.name}", [field.init, field.compare, field.kw_only, *defaults]
    if issubclass(cls, enum.Enum):
        yield "members", {name: member.value for name, member in cls.__members__.items()}
    for name in ("__struct_fields__", "__struct_defaults__", "_field_defaults"):  # msgspec's, named tuples'
        yield name, getattr(cls, name, ())
    for name, value in vars(cls).items():
        if not _is_added(cls, name, value):
            yield name, value


def _is_added(cls: type, name: str, value: Any) -> bool:
    if isinstance(value, types.FunctionType):
        return value.__code__.co_filename.startswith("<") and dataclasses.is_dataclass(cls)
    if isinstance(value, _MADE_BY_PYTHON) or name in _NAMED_BY_PYTHON:
        return True
    if issubclass(cls, enum.Enum) and (name in cls.__members__ or _SUNDER.fullmatch(name)):
        return True
    return name.startswith("__") and name.endswith("__") and not inspect.isroutine(_unwrapped(value))


def _unwrapped(value: Any) -> Callable[..., Any] | Any:
    return value.__func__ if isinstance(value, _WRAPPERS) else value
