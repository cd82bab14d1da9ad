"""The graph of coroutines that a careful person writes by hand, with the promises that Weft makes.

At most so many at once, results in the order of the nodes, and a node that raises keeps those that
depend on it from running. Nodes start in the order in which they become free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

Function = Callable[[], Coroutine[Any, Any, Any]]


class Skipped(Exception):
    """Stands for the result of a node that did not run."""


class Graph:
    """Counters, and one asyncio Task per node.

    Args:
        functions: one per node.
        before: the nodes that each node waits for.
        max_concurrent: how many may run at once.
    """

    def __init__(
        self, functions: Sequence[Function], before: Sequence[Sequence[int]], max_concurrent: int
    ) -> None:
        self._functions = functions
        self._free = max_concurrent
        self._left = len(functions)
        self._results: list[Any] = [None] * len(functions)
        self._n_unmet = [len(sources) for sources in before]
        self._after: list[list[int]] = [[] for _ in functions]
        for node, sources in enumerate(before):
            for source in sources:
                self._after[source].append(node)
        self._ready = deque(node for node, unmet in enumerate(self._n_unmet) if not unmet)
        self._tasks: dict[int, asyncio.Task[Any]] = {}  # the loop itself holds its Tasks weakly

    async def run(self) -> list[Any]:
        """Run all nodes; return results, and in the place of those that have none an exception."""
        self._finished = asyncio.get_running_loop().create_future()
        self._start()
        await self._finished
        return self._results

    def _start(self) -> None:
        while self._free and self._ready:
            node = self._ready.popleft()
            self._free -= 1
            task = self._tasks[node] = asyncio.create_task(self._functions[node]())
            task.add_done_callback(partial(self._ended, node))

    def _ended(self, node: int, task: asyncio.Task[Any]) -> None:
        del self._tasks[node]
        self._free += 1
        error = task.exception()
        if error is None:
            self._results[node] = task.result()
            self._left -= 1
            for follower in self._after[node]:
                self._n_unmet[follower] -= 1
                if not self._n_unmet[follower]:
                    self._ready.append(follower)
        else:
            self._fail(node, error)
        self._start()
        if not self._left:
            self._finished.set_result(None)

    def _fail(self, node: int, error: BaseException) -> None:
        pending = [(node, error)]
        for here, reason in pending:  # grows while it is walked
            if self._results[here] is None:
                self._results[here] = reason
                self._left -= 1
                pending += [(follower, Skipped(f"after {here}")) for follower in self._after[here]]


class BareGraph:
    """The least that can be done: no limit, no results, no errors."""

    def __init__(self, functions: Sequence[Function], before: Sequence[Sequence[int]]) -> None:
        self._functions = functions
        self._left = len(functions)
        self._n_unmet = [len(sources) for sources in before]
        self._after: list[list[int]] = [[] for _ in functions]
        for node, sources in enumerate(before):
            for source in sources:
                self._after[source].append(node)

    async def run(self) -> None:
        """Run all nodes."""
        self._finished = asyncio.get_running_loop().create_future()
        self._tasks = {
            asyncio.create_task(self._node(node)) for node, unmet in enumerate(self._n_unmet) if not unmet
        }
        await self._finished

    async def _node(self, node: int) -> None:
        await self._functions[node]()
        for follower in self._after[node]:
            self._n_unmet[follower] -= 1
            if not self._n_unmet[follower]:
                self._tasks.add(asyncio.create_task(self._node(follower)))
        self._left -= 1
        if not self._left:
            self._finished.set_result(None)
