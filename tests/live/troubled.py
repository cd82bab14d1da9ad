"""A run in which all goes wrong that can be told: retries, timeouts, groups, health, an early end."""

from __future__ import annotations

from weft.model.group import Group, Rest
from weft.model.health import Health, WhenUnhealthy
from weft.model.limits import Pool
from weft.model.reason import Exited
from weft.model.retry import Retry
from weft.model.timeout import Timeout
from weft.testing import Sim, failed, plan, task

PAUSED = Health(0.5, min_samples=2, when_unhealthy=WhenUnhealthy.PAUSE, cool_down_s=5.0)


def troubled() -> Sim:
    """Return the run, which ends because the group `release` is lost; nothing of `last` is left to start."""
    run = Sim(
        plan(
            task("build", retry=Retry()),
            task("flaky\n", retry=Retry()),
            task("picky", retry=Retry(give_up_on=(2,))),
            task("slow", duration_s=60.0, retry=Retry(max_attempts=2), timeout=Timeout(attempt_s=5.0)),
            *(
                task(f"survey[{name}]", group="survey", duration_s=float(number))
                for number, name in enumerate("abcd", start=1)
            ),
            task("extra", group="extras"),
            *(task(f"call[{name}]", limits={"api": 1}) for name in "abcd"),
            task("sign", group="release", duration_s=20.0),
            task("watch", duration_s=90.0),
            task("last", needs=["watch"]),
            limits={"api": Pool(2, PAUSED)},
            groups={
                "survey": Group(min_required=2, when_met=Rest.CANCEL),
                "extras": Group(critical=False),
                "release": Group(critical=True),
            },
        )
    )
    run.play(
        {
            "build": [failed(), failed()],
            "flaky\n": failed(Exited(7)),
            "picky": failed(Exited(2)),
            "survey[a]": failed(),
            "extra": failed(),
            "call[a]": failed(),
            "call[b]": failed(),
            "sign": failed(),
        }
    )
    return run
