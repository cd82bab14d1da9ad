"""Every kind of mistake in a plan is told, with where it stands and what to do."""

from __future__ import annotations

import msgspec
import pytest

from weft.errors import PlanError, Problem
from weft.model.aggregate import Aggregate, Frequency
from weft.model.group import Group
from weft.model.limits import MAX_CONCURRENT
from weft.model.plan import Plan
from weft.planning.check import problems
from weft.testing import Sim, plan, task


def only_problem(of: Plan) -> Problem:
    (problem,) = problems(of)
    return problem


def test_a_plan_that_makes_sense_has_no_problems() -> None:
    sound = plan(
        task("a[1]", family="a", limits={"gpu": 2}),
        task("b", needs=["a", "c"], limits={MAX_CONCURRENT: 9}),
        task("c"),
        limits={"gpu": 2},
        max_concurrent=1,
    )
    assert problems(sound) == ()
    assert problems(Plan()) == ()


def test_a_need_that_is_not_in_the_plan_is_told_with_the_nearest_name() -> None:
    assert only_problem(plan(task("build"), task("upload", needs=["build", "biuld"]))) == Problem(
        ("tasks", "upload", "needs", 1),
        "task `upload` needs `biuld`, which is not in the plan",
        "did you mean `build`?",
    )


def test_where_no_name_is_near_no_hint_is_given() -> None:
    assert only_problem(plan(task("a", needs=["something-else"]))).hint is None


def test_an_unknown_pool_is_an_error_before_the_run_and_no_endless_wait() -> None:
    misspelt = plan(task("a", limits={"gpus": 1}), limits={"gpu": 1})
    assert only_problem(misspelt) == Problem(
        ("tasks", "a", "limits", "gpus"),
        "task `a` uses limit `gpus`, which is not in the plan",
        "did you mean `gpu`?",
    )
    with pytest.raises(PlanError, match="gpus"):
        Sim(misspelt)


def test_an_unknown_pool_that_is_like_no_other_must_be_declared() -> None:
    assert only_problem(plan(task("a", limits={"gpu": 1}))).hint == "declare it under `limits:`"


def test_a_task_that_could_never_start_is_told() -> None:
    problem = only_problem(plan(task("a", limits={"gpu": 3}), limits={"gpu": 2}))
    assert problem.message == "task `a` takes 3 of `gpu`, which holds 2"
    assert problem.hint == "it could never start: take less, or enlarge the limit"


@pytest.mark.parametrize("units", [0, -1])
def test_a_task_takes_at_least_one_unit(units: int) -> None:
    problem = only_problem(plan(task("a", limits={"gpu": units}), limits={"gpu": 2}))
    assert problem.message == f"task `a` takes {units} of `gpu`; expected 1 or more"


def test_a_pool_holds_at_least_one_unit() -> None:
    assert only_problem(plan(limits={"gpu": 0})) == Problem(
        ("limits", "gpu"), "limit `gpu` is 0; expected 1 or more"
    )


def test_at_least_one_task_runs_at_once() -> None:
    assert only_problem(plan(max_concurrent=0)) == Problem(
        (MAX_CONCURRENT,), "`max_concurrent` is 0; expected 1 or more"
    )


def test_no_pool_has_the_name_of_the_run_s_own() -> None:
    problem = only_problem(plan(limits={MAX_CONCURRENT: 2}))
    assert problem.path == ("limits", MAX_CONCURRENT)
    assert problem.hint == "set the plan's own `max_concurrent` instead"


def test_two_tasks_of_one_name_are_told() -> None:
    assert only_problem(plan(task("a"), task("b"), task("a"))) == Problem(
        ("tasks", "a"), "there are two tasks `a`", "give each task a name of its own"
    )


def test_a_name_for_both_a_task_and_a_fan_out_is_told() -> None:
    problem = only_problem(plan(task("a"), task("a[1]", family="a")))
    assert problem.message == "`a` names both a task and a fan-out"
    assert problem.hint == "rename one of the two"


def test_members_of_a_fan_out_share_the_mistake_of_their_entry() -> None:
    members = [task(f"a[{n}]", family="a", needs=["nowhere"], limits={"gpu": 1}) for n in range(5)]
    assert len(problems(plan(*members))) == 2


