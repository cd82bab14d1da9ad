from __future__ import annotations

import pytest

from weft.scheduling.slots import Slots


def test_the_last_unit_can_be_taken_and_the_one_after_it_not() -> None:
    slots = Slots("gpu", 3)
    slots.take(2)
    slots.take(1)
    assert slots.free == 0
    with pytest.raises(AssertionError, match="1 of 0 in gpu"):
        slots.take(1)
    assert slots.free == 0


def test_all_units_can_be_given_back_and_not_one_more() -> None:
    slots = Slots("gpu", 2)
    slots.take(2)
    slots.give_back(2)
    assert slots.free == 2
    with pytest.raises(AssertionError, match="too many for gpu"):
        slots.give_back(1)
    assert slots.free == 2


@pytest.mark.parametrize("units", [0, -1])
def test_nothing_and_less_than_nothing_is_not_taken(units: int) -> None:
    slots = Slots("gpu", 2)
    with pytest.raises(AssertionError):
        slots.take(units)
    with pytest.raises(AssertionError):
        slots.give_back(units)


def test_a_pool_without_units_can_not_be() -> None:
    with pytest.raises(AssertionError, match="size 0"):
        Slots("gpu", 0)
