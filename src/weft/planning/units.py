"""Units: what keeps its place in program order as one. A task is one, and so is an atomic group.

Program order is the plan's own, as far as `needs` allow it: of the tasks whose needs have come, the
first in the plan comes next. An atomic group stands at the place of its first member, after all that
its members need. Knows nothing of what tasks touch: that is the matter of `edges`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from weft.model.group import Group
from weft.model.task import Task
from weft.model.work import Bring


class Unit(msgspec.Struct, frozen=True):
    """The positions of a task, or of the members of the atomic ``group``, in program order."""

    members: tuple[int, ...]
    group: str | None = None


def units_of(
    tasks: Sequence[Task], groups: Mapping[str, Group], before: Sequence[Sequence[int]], order: Sequence[int]
) -> list[Unit]:
    """Return the units of a plan in program order.

    Args:
        tasks: of the plan.
        groups: of the plan.
        before: for each task the positions of those that it needs.
        order: positions in program order, as far as that is known without groups.
    """
    units = _in_order_of_first_members(tasks, groups, order)
    if len(units) == len(order):
        return units
    number_of = {member: number for number, unit in enumerate(units) for member in unit.members}
    needed = [
        {number_of[source] for member in unit.members for source in before[member]} - {number}
        for number, unit in enumerate(units)
    ]
    placed: dict[int, None] = {}
    for number in range(len(units)):
        _place(number, needed, placed)
    return [units[number] for number in placed]


def one_by_one(units: Iterable[Unit], before: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """Return the positions in the order in which one would do them one after the other.

    Members of a unit stand side by side, save where one needs a task outside that needs another.
    """
    rank = {position: number for number, position in enumerate(order)}
    placed: dict[int, None] = {}
    for unit in units:
        for member in unit.members:
            waiting = sorted(_unplaced(member, before, placed), key=rank.__getitem__)
            placed.update(dict.fromkeys(waiting))
            placed[member] = None
    return list(placed)


def _in_order_of_first_members(
    tasks: Sequence[Task], groups: Mapping[str, Group], order: Sequence[int]
) -> list[Unit]:
    atomic = {name for name, group in groups.items() if group.atomic}
    members: dict[str | int, list[int]] = {}
    for position in order:
        group = _unit_of(tasks[position])
        members.setdefault(group if group is not None and group in atomic else position, []).append(position)
    return [Unit(tuple(found), name if isinstance(name, str) else None) for name, found in members.items()]


def _unit_of(task: Task) -> str | None:
    return task.work.group if isinstance(task.work, Bring) else task.group


def _place(number: int, needed: Sequence[Iterable[int]], placed: dict[int, None]) -> None:
    """Put a unit behind all that it needs. What it needs and is needed by comes right after it."""
    if number in placed:
        return
    above = _unplaced(number, needed, placed)
    entwined = _reached(number, above, needed)
    for other in sorted(above - entwined):
        _place(other, needed, placed)
    placed[number] = None
    for other in sorted(entwined):
        _place(other, needed, placed)


def _unplaced(start: int, needed: Sequence[Iterable[int]], placed: Mapping[int, None]) -> set[int]:
    """Return what ``start`` needs, directly or through others, and what has no place yet."""
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for source in needed[waiting.pop()]:
            if source not in placed and source not in found and source != start:
                found.add(source)
                waiting.append(source)
    return found


def _reached(start: int, among: set[int], needed: Sequence[Iterable[int]]) -> set[int]:
    """Return those of ``among`` that need ``start``, directly or through others."""
    followers: dict[int, list[int]] = {}
    for position in among:
        for source in needed[position]:
            followers.setdefault(source, []).append(position)
    found: set[int] = set()
    waiting = [start]
    while waiting:
        more = [follower for follower in followers.get(waiting.pop(), ()) if follower not in found]
        found.update(more)
        waiting += more
    return found
