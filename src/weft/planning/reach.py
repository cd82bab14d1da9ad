"""Which tasks come after which, be it through others: the chains of a prepared plan.

Knows positions and who follows whom, not why. How many pairs are ordered at all is counted in `pairs`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from weft.planning.prepare import PreparedPlan


def followers_of(prepared: PreparedPlan) -> list[list[int]]:
    """Return for each task those that an edge leads to, each once and in plan order."""
    followers: list[dict[int, None]] = [{} for _ in prepared.tasks]
    for task in prepared.tasks:
        for edge in task.edges:
            followers[edge.before][edge.after] = None
    return [list(after) for after in followers]


def sources_of(prepared: PreparedPlan) -> list[list[int]]:
    """Return for each task those that an edge leads from, each once and in plan order."""
    return [sorted({edge.before for edge in task.edges}) for task in prepared.tasks]


def ends_before(prepared: PreparedPlan) -> list[list[int]]:
    """Return for each task those that have ended when it starts: its sources, and what they are merged after.

    Of those that have ended by way of others, all are reached from these.
    """
    sources = sources_of(prepared)
    if not any(task.merges_after for task in prepared.tasks):
        return sources
    merged_after = [[edge.before for edge in task.merges_after] for task in prepared.tasks]
    found = []
    for direct in sources:
        reached = dict.fromkeys(direct)
        waiting = list(direct)
        while waiting:
            more = [before for before in merged_after[waiting.pop()] if before not in reached]
            reached.update(dict.fromkeys(more))
            waiting += more
        found.append(sorted(reached))
    return found


def starts_after(prepared: PreparedPlan) -> list[list[int]]:
    """Return the same the other way round: for each task those that start when it has ended."""
    followers: list[list[int]] = [[] for _ in prepared.tasks]
    for position, before in enumerate(ends_before(prepared)):
        for source in before:
            followers[source].append(position)
    return followers


def shortest_chain(
    followers: Sequence[Sequence[int]], start: int, end: int, *, indirect: bool = False
) -> list[int]:
    """Return the positions of the shortest chain from ``start`` to ``end``; empty, if there is none.

    Among chains of equal length it is the one whose tasks stand first in plan order.

    Args:
        followers: who follows whom.
        start, end: positions.
        indirect: leave the edge from ``start`` to ``end`` out of account.

    >>> shortest_chain([[1, 2], [2], []], 0, 2)
    [0, 2]
    >>> shortest_chain([[1, 2], [2], []], 0, 2, indirect=True)
    [0, 1, 2]
    """
    source = {start: start}
    waiting = deque([start])
    while waiting and end not in source:
        position = waiting.popleft()
        for follower in followers[position]:
            if follower not in source and not (indirect and position == start and follower == end):
                source[follower] = position
                waiting.append(follower)
    if end not in source:
        return []
    chain = [end]
    while chain[-1] != start:
        chain.append(source[chain[-1]])
    return chain[::-1]


def sole_links(followers: Sequence[Sequence[int]], chain: Sequence[int]) -> list[bool]:
    """Tell for each link of ``chain`` whether every indirect chain between its two ends takes it.

    Without such a link its ends are ordered no more, save by an edge from the one to the other.

    >>> sole_links([[1], [2, 3], [4], [4], []], [0, 1, 2, 4])
    [True, False, False]
    """
    place = {position: number for number, position in enumerate(chain)}
    furthest = 0  # the last member of the chain that can be reached so far without its links
    seen: set[int] = set()
    sole = []
    for number, position in enumerate(chain[:-1]):
        passed = (chain[number + 1], chain[-1]) if number == 0 else (chain[number + 1],)
        waiting = [follower for follower in followers[position] if follower not in passed]
        while waiting:
            reached = waiting.pop()
            if reached in place:
                furthest = max(furthest, place[reached])
            elif reached not in seen:
                seen.add(reached)
                waiting += followers[reached]
        sole.append(furthest <= number)
    return sole


def implied(neighbours: Sequence[Sequence[int]], position: int) -> set[int]:
    """Return those direct neighbours of a task that are also reached through another of them.

    Args:
        neighbours: who follows whom, or else who stands before whom.
        position: of the task.

    >>> implied([[1, 2], [2], []], 0)
    {2}
    """
    direct = set(neighbours[position])
    found: set[int] = set()
    seen: set[int] = set()
    waiting = sorted(direct)
    while waiting:
        for further in neighbours[waiting.pop()]:
            if further in direct:
                found.add(further)
            if further not in seen:
                seen.add(further)
                waiting.append(further)
    return found
