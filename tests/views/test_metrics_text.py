from __future__ import annotations

from weft.model.group import Group
from weft.model.limits import Pool
from weft.model.retry import Jitter, Retry
from weft.testing import Sim, failed, plan, task
from weft.views.metrics import metrics_of
from weft.views.metrics_text import metrics_text


def test_the_page_tells_the_run_its_waits_its_limits_groups_and_slowest_tasks() -> None:
    run = Sim(
        plan(
            task("fetch", duration_s=3.0, limits={"gpu": 1}),
            task("train", duration_s=5.0, needs=["fetch"]),
            task("other", duration_s=4.0, limits={"gpu": 1}, group="extras"),
            task("more", duration_s=3.0),
            task("flaky", duration_s=1.0, retry=Retry(2, base_s=2.0, jitter=Jitter.NONE)),
            limits={"gpu": Pool(1)},
            groups={"extras": Group()},
            max_concurrent=2,
        )
    )
    run.play({"flaky": failed()})
    page = metrics_text(metrics_of(run.facts))
    assert page.startswith("5 tasks in ")
    titles = [block.splitlines()[0].split("  ")[0] for block in page.split("\n\n")]
    assert titles[1:] == ["waits", "limits", "groups", "slowest tasks"]
    assert "\npool gpu" in page
    assert "\nextras" in page
    assert "1 of 1" in page
    assert all(line == line.rstrip() for line in page.splitlines())


def test_a_run_in_which_nothing_happened_has_a_page_too() -> None:
    assert metrics_text(metrics_of(())).startswith("0 tasks in 0 s: none\n")
