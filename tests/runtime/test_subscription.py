from __future__ import annotations

import asyncio
import logging
import threading

import pytest

import weft
from weft.runtime.subscription import Subscription
from weft.scheduling.facts import Fact, RunEnded, RunInterrupted, RunStarted, TaskEnded

TIMEOUT_S = 30.0


def some(n: int) -> list[Fact]:
    return [RunInterrupted(float(number)) for number in range(n)]


def test_a_subscriber_hears_all_facts_of_a_run_in_order_and_in_another_thread() -> None:
    heard: list[Fact] = []
    threads: set[int] = set()

    def listen(fact: Fact) -> None:
        heard.append(fact)
        threads.add(threading.get_ident())

    with weft.subscribe(listen) as subscription:
        weft.map(abs, [-1, -2])
    weft.map(abs, [-3])
    assert isinstance(heard[0], RunStarted)
    assert isinstance(heard[-1], RunEnded)
    assert [fact.at for fact in heard] == sorted(fact.at for fact in heard)
    assert sum(isinstance(fact, TaskEnded) for fact in heard) == 2, "not those of the run after it was closed"
    assert threading.get_ident() not in threads
    assert subscription.dropped == 0


def test_a_subscriber_of_an_engine_hears_of_that_engine_alone() -> None:
    heard: list[Fact] = []

    async def main() -> Subscription:
        async with weft.Engine() as engine, weft.Engine() as other:
            subscription = engine.subscribe(heard.append)
            await engine.submit(abs, -1)
            await other.submit(abs, -1)
        return subscription

    asyncio.run(main()).close(TIMEOUT_S)
    assert sum(isinstance(fact, TaskEnded) for fact in heard) == 1


def test_one_that_raises_is_logged_and_told_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Fact] = []

    def fail(fact: Fact) -> None:
        heard.append(fact)
        raise LookupError("no such bar")

    with weft.subscribe(fail) as subscription:
        assert weft.map(abs, [-1, -2]) == [1, 2]
    assert len(heard) == 1
    assert subscription.dropped > 0
    assert [record.name for record in caplog.records if record.exc_info] == ["weft.subscribe"]


def test_a_slow_one_keeps_nobody_waiting_and_what_it_misses_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    may_go_on = threading.Event()
    has_begun = threading.Event()
    heard: list[Fact] = []

    def listen(fact: Fact) -> None:
        has_begun.set()
        assert may_go_on.wait(TIMEOUT_S)
        heard.append(fact)

    subscription = Subscription(listen, most_waiting=3)
    facts = some(10)
    subscription.take(facts[:1])
    assert has_begun.wait(TIMEOUT_S)
    subscription.take(facts[1:])  # returns at once
    assert subscription.dropped == 6
    may_go_on.set()
    subscription.close(TIMEOUT_S)
    assert heard == facts[:4]
    messages = [record.getMessage() for record in caplog.records]
    assert ["too slow" in messages[0], messages[1].startswith("6 facts were dropped")] == [True, True]


def test_what_comes_after_it_was_closed_is_not_told() -> None:
    heard: list[Fact] = []
    subscription = Subscription(heard.append)
    subscription.close()
    subscription.take(some(1))
    assert (heard, subscription.dropped) == ([], 0)


def test_it_may_close_itself() -> None:
    subscription = Subscription(lambda fact: subscription.close())
    subscription.take(some(2))
    subscription.close(TIMEOUT_S)
    assert subscription.is_closed


def test_the_log_tells_ends_at_info_and_attempts_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    def fail(x: int) -> int:
        raise ValueError(x)

    with caplog.at_level(logging.INFO, "weft"):
        weft.map(fail, [1], on_failure="return")
    at_info = [(record.levelname, record.getMessage().partition(": ")[2]) for record in caplog.records]
    assert at_info == [("INFO", "fail[0] failed: ValueError: 1"), ("INFO", "the run failed")]
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "weft.run"):
        weft.map(abs, [1])
    told = [record.getMessage().partition(": ")[2] for record in caplog.records if record.name == "weft.run"]
    assert told == [
        "abs[0]: attempt 1 started",
        "abs[0]: attempt 1 succeeded",
        "abs[0] succeeded",
        "the run succeeded",
    ]


def test_without_a_wish_for_it_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    weft.map(abs, [1])
    assert [record for record in caplog.records if record.name.startswith("weft")] == []