def test_an_aggregate_of_what_is_not_in_the_plan_is_told() -> None:
    common = {"common": Aggregate(("survey", "surwey"), Frequency())}
    surveyed = msgspec.structs.replace(plan(task("survey")), aggregates=common)
    assert only_problem(surveyed) == Problem(
        ("aggregates", "common", "from", 1),
        "aggregate `common` is made from `surwey`, which is not in the plan",
        "did you mean `survey`?",
    )


@pytest.mark.parametrize("threshold", [-0.1, 1.1, 40.0])
def test_a_threshold_lies_between_nothing_and_all(threshold: float) -> None:
    common = {"common": Aggregate(("a",), Frequency(threshold))}
    problem = only_problem(msgspec.structs.replace(plan(task("a")), aggregates=common))
    assert problem.path == ("aggregates", "common", "threshold")
    assert problem.hint == "1 stands for 100%"


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_may_be_nothing_or_all(threshold: float) -> None:
    common = {"common": Aggregate(("a",), Frequency(threshold))}
    assert problems(msgspec.structs.replace(plan(task("a")), aggregates=common)) == ()


def test_a_cycle_names_its_members_in_order_and_nobody_else() -> None:
    circle = plan(
        task("before"),
        task("c", needs=["b", "before"]),
        task("a", needs=["c"]),
        task("b", needs=["a"]),
        task("after", needs=["b"]),
    )
    problem = only_problem(circle)
    assert problem.message == (
        "these tasks wait for each other: `c` -> `a` -> `b` -> `c` (each must end before the next)"
    )
    assert problem.path == ("tasks", "c", "needs")
    assert problem.hint == "take one of these `needs` away"


def test_each_of_several_cycles_is_told() -> None:
    circles = plan(
        task("a", needs=["b"]),
        task("b", needs=["a"]),
        task("c", needs=["c", "a"]),
        task("d", needs=["e", "c"]),
        task("e", needs=["d"]),
    )
    assert [problem.message for problem in problems(circles)] == [
        "these tasks wait for each other: `a` -> `b` -> `a` (each must end before the next)",
        "task `c` needs itself",
        "these tasks wait for each other: `d` -> `e` -> `d` (each must end before the next)",
    ]


def test_a_task_that_needs_itself_is_told_so() -> None:
    assert only_problem(plan(task("a", needs=["a"]))).message == "task `a` needs itself"


def test_a_member_that_needs_its_own_fan_out_needs_itself() -> None:
    problem = only_problem(plan(task("a[1]", family="a", needs=["a"])))
    assert problem.message == "task `a[1]` needs itself"


def test_an_unknown_group_is_told_with_the_nearest_name() -> None:
    misspelt = plan(task("a", group="survye"), groups={"survey": Group()})
    assert only_problem(misspelt) == Problem(
        ("tasks", "a", "group"),
        "task `a` is in group `survye`, which is not in the plan",
        "did you mean `survey`?",
    )
    assert only_problem(plan(task("a", group="x"))).hint == "declare it under `groups:`"


def test_a_group_inside_an_unknown_one_is_told() -> None:
    assert only_problem(plan(groups={"outer": Group(), "inner": Group(group="outr")})) == Problem(
        ("groups", "inner", "group"),
        "group `inner` is in group `outr`, which is not in the plan",
        "did you mean `outer`?",
    )


def test_groups_inside_each_other_are_told_once_and_without_those_around() -> None:
    circle = {"x": Group(group="a"), "a": Group(group="b"), "b": Group(group="a"), "y": Group(group="x")}
    problem = only_problem(plan(task("t", group="y"), task("u", needs=["b"]), groups=circle))
    assert problem.path == ("groups", "a", "group")
    assert problem.message == "these groups are inside each other: `a` -> `b` -> `a`"


def test_a_group_inside_itself_is_told() -> None:
    assert only_problem(plan(groups={"a": Group(group="a")})).message == "group `a` is inside itself"


def test_groups_side_by_side_in_one_group_are_no_circle() -> None:
    nested = {"a": Group(group="c"), "b": Group(group="c"), "c": Group(), "d": Group(group="a")}
    assert problems(plan(groups=nested)) == ()


def test_a_group_has_a_name() -> None:
    assert only_problem(plan(groups={"": Group()})).message.startswith("a group has no name")


@pytest.mark.parametrize("needed", ["inner", "outer"])
def test_a_task_can_not_need_a_group_to_which_it_belongs(needed: str) -> None:
    groups = {"outer": Group(), "inner": Group(group="outer")}
    assert only_problem(
        plan(task("a"), task("b", group="inner", needs=["a", needed]), groups=groups)
    ) == Problem(
        ("tasks", "b", "needs", 1),
        f"task `b` needs group `{needed}`, to which it belongs",
        "it would wait for itself",
    )


