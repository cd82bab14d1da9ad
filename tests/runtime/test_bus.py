from __future__ import annotations

from collections.abc import Sequence

import pytest

from weft.runtime.bus import Bus
from weft.scheduling.facts import Fact, RunInterrupted

FACTS = [RunInterrupted(0.0)]


def test_subscribers_are_called_in_the_order_in_which_they_came() -> None:
    bus, called = Bus(), []
    bus.subscribe(lambda facts: called.append(("first", facts)))
    bus.subscribe(lambda facts: called.append(("second", facts)))
    bus.publish(FACTS)
    assert called == [("first", FACTS), ("second", FACTS)]


def test_a_subscriber_that_raises_is_logged_and_told_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    failing: list[Sequence[Fact]] = []
    sound: list[Sequence[Fact]] = []

    def fail(facts: Sequence[Fact]) -> None:
        failing.append(facts)
        raise LookupError("no such bar")

    bus.subscribe(fail)
    bus.subscribe(sound.append)
    bus.publish(FACTS)
    bus.publish(FACTS)
    assert (len(failing), len(sound)) == (1, 2)
    assert [record.name.partition(".")[0] for record in caplog.records] == ["weft"]
    assert "no such bar" in caplog.text


def test_whoever_subscribes_during_a_call_hears_of_the_next_turn() -> None:
    bus = Bus()
    late: list[Sequence[Fact]] = []
    bus.subscribe(lambda facts: bus.subscribe(late.append) if not late else None)
    bus.publish(FACTS)
    assert late == []
    bus.publish(FACTS)
    assert late == [FACTS]
