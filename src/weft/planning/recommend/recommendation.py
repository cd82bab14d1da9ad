"""Recommendations: a scenario, how sure it is, what speaks for it, and what to write into the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Union

import msgspec

from weft.planning.recommend.evidence import Evidence

# What is to stand in a plan file, by its keys: mappings are gone into, lists are added to, the rest is new.
Patch = Mapping[str, "Value"]
Value = Union[str, int, Sequence[str], Patch]  # noqa: UP007 - it is recursive


class Scenario(StrEnum):
    """What a plan is like."""

    INDEPENDENT = "independent"
    MIXED = "mixed"
    DEPENDENT = "dependent"
    SHARED = "shared"
    API = "api"
    TOLERANT = "tolerant"
    TRANSIENT = "transient"


class Sure(StrEnum):
    """How sure it is that the plan is like this."""

    CERTAIN = "certain"  # it follows from what the plan declares
    LIKELY = "likely"  # commands and names say so
    POSSIBLE = "possible"  # something speaks for it; look before you write it


class Recommendation(msgspec.Struct, frozen=True):
    """What is recommended for a ``scenario``.

    Without a ``patch`` the plan is configured for it already, save for what is ``left`` to the user.
    """

    scenario: Scenario
    sure: Sure
    evidence: tuple[Evidence, ...]
    patch: Mapping[str, object] = {}
    left: tuple[Evidence, ...] = ()


def together(patches: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return several patches as one.

    >>> together([{"tasks": {"a": {"retry": 3}}}, {"tasks": {"a": {"priority": "low"}}}])
    {'tasks': {'a': {'retry': 3, 'priority': 'low'}}}
    """
    joined: dict[str, object] = {}
    for patch in patches:
        for key, value in patch.items():
            before = joined.get(key)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                joined[key] = together([before, value])
            elif isinstance(before, list) and isinstance(value, list):
                joined[key] = list(dict.fromkeys([*before, *value]))
            else:
                joined[key] = value
    return joined


def of_tasks(entries: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Return the patch that adds these keys to entries under `tasks`; nothing for none."""
    return {"tasks": dict(entries)} if entries else {}