def test_a_task_may_need_a_group_inside_its_own() -> None:
    groups = {"outer": Group(), "inner": Group(group="outer")}
    sound = plan(task("a", group="inner"), task("b", group="outer", needs=["inner"]), groups=groups)
    assert problems(sound) == ()


def test_a_cycle_by_way_of_a_group_tells_who_belongs_to_it() -> None:
    circle = plan(task("a", group="g", needs=["b"]), task("b", needs=["g"]), groups={"g": Group()})
    problem = only_problem(circle)
    assert problem.message == (
        "these tasks wait for each other: `a` -> `b` -> `a`\n"
        "  `b` waits: it needs the group `g`, to which `a` belongs\n"
        "  `a` waits: it needs `b`"
    )
    assert problem.hint == "take one of these `needs` away, or a task out of its group"


@pytest.mark.parametrize(("least", "n_problems"), [(2, 0), (3, 0), (4, 1), (1.0, 0), (None, 0)])
def test_a_group_can_not_require_more_members_than_it_has(least: int | float | None, n_problems: int) -> None:
    groups = {"g": Group(min_required=least), "inner": Group(group="g")}
    members = [task("a", group="g"), task("b", group="g"), task("c", group="inner"), task("d", group="inner")]
    assert len(problems(plan(*members, groups=groups))) == n_problems


def test_more_members_than_there_are_may_mean_a_share() -> None:
    problem = only_problem(plan(task("a", group="g"), groups={"g": Group(min_required=50)}))
    assert problem == Problem(
        ("groups", "g", "min_required"),
        "`min_required` of group `g` is 50; expected no more than its members, of which there are 1",
        "a share of them is written `50%`, and 0.5 in Python",
    )
    assert only_problem(plan(groups={"g": Group(min_required=101)})).hint is None


def survey(*groups: str | None, needs: str = "survey") -> Plan:
    """Return a fan-out `survey` whose members belong to these groups, and a task that needs it."""
    members = [task(f"survey[{n}]", family="survey", group=group) for n, group in enumerate(groups)]
    declared = {"survey": Group(), "inner": Group(group="survey"), "other": Group()}
    return plan(*members, task("after", needs=[needs]), groups=declared)


@pytest.mark.parametrize("groups", [("survey", "survey"), ("survey", "inner")])
def test_a_fan_out_may_have_the_name_of_its_group(groups: tuple[str, ...]) -> None:
    assert problems(survey(*groups)) == ()


@pytest.mark.parametrize("groups", [("survey", None), ("other", "other"), (None,)])
def test_a_name_that_could_mean_two_things_is_told_where_it_is_used(groups: tuple[str | None, ...]) -> None:
    problem = only_problem(survey(*groups))
    assert problem.path == ("groups", "survey")
    assert problem.hint == "rename one of the two, or put the task into the group"
    assert problems(survey(*groups, needs="other")) == ()


def test_an_aggregate_may_be_made_from_a_group() -> None:
    grouped = plan(task("a", group="g"), groups={"g": Group()})
    assert (
        problems(msgspec.structs.replace(grouped, aggregates={"common": Aggregate(("g",), Frequency())}))
        == ()
    )
    unclear = plan(task("a", group="g"), task("g"), groups={"g": Group()})
    unclear = msgspec.structs.replace(unclear, aggregates={"common": Aggregate(("g",), Frequency())})
    assert only_problem(unclear).path == ("groups", "g")


def test_all_mistakes_are_told_at_once() -> None:
    wrong = plan(
        task("a", needs=["b"]),
        task("b", needs=["a"]),
        task("b", limits={"gpu": 3}),
        task("c", needs=["nowhere"], limits={"cpu": 1}),
        limits={"gpu": 2, "disk": 0},
        max_concurrent=0,
    )
    found = problems(wrong)
    assert len(found) == 7
    with pytest.raises(PlanError) as raised:
        Sim(wrong)
    assert raised.value.problems == found


def test_a_problem_reads_as_what_where_and_what_to_do() -> None:
    problem = only_problem(plan(task("build"), task("upload", needs=["biuld"])))
    assert str(problem) == (
        "task `upload` needs `biuld`, which is not in the plan\n  hint: did you mean `build`?"
    )
