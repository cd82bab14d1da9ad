"""What can be seen of a function: the modules for the network that it names in its code.

Looks at names, and calls nothing. Functions that it calls are not looked into, and what is not in these
tables is not known to go anywhere. A name is less than a call: it may stand there for another reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dis import Instruction, get_instructions
from functools import partial
from inspect import unwrap
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import msgspec

# Modules that are the door to one service, whose limits then hold.
_APIS = ("anthropic", "cohere", "mistralai", "openai", "replicate")
_OTHERS = """
    aiohttp boto3 botocore ftplib grpc http.client httpcore httpx huggingface_hub litellm niquests paramiko
    pycurl requests smtplib urllib.request urllib3 websocket websockets xmlrpc.client
"""
_NETWORK = (*_OTHERS.split(), *_APIS)
# What these are called by that do something on the other side, or may do so.
_SENDING = ("post", "put", "patch", "delete", "send", "sendmail", "send_message", "upload", "upload_file")
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"})


class Named(msgspec.Struct, frozen=True):
    """The ``modules`` for the network that a function names, and what it names besides that ``sends``."""

    modules: tuple[str, ...] = ()
    sends: str | None = None

    @property
    def apis(self) -> tuple[str, ...]:
        """The modules that are the door to one service each."""
        return tuple(name for name in self.modules if name in _APIS)


def named_in(function: Callable[..., Any]) -> Named:
    """Return what ``function`` names of the network.

    >>> def fetch(url):
    ...     import httpx
    ...
    ...     return httpx.get(url).text
    >>> named_in(fetch).modules
    ('httpx',)
    """
    plain = _plain(function)
    if plain is None:
        return Named()
    codes = list(_codes(plain.__code__))
    steps = [step for code in codes for step in get_instructions(code)]
    origins = {*_origins(steps, plain.__globals__), *_enclosed(plain)}
    attributes = {step.argval for step in steps if step.opname in _ATTRIBUTES}
    modules = tuple(name for name in _NETWORK if any(_is_of(name, each, attributes) for each in origins))
    names = {name for code in codes for name in code.co_names}
    return Named(modules, next((name for name in _SENDING if name in names), None) if modules else None)


def _plain(function: Any) -> FunctionType | None:
    """Return ``function`` without what was put around it; None if it is not written in Python."""
    while isinstance(function, partial):
        function = function.func
    function = unwrap(function)
    if not isinstance(function, FunctionType | MethodType):
        function = type(function).__call__
    function = getattr(function, "__func__", function)
    return function if isinstance(function, FunctionType) else None


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield ``code``, and that of the functions inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _origins(steps: Iterable[Instruction], names: Mapping[str, object]) -> Iterator[str]:
    """Yield the modules that are imported, and those that global ``names`` come from."""
    for step in steps:
        if step.opname == "IMPORT_NAME":
            yield step.argval
        elif step.opname == "LOAD_GLOBAL" and step.argval in names:
            yield _origin(names[step.argval])


def _enclosed(function: FunctionType) -> Iterator[str]:
    """Yield the modules that names of the functions around it come from."""
    for cell in function.__closure__ or ():
        try:
            yield _origin(cell.cell_contents)
        except ValueError:  # it has no value yet
            continue


def _origin(value: object) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    return str((value if isinstance(value, type | FunctionType) else type(value)).__module__)


def _is_of(name: str, origin: str, attributes: set[str]) -> bool:
    """Tell whether ``origin`` is the module ``name``, one inside of it, or one that it is fetched from."""
    if origin == name or origin.startswith(f"{name}."):
        return True
    package, _, rest = name.rpartition(".")
    return bool(package) and origin == package and rest in attributes
