"""Evidence: data that says why something is recommended. Its sentences are made in `views.recommendations`.

An entry is what stands under one name below `tasks`: a task, or a fan-out.
"""

from __future__ import annotations

import msgspec

from weft.model.priority import Priority
from weft.model.reason import WriteAfterRead, WriteAfterWrite


class _Evidence(msgspec.Struct, frozen=True, tag=True):
    """What all evidence shares: it is a value, and carries its own name when written as JSON."""


class SideBySide(_Evidence, frozen=True):
    """Nothing orders ``n_pairs`` pairs of tasks, of which ``n_unproven`` do not say what they touch.

    ``entries`` are those of which most can run at once.
    """

    entries: tuple[str, ...]
    n_pairs: int
    n_unproven: int


class AtMost(_Evidence, frozen=True):
    """The plan says how many tasks run at once."""

    max_concurrent: int


class NamedSo(_Evidence, frozen=True):
    """A ``word`` in the name of ``entry``, or of its group, tells how urgent it is."""

    entry: str
    word: str
    priority: Priority


class ManyWait(_Evidence, frozen=True):
    """``n_waiting`` of ``n_tasks`` tasks wait for ``entry``, and ``n_beside`` others may take its slots."""

    entry: str
    n_waiting: int
    n_tasks: int
    n_beside: int


class TakesLong(_Evidence, frozen=True):
    """``entry`` takes much longer than others that want the same slots, and nobody waits for it."""

    entry: str
    duration_s: float
    shortest_s: float


class HasPriority(_Evidence, frozen=True):
    """These have a priority, or are speculative."""

    entries: tuple[str, ...]


class Levels(_Evidence, frozen=True):
    """Edges order ``n_edges`` pairs: the members of each of ``groups`` can run at once, in this order."""

    groups: tuple[tuple[str, ...], ...]
    n_edges: int


class UsesOutput(_Evidence, frozen=True):
    """The command of ``reader`` names ``path``, which ``writer`` writes, and nothing orders the two."""

    writer: str
    reader: str
    path: str


class Clash(_Evidence, frozen=True):
    """``after`` waits for ``before`` only because both touch the same."""

    before: str
    after: str
    because: WriteAfterRead | WriteAfterWrite


class Freed(_Evidence, frozen=True):
    """With workspaces of their own, ``n_pairs`` pairs more may run side by side."""

    n_pairs: int


class SameOutput(_Evidence, frozen=True):
    """The commands of ``entries`` all write ``path``, nothing orders them, and one does not declare it."""

    entries: tuple[str, ...]
    path: str


class IsPrivate(_Evidence, frozen=True):
    """These work in a place of their own."""

    entries: tuple[str, ...]


class WantedFile(_Evidence, frozen=True):
    """Both write ``path``, and their commands do not show whether they write it anew or add to it."""

    before: str
    after: str
    path: str


class OutOfReach(_Evidence, frozen=True):
    """``entry`` writes what no workspace holds: ``path`` is a resource, or lies outside of the plan."""

    entry: str
    path: str


class Removes(_Evidence, frozen=True):
    """``entry`` calls a ``program`` that removes files: in a workspace it does not find those of others."""

    entry: str
    program: str


class IsFunction(_Evidence, frozen=True):
    """``entry`` is a function, which writes where it likes."""

    entry: str


class CallsApi(_Evidence, frozen=True):
    """``n_tasks`` tasks of ``entries`` call ``api``, and take units of no limit."""

    api: str
    entries: tuple[str, ...]
    n_tasks: int


class NamesApi(_Evidence, frozen=True):
    """``n_tasks`` tasks of ``entries`` are functions that name the module ``api``, and take no units."""

    api: str
    entries: tuple[str, ...]
    n_tasks: int


class RateUnused(_Evidence, frozen=True):
    """The plan declares a rate, and no task takes units of it."""

    rate: str


class RateOfOthers(_Evidence, frozen=True):
    """Other tasks that call the same take units of this limit."""

    limit: str
    entries: tuple[str, ...]


class Limited(_Evidence, frozen=True):
    """All of ``entries`` that call an API take units of these limits."""

    entries: tuple[str, ...]
    limits: tuple[str, ...]


class Aggregated(_Evidence, frozen=True):
    """``aggregate`` is made of the results of ``n_tasks`` tasks, and one that fails fails the run."""

    aggregate: str
    entries: tuple[str, ...]
    n_tasks: int


class Tolerated(_Evidence, frozen=True):
    """``aggregate`` is made of the results of groups that may fail in part."""

    aggregate: str
    groups: tuple[str, ...]


class GroupOfOthers(_Evidence, frozen=True):
    """``entry`` of ``aggregate`` belongs to a group that has other members, or is atomic or critical."""

    aggregate: str
    entry: str
    group: str


class UsesNetwork(_Evidence, frozen=True):
    """The command of ``entry`` goes over the network by these ``programs``, and is tried once.

    ``others`` are what it calls besides: another attempt does that again too.
    """

    entry: str
    programs: tuple[str, ...]
    others: tuple[str, ...]


class NamesNetwork(_Evidence, frozen=True):
    """The function of ``entry`` names these ``modules`` for the network in its code, and is tried once."""

    entry: str
    modules: tuple[str, ...]


class TriedAgain(_Evidence, frozen=True):
    """These go over the network, and are tried again when they fail."""

    entries: tuple[str, ...]


class MaySend(_Evidence, frozen=True):
    """The function of ``entry`` names ``modules`` for the network, and ``does`` what perhaps counts twice."""

    entry: str
    modules: tuple[str, ...]
    does: str


class MayCountTwice(_Evidence, frozen=True):
    """``entry`` goes over the network, and ``does`` what is perhaps not as good twice as once."""

    entry: str
    does: str


# What speaks for a recommendation.
Sign = (
    SideBySide
    | NamedSo
    | ManyWait
    | TakesLong
    | UsesOutput
    | Clash
    | Freed
    | SameOutput
    | CallsApi
    | NamesApi
    | RateUnused
    | RateOfOthers
    | Aggregated
    | UsesNetwork
    | NamesNetwork
)
# What shows that the plan is as recommended.
Known = AtMost | HasPriority | Levels | IsPrivate | Limited | Tolerated | TriedAgain
# What only the user can decide.
Left = WantedFile | OutOfReach | Removes | IsFunction | GroupOfOthers | MayCountTwice | MaySend

Evidence = Sign | Known | Left
