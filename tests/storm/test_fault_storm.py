"""Two thousand commands, a third of which go wrong in every way that commands know."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.storm.marked import VARIABLE, alive, new_mark

from weft.model.outcome import Failed, Outcome, Succeeded
from weft.model.policy import Policy
from weft.model.reason import BadResult, CouldNotStart, Exited, Killed, TimedOut
from weft.model.retry import Retry
from weft.model.work import Command, ResultFormat
from weft.runtime.engine import Engine
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact

N_TASKS = 2000
N_AT_ONCE = 16
TIMEOUT_S = 0.3
GRACE_S = 0.2
SEED = 4

# All attempts that take too long, one after the other in each of the slots, take less than half of this.
BOUND_S = 120.0
# What the interpreter and the system's libraries may take and keep for reasons of their own.
GROWTH_BYTES = 24 << 20


class Case(msgspec.Struct, frozen=True):
    """A command, and what must become of it."""

    run: str | tuple[str, ...]
    outcome: Outcome
    attempts: int = 1
    result: ResultFormat = ResultFormat.NONE
    timeout_s: float | None = TIMEOUT_S


def good(script: str, value: object = None, result: ResultFormat = ResultFormat.NONE) -> Case:
    return Case(script, Succeeded(value), result=result, timeout_s=None)


def failing(script: str | tuple[str, ...], because: Exited | Killed | CouldNotStart | BadResult) -> Case:
    result = ResultFormat.JSON if isinstance(because, BadResult) else ResultFormat.NONE
    return Case(script, Failed(because), attempts=2, result=result, timeout_s=None)


def late(script: str) -> Case:
    return Case(script, Failed(TimedOut(TIMEOUT_S)), attempts=2)


DEAF = "trap '' TERM HUP INT; while :; do sleep 0.05; done"

GOOD = [
    good("true"),
    good("echo said", "said", ResultFormat.TEXT),
    good("echo '[1, 2]'", [1, 2], ResultFormat.JSON),
    good("sleep 0.01; echo >&2"),
    good("sleep 1000 & echo said", "said", ResultFormat.TEXT),  # the grandchild holds the output
    good("setsid -f sleep 1000"),
]
BAD = [
    # failing
    failing("exit 7", Exited(7)),
    failing("echo weft: retry-after 0.05 >&2; exit 75", Exited(75)),
    failing("echo {", BadResult("")),
    failing(("no-such-program-here",), CouldNotStart("")),
    Case("test $WEFT_ATTEMPT = 2 || exit 75", Succeeded(None), attempts=2, timeout_s=None),
    # killing themselves
    failing("kill -KILL $$", Killed(9)),
    failing("sleep 1000 & setsid -f sleep 1000; kill -SEGV $$", Killed(11)),
    # hanging
    late("sleep 1000"),
    late("kill -STOP $$; sleep 1000"),
    Case("test $WEFT_ATTEMPT = 2 || sleep 1000", Succeeded(None), attempts=2, timeout_s=2.0),
    # ignoring TERM
    late(DEAF),
    late(f"({DEAF}) & ({DEAF}) & wait"),
    # forking grandchildren that hold the output, some in groups and sessions of their own
    late("sleep 1000 & (sleep 1000 &) ; timeout 1000 sleep 1000; :"),
    late(f"setsid sh -c '{DEAF.replace(chr(39), chr(34))}' & (setsid sleep 1000 &) ; {DEAF}"),
    failing("sleep 1000 & (setsid sleep 1000 &) ; exit 3", Exited(3)),
    # filling their output
    failing("head -c 2000000 /dev/zero; head -c 2000000 /dev/zero >&2; exit 4", Exited(4)),
    late("yes | head -c 3000000; sleep 1000"),
]


def cases() -> list[Case]:
    """The same ones each time, well shuffled."""
    chance = Random(SEED)
    n_bad = N_TASKS // 3
    drawn = [GOOD[n % len(GOOD)] for n in range(N_TASKS - n_bad)] + [BAD[n % len(BAD)] for n in range(n_bad)]
    chance.shuffle(drawn)
    return drawn


class Watch:
    """Counts attempts, and looks at the memory now and then."""

    def __init__(self) -> None:
        self.attempts: Counter[int] = Counter()
        self.at_once = self.most_at_once = self.n_ended = 0
        self.memory: list[int] = []

    def listen(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, AttemptStarted):
                self.attempts[fact.attempt.task] += 1
                self.at_once += 1
                self.most_at_once = max(self.at_once, self.most_at_once)
            elif isinstance(fact, AttemptEnded):
                self.at_once -= 1
                self.n_ended += 1
                if self.n_ended % (N_TASKS // 8) == 0:
                    self.memory.append(memory_bytes())


def memory_bytes() -> int:
    """Of this process and of those that start commands for it."""
    own = os.getpid()
    helpers = Path(f"/proc/self/task/{own}/children").read_text().split()
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in [own, *helpers]]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


async def storm(root: Path, drawn: Sequence[Case], watch: Watch) -> list[Outcome | None]:
    async with (
        asyncio.timeout(BOUND_S),
        Engine(N_AT_ONCE, root=root, policy=Policy(grace_s=GRACE_S)) as engine,
    ):
        engine.listen(watch.listen)
        handles = [
            engine.submit(
                Command(case.run, result=case.result),
                timeout_s=case.timeout_s,
                retry=Retry(max_attempts=2, base_s=0.005),
            )
            for case in drawn
        ]
        await engine.close()
    return [handle.outcome for handle in handles]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Some hundreds of megabytes of output, which pytest would keep for a while."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def agree(found: Outcome | None, expected: Outcome) -> bool:
    """Whether they are the same, but for the exact words of a complaint and the wish for patience."""
    if isinstance(found, Failed) and isinstance(expected, Failed):
        told, because = found.because, expected.because
        if isinstance(because, BadResult | CouldNotStart):
            return type(told) is type(because)
        return told == because
    return found == expected


def test_a_storm_of_faults_ends_as_it_must_and_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, drawn, watch = new_mark(), cases(), Watch()
    monkeypatch.setenv(VARIABLE, mark)
    gc.collect()  # what the tests before have left is not ours to count
    files = set(os.listdir("/proc/self/fd"))
    outcomes = asyncio.run(storm(root, drawn, watch))
    assert alive(mark) == {}
    assert set(os.listdir("/proc/self/fd")) <= files
    wrong = [
        (case, found, watch.attempts[n])
        for n, (case, found) in enumerate(zip(drawn, outcomes, strict=True))
        if not agree(found, case.outcome) or watch.attempts[n] != case.attempts
    ]
    assert wrong == []
    assert watch.most_at_once == N_AT_ONCE
    assert watch.memory[-1] - watch.memory[1] < GROWTH_BYTES, watch.memory
