from __future__ import annotations

from weft.model.outcome import Succeeded
from weft.model.reason import NeverFinished
from weft.scheduling.events import TakenUp
from weft.testing import Sim, failed, plan, task
from weft.views.comparison import Pace, Turn, compare
from weft.views.tasks import TaskRow, task_rows


def test_each_task_has_a_row_in_plan_order() -> None:
    run = Sim(plan(task("b", needs=["a"]), task("a", duration_s=2.0), task("c")), max_concurrent=1)
    run.play({"c": failed()})
    rows = task_rows(run.facts)
    assert [(row.id, row.started, row.seconds, row.attempts) for row in rows] == [
        ("b", 2.0, 1.0, 1),
        ("a", 0.0, 2.0, 1),
        ("c", 3.0, 1.0, 1),
    ]
    assert [type(row.outcome).__name__ for row in rows] == ["Succeeded", "Succeeded", "Failed"]


def test_what_was_taken_over_tells_from_where() -> None:
    of = plan(task("a"), task("b"))
    run = Sim(of, taken_up=TakenUp("r0", {0: Succeeded(1)}, {1: NeverFinished()}))
    a, b = task_rows(run.facts)
    assert (a.taken_from, a.attempts, a.seconds, a.outcome) == ("r0", 0, None, Succeeded(1))
    assert (b.taken_from, b.attempts, b.outcome, b.again) == (None, 1, None, NeverFinished())


def test_runs_that_are_alike_have_no_difference() -> None:
    rows = [TaskRow("a", Succeeded(1), seconds=1.0)]
    assert compare(rows, [TaskRow("a", Succeeded(1), seconds=1.19)], {"a": ()}).is_empty


def test_all_that_differs_is_told() -> None:
    before = [
        TaskRow("gone"),
        TaskRow("slow", Succeeded(), seconds=1.0),
        TaskRow("fast", Succeeded(), seconds=9.0),
        TaskRow("other", Succeeded(1)),
        TaskRow("broken", Succeeded()),
    ]
    after = [
        TaskRow("slow", Succeeded(), seconds=2.0),
        TaskRow("fast", Succeeded(), seconds=1.0),
        TaskRow("other", Succeeded(2)),
        TaskRow("broken", failed()),
        TaskRow("new"),
    ]
    found = compare(before, after, {"other": ("command",), "slow": (), "gone": ("env",)})
    assert (found.gone, found.new) == (("gone",), ("new",))
    assert found.turned == (
        Turn("other", Succeeded(1), Succeeded(2)),
        Turn("broken", Succeeded(), failed()),
    )
    assert found.changed == {"other": ("command",)}
    assert (found.slower, found.faster) == ((Pace("slow", 1.0, 2.0),), (Pace("fast", 9.0, 1.0),))


def test_a_difference_in_time_that_may_be_chance_is_not_told() -> None:
    rows = [TaskRow("a", seconds=0.01), TaskRow("b", seconds=10.0)]
    assert compare(rows, [TaskRow("a", seconds=0.05), TaskRow("b", seconds=11.0)]).is_empty
