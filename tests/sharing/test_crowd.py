"""Many real processes at once, some of which are killed in the middle of whatever they are doing."""

from __future__ import annotations

import os
import random
import time
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path

from tests.crowd import crowd
from tests.sharing.crowd import LIMIT, PER_S
from tests.sharing.waiting import wait

from weft.model.lock import Hold
from weft.sharing.base import Ask, NotYet, PoolAsked, PoolTaken
from weft.sharing.sqlite import SqliteSharing

SECONDS = int(os.environ.get("WEFT_TEST_CROWD_S", "3"))
SECTIONS = int(os.environ.get("WEFT_TEST_CROWD_SECTIONS", "100"))


SCRIPT = Path(__file__).with_name("crowd.py")


def test_forty_processes_share_a_rate_and_use_nearly_all_of_it(tmp_path: Path) -> None:
    starts: list[float] = []
    with crowd(SCRIPT, "starts", 40, tmp_path) as members:
        members.begin()
        while len(starts) < LIMIT * SECONDS + 1:
            what, moment, _ = members.next()
            assert what == "start"
            starts.append(float(moment))
    starts.sort()
    fullest = max(bisect_left(starts, at + PER_S) - number for number, at in enumerate(starts))
    used = SECONDS * PER_S / (starts[LIMIT * SECONDS] - starts[0])
    assert fullest <= LIMIT
    assert used >= 0.95, f"{used:.1%} of the rate"


def test_what_killed_processes_held_is_free_again_and_what_the_living_hold_is_not(tmp_path: Path) -> None:
    with crowd(SCRIPT, "hold", 12, tmp_path) as members:
        members.begin()
        holders = [int(members.next()[-1]) for _ in range(4)]
        for _ in range(4):  # a third of them all
            members.kill(holders.pop(0))
            holders.append(int(members.next()[-1]))
            assert holders[-1] in members.members
        sharing = SqliteSharing(tmp_path)
        alone = Ask("alone", pools={"gpu": PoolAsked(4, 4)}, locks={"index": Hold.EXCLUSIVE})
        answer = sharing.acquire(alone)
        assert isinstance(answer, NotYet)
        (taken,) = answer.because
        assert isinstance(taken, PoolTaken)
        assert sorted(owner.pid for owner in taken.holders) == sorted(holders)
        for pid in [*members.members]:
            members.kill(pid)
        assert wait(sharing, alone, time.sleep).tokens["index"] > 8
        sharing.close()


def test_a_protected_counter_is_exact_though_processes_are_killed_at_random(tmp_path: Path) -> None:
    chance, n, ended = random.Random(5), 16, set[int]()
    with crowd(SCRIPT, "sections", n, tmp_path, SECTIONS) as members:
        members.begin()
        while not ended.issuperset(members.members):
            what, *_, pid = members.next()
            if what == "ended":
                ended.add(int(pid))
            alive = [each for each in members.members if each not in ended]
            if what == "counted" and chance.random() < 8 / (n * SECTIONS) and len(alive) > 1:
                members.kill(chance.choice(alive))
    lines = [line.split() for line in (tmp_path / "counter").read_text().splitlines()]
    assert [int(number) for number, _ in lines] == list(range(1, len(lines) + 1))
    tokens = [int(token) for _, token in lines]
    assert all(earlier < later for earlier, later in pairwise(tokens))
    assert 0 < len(members.members) < n, "some were killed and some came to their end"
    assert len(members.members) * SECTIONS <= len(lines)
