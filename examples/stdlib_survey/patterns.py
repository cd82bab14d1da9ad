"""The patterns that the survey looks for, each a row of one table: a name, kinds of nodes, a test.

Knows single nodes of a syntax tree. Which files make up a module is known to `sources`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

# What a module is seen to import; only absolute imports count.
IMPORTS = (
    *("abc", "asyncio", "collections", "contextlib", "dataclasses", "enum", "errno", "functools", "io"),
    *("itertools", "logging", "operator", "os", "re", "socket", "struct", "subprocess", "sys"),
    *("threading", "time", "types", "typing", "warnings", "weakref"),
)


class Pattern(NamedTuple):
    """A module uses the pattern where a node of one of ``kinds`` passes ``test``."""

    name: str
    kinds: tuple[type[ast.AST], ...]
    test: Callable[[Any], bool] = lambda node: True


def patterns_in(tree: ast.AST) -> set[str]:
    """Return the names of all patterns that ``tree`` uses."""
    wanted = {kind: list(patterns) for kind, patterns in _BY_KIND.items()}
    found: set[str] = set()
    for node in ast.walk(tree):
        patterns = wanted.get(type(node))
        if patterns:
            found.update(pattern.name for pattern in patterns if pattern.test(node))
            wanted[type(node)] = [pattern for pattern in patterns if pattern.name not in found]
    return found


# The questions that rows ask. A name is the last word of `a.b.name`, with or without a call.
def _name_of(node: ast.AST | None) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return _name_of(function)
        case _:
            return ""


def _decorated(*names: str) -> Callable[[Any], bool]:
    return lambda node: any(_name_of(decorator) in names for decorator in node.decorator_list)


def _calls(name: str) -> Callable[[Any], bool]:
    return lambda node: isinstance(node.func, ast.Name) and node.func.id == name


def _assigns(name: str, body: Iterable[ast.stmt]) -> bool:
    """Tell whether one of the statements themselves gives ``name`` a value."""
    return any(name in map(_name_of, _targets(statement)) for statement in body)


def _targets(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.Assign():
            return statement.targets
        case ast.AnnAssign() | ast.AugAssign():
            return [statement.target]
        case _:
            return []


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _imports(module: str) -> Callable[[Any], bool]:
    def test(node: ast.Import | ast.ImportFrom) -> bool:
        if isinstance(node, ast.Import):
            return any(alias.name.partition(".")[0] == module for alias in node.names)
        return node.level == 0 and (node.module or "").partition(".")[0] == module

    return test


def _is_main_guard(node: ast.If) -> bool:
    match node.test:
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
        case _:
            return False


def _is_optional_import(node: ast.Try) -> bool:
    caught = {_name_of(name) for handler in node.handlers for name in _each(handler.type)}
    tried = any(isinstance(statement, ast.Import | ast.ImportFrom) for statement in node.body)
    return tried and not caught.isdisjoint({"ImportError", "ModuleNotFoundError"})


def _each(caught: ast.expr | None) -> list[ast.expr | None]:
    return [*caught.elts] if isinstance(caught, ast.Tuple) else [caught]


def _is_format(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "format" and _is_text(node.func.value)


def _inherits(node: ast.ClassDef) -> bool:
    return any(_name_of(base) != "object" for base in node.bases)


def _holds_function(node: ast.AST) -> bool:
    return any(isinstance(inner, _FUNCTION) for inner in ast.walk(node) if inner is not node)


PATTERNS = (
    # the module
    Pattern("module docstring", (ast.Module,), lambda node: ast.get_docstring(node, clean=False) is not None),
    Pattern("__all__", (ast.Module,), lambda node: _assigns("__all__", node.body)),
    Pattern('if __name__ == "__main__"', (ast.If,), _is_main_guard),
    Pattern("optional import", (ast.Try,), _is_optional_import),
    Pattern("relative import", (ast.ImportFrom,), lambda node: node.level > 0),
    Pattern("global", (ast.Global,)),
    # functions
    Pattern("nested function", _FUNCTION, _holds_function),
    Pattern("nonlocal", (ast.Nonlocal,)),
    Pattern("lambda", (ast.Lambda,)),
    Pattern("generator", (ast.Yield, ast.YieldFrom)),
    Pattern("yield from", (ast.YieldFrom,)),
    Pattern("*args or **kwargs", (ast.arguments,), lambda node: bool(node.vararg or node.kwarg)),
    Pattern("keyword-only parameter", (ast.arguments,), lambda node: bool(node.kwonlyargs)),
    Pattern("positional-only parameter", (ast.arguments,), lambda node: bool(node.posonlyargs)),
    Pattern("decorator", (*_FUNCTION, ast.ClassDef), lambda node: bool(node.decorator_list)),
    Pattern("parameter annotation", (ast.arg,), lambda node: node.annotation is not None),
    Pattern("return annotation", _FUNCTION, lambda node: node.returns is not None),
    Pattern("variable annotation", (ast.AnnAssign,)),
    Pattern("async function", (ast.AsyncFunctionDef,)),
    Pattern("await", (ast.Await,)),
    # classes
    Pattern("class", (ast.ClassDef,)),
    Pattern("inheritance", (ast.ClassDef,), _inherits),
    Pattern("metaclass", (ast.ClassDef,), lambda node: any(key.arg == "metaclass" for key in node.keywords)),
    Pattern("dataclass", (ast.ClassDef,), _decorated("dataclass")),
    Pattern("__slots__", (ast.ClassDef,), lambda node: _assigns("__slots__", node.body)),
    Pattern("property", _FUNCTION, _decorated("property", "cached_property")),
    Pattern("class or static method", _FUNCTION, _decorated("classmethod", "staticmethod")),
    Pattern("super()", (ast.Call,), _calls("super")),
    Pattern("__repr__", _FUNCTION, lambda node: node.name == "__repr__"),
    Pattern("context manager class", _FUNCTION, lambda node: node.name in {"__enter__", "__aenter__"}),
    Pattern("context manager function", _FUNCTION, _decorated("contextmanager", "asynccontextmanager")),
    # statements
    Pattern("with", (ast.With, ast.AsyncWith)),
    Pattern("try/except", (ast.Try,), lambda node: bool(node.handlers)),
    Pattern("try/finally", (ast.Try,), lambda node: bool(node.finalbody)),
    Pattern("bare except", (ast.ExceptHandler,), lambda node: node.type is None),
    Pattern("raise from", (ast.Raise,), lambda node: node.cause is not None),
    Pattern("assert", (ast.Assert,)),
    Pattern("match", (ast.Match,)),
    Pattern("loop with else", (ast.For, ast.AsyncFor, ast.While), lambda node: bool(node.orelse)),
    Pattern("del", (ast.Delete,)),
    # expressions
    Pattern("comprehension", _COMPREHENSION),
    Pattern("conditional expression", (ast.IfExp,)),
    Pattern("walrus", (ast.NamedExpr,)),
    Pattern("f-string", (ast.JoinedStr,)),
    Pattern("%-formatting", (ast.BinOp,), lambda node: isinstance(node.op, ast.Mod) and _is_text(node.left)),
    Pattern("str.format", (ast.Call,), _is_format),
    Pattern("isinstance", (ast.Call,), _calls("isinstance")),
    # the imports
    *(Pattern(f"imports {module}", (ast.Import, ast.ImportFrom), _imports(module)) for module in IMPORTS),
)

_BY_KIND: dict[type[ast.AST], list[Pattern]] = {}
for _pattern in PATTERNS:
    for _kind in _pattern.kinds:
        _BY_KIND.setdefault(_kind, []).append(_pattern)
