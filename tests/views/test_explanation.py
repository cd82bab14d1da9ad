"""Explanations of plans.

``WEFT_WRITE_GOLDEN=1`` writes the pages anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from weft.errors import UsageError
from weft.model.limits import Limit
from weft.model.policy import Policy
from weft.model.priority import HIGH, LOW, Priority
from weft.model.rate import Rate
from weft.planning.decision import Verdict
from weft.planning.prepare import prepare
from weft.testing import plan, task
from weft.views.explanation import Explanation
from weft.views.page import WIDTH, Page

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    page = GOLDEN / name
    if os.environ.get("WEFT_WRITE_GOLDEN"):
        page.write_bytes(text.encode())
    assert text == page.read_bytes().decode()


@pytest.fixture
def model() -> Explanation:
    """A plan with hazards of each kind, a pool, a transaction, a need and a task that says nothing."""
    gpu = {"gpu": 1}
    tasks = [
        task("fetch", writes="data/raw.json", reads=[], duration_s=3.0),
        task("clean", reads="data/raw.json", writes="data/clean.json", duration_s=2.0),
        task("train", reads="data/", writes="out/model.bin", duration_s=8.0, limits=gpu),
        task("score", reads="data/clean.json", writes="out/score.json", duration_s=4.0, limits=gpu),
        task("lint", duration_s=1.0),
        task("refresh", reads="feed.xml", writes="data/raw.json", duration_s=2.0),
        task("report", reads="out/", writes="report.html", needs=["lint"]),
        task("take down", writes="site/", group="swap", duration_s=0.5),
        task("put up", reads="report.html", writes="site/", group="swap", duration_s=0.5),
        task("visit", reads="site/index.html", writes=[], duration_s=1.5),
    ]
    return Explanation(prepare(plan(*tasks, limits={"gpu": 1}, atomic=["swap"])), max_concurrent=5)


@pytest.fixture
def coordinated() -> Explanation:
    """A plan with rates, locks, sizes, several priorities and speculation."""
    limits: dict[str, int | Limit] = {
        "api": Rate({"requests": "100/min", "tokens": ("40000/min", "1000000/day")}),
        "mail": Rate("10/h", burst=2),
        "mem": 16 * 2**30,
    }
    tasks = [
        task("ask", reads=[], limits={"api": {"tokens": 800}}, priority=HIGH),
        task("all", reads=[], limits={"api": {"requests": 5, "tokens": 39_500}, "mem": 3 * 2**30}),
        task("tell", reads=[], limits={"mail": 1}, locks=["site"], priority=LOW),
        task("deploy", reads=[], locks={"site": "exclusive", "index": "shared"}),
        task("look", reads=[], locks={"site": "shared", "index": "shared"}),
        task("guess", reads=[], limits={"mail": 2}, speculative=True),
    ]
    prepared = prepare(plan(*tasks, limits=limits, policy=Policy(aging_s=90.0)))
    return Explanation(prepared, max_concurrent=5)


PAGES: dict[str, Callable[[Explanation], Page]] = {
    "summary": lambda told: told.summary,
    "direct": lambda told: told.between("clean", "refresh"),
    "through_others": lambda told: told.between("fetch", "visit"),
    "pool": lambda told: told.between("score", "train"),
    "transaction": lambda told: told.between("take down", "visit"),
    "parallel": lambda told: told.between("score", "refresh"),
    "unproven": lambda told: told.between("lint", "train"),
    "task": lambda told: told.about("train"),
    "task_of_a_group": lambda told: told.about("take down"),
    "what_if": lambda told: told.what_if("-j 2", "limit gpu 2", "drop clean -> train", "private refresh"),
}


@pytest.mark.parametrize("name", PAGES)
def test_an_answer_is_a_page_for_people_and_json_for_programs(name: str, model: Explanation) -> None:
    answer = PAGES[name](model)
    golden(f"explain_{name}.txt", f"{answer}\n")
    golden(f"explain_{name}.json", f"{answer.to_json()}\n")
    assert max(map(len, str(answer).splitlines())) <= WIDTH


COORDINATED: dict[str, Callable[[Explanation], Page]] = {
    "rates": lambda told: told.summary,
    "task_with_costs": lambda told: told.about("all"),
    "task_with_locks": lambda told: told.about("deploy"),
    "task_on_speculation": lambda told: told.about("guess"),
    "rate": lambda told: told.between("all", "ask"),
    "lock": lambda told: told.between("look", "deploy"),
    "shared_lock": lambda told: told.between("deploy", "ask"),
    "what_if_rate": lambda told: told.what_if("limit mail 60/min", "limit mem 4294967296"),
}


@pytest.mark.parametrize("name", COORDINATED)
def test_what_tasks_share_is_told_for_people_and_programs(name: str, coordinated: Explanation) -> None:
    answer = COORDINATED[name](coordinated)
    golden(f"explain_{name}.txt", f"{answer}\n")
    golden(f"explain_{name}.json", f"{answer.to_json()}\n")
    assert max(map(len, str(answer).splitlines())) <= WIDTH


def test_a_rate_s_useful_concurrency_is_its_limit_divided_by_the_cost() -> None:
    tasks = [task(f"t{cost}", reads=[], limits={"api": cost}) for cost in (5, 30, 0)]
    summary = Explanation(prepare(plan(*tasks, limits={"api": Rate("100/min")})), max_concurrent=5).summary
    assert [(use.n_tasks, use.useful_least, use.useful_most) for use in summary.rates] == [(2, 3, 20)]


def test_a_rate_that_nobody_uses_is_not_told() -> None:
    told = Explanation(prepare(plan(task("a"), limits={"api": Rate("5/s")})), max_concurrent=5)
    assert told.summary.rates == ()
    assert "api" not in str(told)


def test_a_run_is_no_quicker_than_its_rate() -> None:
    tasks = [task(f"t{n}", limits={"api": 1}) for n in range(9)]
    summary = Explanation(prepare(plan(*tasks, limits={"api": Rate("2/min")})), max_concurrent=9).summary
    assert (summary.makespan_s, summary.bound, summary.bound_by) == (241.0, 9 / 240, "api")


@pytest.mark.parametrize(
    ("priorities", "told"),
    [
        ([LOW, LOW], []),
        ([HIGH, LOW], [("LOW", 600.0)]),
        ([Priority.NORMAL, LOW], [("LOW", 300.0)]),
        ([LOW, HIGH, Priority.NORMAL], [("NORMAL", 300.0), ("LOW", 600.0)]),
    ],
)
def test_the_bound_of_aging_is_told_where_priorities_are_mixed(
    priorities: list[Priority], told: list[tuple[str, float]]
) -> None:
    tasks = [task(f"t{n}", priority=priority) for n, priority in enumerate(priorities)]
    summary = Explanation(prepare(plan(*tasks)), max_concurrent=5).summary
    assert [(each.priority, each.longest_s) for each in summary.patience] == told


def test_printed_it_is_the_summary(model: Explanation) -> None:
    assert str(model) == str(model.summary)
    assert json.loads(model.to_json()) == json.loads(model.summary.to_json())


def test_the_numbers_of_a_small_plan() -> None:
    tasks = [
        task("a", duration_s=2.0, reads=[]),
        task("b", needs=["a"], duration_s=4.0, reads=[]),
        task("c", duration_s=6.0, reads=[]),
        task("d", duration_s=6.0, reads=[]),
    ]
    summary = Explanation(prepare(plan(*tasks)), max_concurrent=2).summary
    assert (summary.work_s, summary.critical_path_s, summary.makespan_s) == (18.0, 6.0, 10.0)
    assert (summary.bound, summary.bound_by) == (2.0, "max_concurrent")
    assert (summary.unlimited_s, summary.widest, summary.useful_concurrency) == (6.0, 3, 3)


def test_of_all_pools_the_one_that_holds_a_run_up_most_is_named() -> None:
    tasks = [task(f"t{n}", limits={"gpu": 1}) for n in range(6)]
    summary = Explanation(prepare(plan(*tasks, limits={"gpu": 2})), max_concurrent=4).summary
    assert (summary.bound, summary.bound_by, summary.useful_concurrency) == (2.0, "gpu", 2)


def test_the_edges_that_cost_most_are_those_without_which_a_run_is_shortest() -> None:
    tasks = [
        task("a", duration_s=1.0),
        task("b", duration_s=4.0, needs=["a"]),
        task("c", duration_s=4.0, needs=["b"]),
    ]
    costly = Explanation(prepare(plan(*tasks)), max_concurrent=5).summary.costly_edges
    assert [(edge.before, edge.after, edge.saves_s) for edge in costly] == [("b", "c", 4.0), ("a", "b", 1.0)]


def test_where_there_are_two_critical_paths_no_edge_alone_costs_anything() -> None:
    tasks = [task("a"), task("b", needs=["a"]), task("x"), task("y", needs=["x"])]
    assert Explanation(prepare(plan(*tasks)), max_concurrent=5).summary.costly_edges == ()


def test_a_plan_without_tasks_is_explained() -> None:
    summary = Explanation(prepare(plan()), max_concurrent=5).summary
    assert (summary.n_tasks, summary.critical_path, summary.bound, summary.makespan_s) == (0, (), 1.0, 0.0)
    assert str(summary).startswith("0 tasks, 0 pairs")


def test_long_chains_and_many_names_are_told_in_a_few_lines() -> None:
    chain = [task(f"t{n}", needs=[f"t{n - 1}"] if n else []) for n in range(300)]
    told = str(Explanation(prepare(plan(*chain)), max_concurrent=5))
    assert "t4 -> ... 290 more ... -> t295" in " ".join(told.split())
    assert len(told.splitlines()) < 50


def test_a_task_that_many_wait_for_names_some_of_them() -> None:
    prepared = prepare(plan(task("root"), *(task(f"t{n}", needs=["root"]) for n in range(500))))
    about = Explanation(prepared, max_concurrent=5).about("root")
    assert len(about.waited_for_by) == 500
    assert len(str(about).splitlines()) < 25


def test_an_edge_that_follows_from_others_is_known_and_not_shown() -> None:
    prepared = prepare(plan(task("a"), task("b", needs=["a"]), task("c", needs=["a", "b"])))
    about = Explanation(prepared, max_concurrent=5).about("c")
    assert [(neighbour.task, neighbour.implied) for neighbour in about.waits_for] == [
        ("a", True),
        ("b", False),
    ]
    assert "  - `a`" not in str(about)
    assert "through these: `a`" in str(about)


def test_a_name_that_is_not_in_the_plan_is_told_with_the_one_that_may_be_meant(model: Explanation) -> None:
    with pytest.raises(UsageError, match=r"no task `tarin` in the plan\n  hint: did you mean `train`\?"):
        model.about("tarin")
    with pytest.raises(UsageError, match="no task `refesh`"):
        model.between("fetch", "refesh")


def test_a_verdict_is_on_two_different_tasks(model: Explanation) -> None:
    with pytest.raises(UsageError, match="both are `fetch`"):
        model.between("fetch", "fetch")


def test_of_a_fan_out_one_member_must_be_named() -> None:
    members = [task(f"m[{n}]", family="m", reads=[]) for n in range(3)]
    told = Explanation(prepare(plan(*members)), max_concurrent=5)
    with pytest.raises(UsageError, match=r"fan-out of 3 tasks\n  hint: name one, such as `m\[0\]`"):
        told.about("m")
    assert told.between("m[0]", "m[2]").verdict is Verdict.PARALLEL


def test_no_page_has_a_character_that_a_terminal_would_obey() -> None:
    told = Explanation(prepare(plan(task("\x1b[2J"), task("b\nc", needs=["\x1b[2J"]))), max_concurrent=5)
    for page in (told.summary, told.about("b\nc"), told.between("b\nc", "\x1b[2J"), told.what_if("jobs 1")):
        assert all(line.isprintable() for line in str(page).splitlines())
