"""Weft runs many tasks at once and gives the result of running them one at a time.

The names below are all that there is to import; each is loaded when it is first used, so that
``import weft`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.api import policy as policy
    from weft.api.current import current as current
    from weft.api.lock import lock as lock
    from weft.api.mapping import amap as amap
    from weft.api.mapping import map as map
    from weft.api.plan import Plan as Plan
    from weft.api.results import results as results
    from weft.api.running import arun as arun
    from weft.api.running import load as load
    from weft.api.running import run as run
    from weft.api.shared import shared as shared
    from weft.api.subscribe import subscribe as subscribe
    from weft.errors import RateLimited as RateLimited
    from weft.errors import WeftError as WeftError
    from weft.model.group import Group as Group
    from weft.model.limits import Pool as Pool
    from weft.model.priority import HIGH as HIGH
    from weft.model.priority import LOW as LOW
    from weft.model.priority import NORMAL as NORMAL
    from weft.model.rate import Rate as Rate
    from weft.model.retry import Retry as Retry
    from weft.model.work import Command as Command
    from weft.model.workspace import Merge as Merge
    from weft.model.workspace import Workspace as Workspace
    from weft.runtime.engine import Engine as Engine
    from weft.views import aggregate as aggregate
    from weft.views.report import Report as Report

_HOMES = {
    "Command": "weft.model.work",
    "Engine": "weft.runtime.engine",
    "Group": "weft.model.group",
    "HIGH": "weft.model.priority",
    "LOW": "weft.model.priority",
    "Merge": "weft.model.workspace",
    "NORMAL": "weft.model.priority",
    "Plan": "weft.api.plan",
    "Pool": "weft.model.limits",
    "Rate": "weft.model.rate",
    "RateLimited": "weft.errors",
    "Report": "weft.views.report",
    "Retry": "weft.model.retry",
    "WeftError": "weft.errors",
    "Workspace": "weft.model.workspace",
    "aggregate": "weft.views",
    "amap": "weft.api.mapping",
    "arun": "weft.api.running",
    "current": "weft.api.current",
    "load": "weft.api.running",
    "lock": "weft.api.lock",
    "map": "weft.api.mapping",
    "policy": "weft.api",
    "results": "weft.api.results",
    "run": "weft.api.running",
    "shared": "weft.api.shared",
    "subscribe": "weft.api.subscribe",
}

_MODULES = ("aggregate", "policy")

__all__ = list(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    if name in _MODULES:
        return import_module(f"{home}.{name}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
