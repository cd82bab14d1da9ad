"""An explanation of a plan before it runs: verdicts with reasons, chains, forecasts.

Knows whom to ask. Each answer is found out when it is wanted.
"""

from __future__ import annotations

from functools import cached_property

from weft.errors import UsageError
from weft.planning.decision import decide
from weft.planning.patterns import NOWHERE, Ground
from weft.planning.prepare import PreparedPlan
from weft.views.connections import Connections, connections
from weft.views.pair import PairExplanation, explain_pair
from weft.views.retry import Retrying, retrying
from weft.views.summary import Summary, summarize
from weft.views.what_if import WhatIf, parse_change, position_of, what_if


class Explanation:
    """What can be told about a plan before it runs; printed, it is the summary.

    Each answer is a value with its data, which prints as a page and has a ``to_json()``.

    Args:
        prepared: the plan.
        max_concurrent: how many tasks may run at once.
        ground: what the plan was prepared with.

    >>> from weft.planning.prepare import prepare
    >>> from weft.testing import plan, task
    >>> told = Explanation(prepare(plan(task("a"), task("b", needs=["a"]))), max_concurrent=5)
    >>> print(told.between("b", "a"))
    a and b: SEQUENTIAL
    <BLANKLINE>
    `b` starts when `a` has ended:
      - it needs `a`
          unlock: take `a` out of what `b` needs, if it can do without
    """

    def __init__(self, prepared: PreparedPlan, max_concurrent: int, ground: Ground = NOWHERE) -> None:
        self._prepared = prepared
        self._max_concurrent = max_concurrent
        self._ground = ground

    @cached_property
    def summary(self) -> Summary:
        """What parallel running can do for the plan."""
        return summarize(self._prepared, self._max_concurrent, self._ground)

    def __str__(self) -> str:
        return str(self.summary)

    def to_json(self) -> str:
        """Return the summary as indented JSON."""
        return self.summary.to_json()

    def between(self, first: str, second: str) -> PairExplanation:
        """Return the verdict on two tasks, with all reasons and what would lift them.

        Raises:
            UsageError: one of them is not in the plan, is a fan-out of several, or both are the same.
        """
        positions = self._position(first), self._position(second)
        if positions[0] == positions[1]:
            raise UsageError(f"a verdict is on two tasks; both are `{first}`")
        return explain_pair(decide(self._prepared, *positions, self._max_concurrent, self._ground))

    def about(self, task: str) -> Connections:
        """Return what a task waits for and why, who waits for it, and what it takes.

        Raises:
            UsageError: it is not in the plan, or a fan-out of several.
        """
        return connections(self._prepared, self._position(task), self._max_concurrent)

    def retries(self, task: str) -> Retrying:
        """Return how a task would be tried again: its attempts, the delays between them, what bounds them.

        Raises:
            UsageError: it is not in the plan, or a fan-out of several.
        """
        return retrying(self._prepared.plan, self._prepared.tasks[self._position(task)].task)

    def what_if(self, *changes: str) -> WhatIf:
        """Return how long a run would take with each of ``changes``, on top of those before it.

        Args:
            changes: ``jobs 16``, ``drop build->test``, ``private build`` or ``limit gpu 2``.

        Raises:
            UsageError: a change can't be read, names what is not in the plan, or changes nothing.
            PlanError: a task could not run any more.
        """
        parsed = [parse_change(text) for text in changes]
        return what_if(self._prepared, self._max_concurrent, parsed, self._ground)

    def _position(self, name: str) -> int:
        return position_of(self._prepared, name)
