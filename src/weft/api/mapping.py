"""`map` and `amap`: one function over many items, results in the order of the items.

Items are pulled as there is room for them, so they may come from an endless or a slow source, and
memory holds only those that are under way, and the results.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from itertools import islice
from typing import Any, Literal, get_args

from weft.api.progress import live_display
from weft.api.sync import run_until_done
from weft.errors import PlanError, TaskFailures, UsageError
from weft.executors.shared import Shared
from weft.model.cache import Cached, cache_of
from weft.model.nothing import NOTHING
from weft.model.outcome import Outcome, Succeeded
from weft.model.rate import Rate
from weft.model.retry import Retry
from weft.model.task import Task
from weft.model.timeout import timeout_of
from weft.model.work import Call, Where
from weft.planning.check import task_problems
from weft.planning.prepare import PreparedTask
from weft.runtime.engine import MAX_CONCURRENT_DEFAULT, Engine
from weft.runtime.references import unshared
from weft.runtime.run import signals_to
from weft.runtime.watch import watched
from weft.runtime.work import Place, name_of, place_of
from weft.scheduling.facts import Fact, RunInterrupted, TaskEnded
from weft.views.report import error_of

OnFailure = Literal["raise", "return"]

_RATE = "rate"  # what the limit of a map is called where a task waits for it


def map(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    max_concurrent: int = MAX_CONCURRENT_DEFAULT,
    retry: Retry | None = None,
    timeout_s: float | None = None,
    rate: Rate | str | None = None,
    cache: Cached | None = None,
    where: Place | None = None,
    on_failure: OnFailure = "raise",
    progress: bool = False,
) -> list[Any]:
    """Call ``function`` with every item, several at a time, and return the results in order.

    Args:
        function: sync (called in threads) or async.
        items: one argument each. They are taken one by one, as there is room, at most
            ``2 * max_concurrent`` ahead of the results; in the event loop's thread, so a source that
            is slow to answer belongs in an asynchronous generator, for `amap`.
        max_concurrent: how many calls may run at once.
        retry: how a call is tried again when it fails; by default it is not.
        timeout_s: how long an attempt at a call may take, in seconds.
        rate: how many calls may be started in a span of time, retries among them: a `Rate`, or one such as
            "100/min". It does not raise ``max_concurrent``.
        cache: whether calls need not be made again while their results hold, in `.weft/cache` of the current
            directory: true, or a `weft.policy.Cache`. The function's code and the item always count.
        where: call in the event "loop", a "thread" or a worker "process", if the default won't do.
        on_failure: all items are tried in any case; then ``"raise"`` raises what went wrong, and
            ``"return"`` puts the exception in the place of the result.
        progress: show a live display on standard error.

    Raises:
        TaskFailures: some calls failed; its ``results`` holds what ``"return"`` would have returned.
        PlanError: ``max_concurrent``, ``retry`` or ``timeout_s`` makes no sense; nothing was called.
        UsageError: ``rate`` is none, or an event loop is running here already: use `amap`.
        KeyboardInterrupt: the call was interrupted; all that ran has been stopped.
        BaseException: what ``items`` raised, once all that ran has been stopped.

    >>> map(lambda x: x * x, range(5))
    [0, 1, 4, 9, 16]
    >>> answers = iter([ConnectionError(), "here"])
    >>> def ask(name):
    ...     answer = next(answers)
    ...     if isinstance(answer, Exception):
    ...         raise answer
    ...     return f"{name} is {answer}"
    >>> map(ask, ["weft"], retry=Retry(base_s=0, retry_on=(ConnectionError,)))
    ['weft is here']
    """
    mapping = _Mapping(
        function,
        max_concurrent,
        where,
        on_failure,
        retry=retry,
        timeout_s=timeout_s,
        rate=rate,
        cache=cache,
        progress=progress,
    )
    return run_until_done("await weft.amap(...)", lambda: mapping.over(items, signals_to))


async def amap(
    function: Callable[..., Any],
    items: Iterable[Any] | AsyncIterable[Any],
    *,
    max_concurrent: int = MAX_CONCURRENT_DEFAULT,
    retry: Retry | None = None,
    timeout_s: float | None = None,
    rate: Rate | str | None = None,
    cache: Cached | None = None,
    where: Place | None = None,
    on_failure: OnFailure = "raise",
    progress: bool = False,
) -> list[Any]:
    """Do what `map` does, inside an event loop that is running; ``items`` may be asynchronous.

    >>> async def double(x):
    ...     return 2 * x
    >>> asyncio.run(amap(double, [1, 2, 3]))
    [2, 4, 6]
    """
    mapping = _Mapping(
        function,
        max_concurrent,
        where,
        on_failure,
        retry=retry,
        timeout_s=timeout_s,
        rate=rate,
        cache=cache,
        progress=progress,
    )
    return await mapping.over(items, lambda engine: nullcontext())


class _Mapping:
    """The calls of one map: hands in as many items as there is room for, and takes the results."""

    def __init__(
        self,
        function: Callable[..., Any],
        max_concurrent: int,
        where: Place | None,
        on_failure: OnFailure,
        *,
        retry: Retry | None,
        timeout_s: float | None,
        rate: Rate | str | None,
        cache: Cached | None,
        progress: bool,
    ) -> None:
        if on_failure not in get_args(OnFailure):
            raise UsageError(f'`on_failure` is {on_failure!r}; expected "raise" or "return"')
        self._where = place_of(function, where)
        self._function = function if self._where is Where.PROCESS else unshared(function)
        self._name = name_of(function)
        self._on_failure = on_failure
        self._retry = retry
        self._timeout = timeout_of(timeout_s, None)
        self._cache = cache_of(cache)
        limits = {} if rate is None else {_RATE: _rate(rate)}
        self._costs = dict.fromkeys(limits, 1)
        if problems := task_problems(self._task(self._name, Call(function)), limits, {}):
            raise PlanError(problems)
        self._engine = Engine(max_concurrent, limits)
        self._watch = live_display if progress else None
        # As many again as may run wait at the gate, so that those that end leave no gap.
        self._room = 2 * max_concurrent
        self._room_made: asyncio.Future[None] | None = None
        self._context = copy_context()  # of the calls
        self._source_context = copy_context()  # of the items: what they set is not seen by the calls
        self._items: Iterator[Any] = iter(())
        self._results: list[Any] = []
        self._failures: dict[int, Outcome] = {}
        self._n_live = 0
        self._exhausted = False
        self._interrupted = False
        self._source_error: BaseException | None = None

    async def over(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        signals: Callable[[Engine], AbstractContextManager[None]],
    ) -> list[Any]:
        """Run all calls; return or raise as `map` says."""
        async with self._engine as engine:
            with watched(engine, self._watch), signals(engine):
                if isinstance(items, AsyncIterable):
                    await self._over_async(aiter(items))
                else:
                    self._items = iter(items)
                    engine.listen(self._take_and_refill)
                    self._refill()
                    await engine.wait()
        return self._answer()

    async def _over_async(self, items: AsyncIterator[Any]) -> None:
        self._engine.listen(self._take)
        pump = asyncio.create_task(self._pump(items))
        try:
            await self._engine.wait()
        finally:
            pump.cancel()  # it may be waiting for an item that nobody wants any more
            await asyncio.wait([pump])

    def _answer(self) -> list[Any]:
        if self._source_error is not None:
            raise self._source_error
        if self._interrupted:
            raise KeyboardInterrupt
        for position in sorted(self._failures):
            error = error_of(f"{self._name}[{position}]", self._failures[position])
            self._results[position] = error
        if self._failures and self._on_failure == "raise":
            errors = [self._results[position] for position in sorted(self._failures)]
            failures = TaskFailures(f"{len(errors)} of {len(self._results)} calls failed", errors)
            failures.results = self._results
            raise failures
        return self._results

    def _take(self, facts: Sequence[Fact]) -> None:
        results = self._results
        for fact in facts:
            if type(fact) is TaskEnded:
                self._n_live -= 1
                outcome = fact.outcome
                if isinstance(outcome, Succeeded):
                    results[fact.task] = outcome.value
                else:
                    self._failures[fact.task] = outcome
            elif type(fact) is RunInterrupted:
                self._interrupted = True
                self._end_of_items()
        if self._room_made is not None and not self._room_made.done():
            self._room_made.set_result(None)

    def _take_and_refill(self, facts: Sequence[Fact]) -> None:
        self._take(facts)
        self._refill()

    def _refill(self) -> None:
        wanted = self._room - self._n_live
        if self._exhausted or wanted <= 0:
            return
        try:
            batch = self._source_context.run(list, islice(self._items, wanted))
        except BaseException as error:  # noqa: BLE001 - whatever the user's source raises, `map` raises it
            self._fail(error)
        else:
            self._submit(batch)
            if len(batch) < wanted:
                self._end_of_items()

    async def _pump(self, items: AsyncIterator[Any]) -> None:
        try:
            async for item in items:
                if self._exhausted or self._engine.sealed:
                    break
                self._submit([item])
                while self._n_live >= self._room:
                    self._room_made = asyncio.get_running_loop().create_future()
                    await self._room_made
        except BaseException as error:  # noqa: BLE001 - whatever the user's source raises, `map` raises it
            if not self._engine.sealed:  # else it was cancelled by `over`, and told nothing new
                self._fail(error)
        else:
            self._end_of_items()

    def _submit(self, items: Sequence[Any]) -> None:
        if not items:
            return
        first = len(self._results)
        self._results.extend([None] * len(items))
        self._n_live += len(items)
        function, where, name = self._function, self._where, self._name
        if where is not Where.PROCESS:
            items = [item.value if type(item) is Shared else item for item in items]
        tasks = [
            PreparedTask(position, self._task(f"{name}[{position}]", Call(function, (item,), NOTHING, where)))
            for position, item in enumerate(items, first)
        ]
        self._engine.submit_prepared(tasks, self._context)

    def _task(self, id: str, call: Call) -> Task:
        return Task(id, call, limits=self._costs, retry=self._retry, timeout=self._timeout, cache=self._cache)

    def _fail(self, error: BaseException) -> None:
        """The source of the items broke down: what was begun is stopped, and the error told."""
        self._source_error = error
        self._engine.interrupt()
        self._end_of_items()

    def _end_of_items(self) -> None:
        self._exhausted = True
        self._items = iter(())  # whoever has opened something in a generator is let go
        self._engine.seal()


def _rate(rate: Rate | str) -> Rate:
    given: object = rate
    if isinstance(given, Rate):
        return given
    if isinstance(given, str):
        return Rate(given)
    raise UsageError(f'`rate` is {given!r}; expected a Rate, or one such as "100/min"')
