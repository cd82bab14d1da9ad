"""Each row of the table at its edges: what is claimed, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from weft.model.aggregate import Aggregate, Concat, Frequency, Strategy, Union
from weft.model.group import Group
from weft.model.limits import Limit, Pool
from weft.model.plan import Plan
from weft.model.priority import HIGH
from weft.model.rate import Rate
from weft.model.retry import Retry
from weft.model.speculation import Effects
from weft.model.task import Task
from weft.model.work import Call, Command
from weft.model.workspace import WorkspaceKind
from weft.planning.prepare import prepare
from weft.planning.recommend.evidence import (
    GroupOfOthers,
    IsFunction,
    MayCountTwice,
    OutOfReach,
    RateUnused,
    Removes,
    WantedFile,
)
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure
from weft.planning.recommend.table import recommend
from weft.testing import plan, task


def sh(id: str, run: str, **declared: Any) -> Task:
    env = declared.pop("env", {})
    return task(id, work=Command(run, env=env), **declared)


def found(scenario: Scenario, *tasks: Task, **of_plan: Any) -> Recommendation | None:
    return found_in(scenario, plan(*tasks, **of_plan))


def found_in(scenario: Scenario, given: Plan, max_concurrent: int = 5) -> Recommendation | None:
    told = recommend(prepare(given), max_concurrent)
    return next((each for each in told if each.scenario is scenario), None)


def patch_of(recommendation: Recommendation | None) -> Any:
    assert recommendation is not None
    return recommendation.patch


def keys_of(recommendation: Recommendation | None) -> Any:
    return patch_of(recommendation).get("tasks", {})


# Independent


def test_a_chain_has_no_independent_tasks() -> None:
    assert found(Scenario.INDEPENDENT, task("a"), task("b", needs=["a"]), task("c", needs=["b"])) is None


def test_that_silent_tasks_are_independent_is_only_likely() -> None:
    silent = found(Scenario.INDEPENDENT, task("a"), task("b"))
    declared = found(Scenario.INDEPENDENT, task("a", reads="x"), task("b", reads="x"))
    assert silent is not None
    assert declared is not None
    assert (silent.sure, declared.sure) == (Sure.LIKELY, Sure.CERTAIN)


def test_members_of_a_fan_out_are_independent() -> None:
    members = [task(f"m[{n}]", family="m", needs=["a"]) for n in range(3)]
    told = found(Scenario.INDEPENDENT, task("a"), *members, task("z", needs=["m"]))
    assert patch_of(told) == {"max_concurrent": 5}


# Mixed


def test_what_others_wait_for_does_not_go_into_the_background() -> None:
    assert found(Scenario.MIXED, task("warmup"), task("main", needs=["warmup"])) is None


def test_tasks_that_are_all_alike_are_no_mixture() -> None:
    assert found(Scenario.MIXED, task("prefetch-a"), task("prefetch-b")) is None


def test_a_word_inside_of_another_says_nothing() -> None:
    assert found(Scenario.MIXED, task("bgp-table"), task("underground")) is None


def test_the_name_of_a_group_counts() -> None:
    told = found(Scenario.MIXED, task("a", group="background"), task("b"), groups={"background": Group()})
    assert keys_of(told) == {"a": {"priority": "low"}}


def test_one_priority_is_enough_to_be_configured() -> None:
    assert patch_of(found(Scenario.MIXED, task("a", priority=HIGH), task("background"))) == {}


def test_what_many_wait_for_goes_first_where_slots_are_short() -> None:
    tasks = [
        task("hub"),
        *(task(f"after{n}", needs=["hub"]) for n in range(6)),
        *(task(f"x{n}") for n in range(2)),
    ]
    told = found_in(Scenario.MIXED, plan(*tasks), max_concurrent=2)
    assert keys_of(told) == {"hub": {"priority": "high"}}
    assert told is not None
    assert told.sure is Sure.POSSIBLE
    assert found_in(Scenario.MIXED, plan(*tasks), max_concurrent=9) is None


def test_what_takes_ten_times_as_long_goes_last_where_slots_are_short() -> None:
    tasks = [
        task("long", duration_s=10.0),
        task("almost", duration_s=9.9),
        *(task(f"s{n}", duration_s=1.0) for n in range(2)),
    ]
    assert keys_of(found_in(Scenario.MIXED, plan(*tasks), max_concurrent=3)) == {"long": {"priority": "low"}}
    assert found_in(Scenario.MIXED, plan(*tasks), max_concurrent=4) is None


# Dependent


def test_who_reads_before_it_is_written_reads_what_was_there_before() -> None:
    assert found(Scenario.DEPENDENT, sh("a", "cat x"), sh("b", "echo > x")) is None


def test_an_order_that_is_there_already_is_not_recommended() -> None:
    told = found(
        Scenario.DEPENDENT, sh("a", "echo > x"), task("m", needs=["a"]), sh("b", "cat x", needs=["m"])
    )
    assert patch_of(told) == {}


def test_a_declared_output_counts_like_one_that_is_seen() -> None:
    told = found(Scenario.DEPENDENT, sh("a", "./make", writes="./out/x"), sh("b", "wc out/x"))
    assert keys_of(told) == {"b": {"needs": ["a"]}}


def test_no_cycle_is_recommended() -> None:
    assert patch_of(found(Scenario.DEPENDENT, sh("a", "echo > x", needs=["b"]), sh("b", "cat x"))) == {}


# Shared


def test_what_reads_what_it_writes_over_waits_anyway() -> None:
    told = found(Scenario.SHARED, sh("a", "./a", writes="x"), sh("b", "./b", reads="x", writes="x"))
    assert told is None


def test_writing_after_reading_needs_no_policy() -> None:
    told = found(Scenario.SHARED, sh("a", "wc x", reads="x"), sh("b", "echo 1 > x", writes="x"))
    assert keys_of(told) == {"b": {"workspace": "directory"}}


def test_a_directory_that_several_write_to_is_copied() -> None:
    told = found(Scenario.SHARED, sh("a", "./a.sh", writes="out/"), sh("b", "./b.sh", writes="out/"))
    assert keys_of(told) == {"b": {"workspace": "copy"}}
    assert told is not None
    assert told.sure is Sure.POSSIBLE  # nobody knows what `./b.sh` does


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        ("echo 1 > x", "directory"),
        ("./b.sh > x", "copy"),
        ("wc y.txt > x", "copy"),
        ("make > x", "copy"),
    ],
)
def test_an_empty_directory_is_enough_for_what_needs_no_file(second: str, kind: str) -> None:
    told = found(Scenario.SHARED, sh("a", "echo > x", writes="x"), sh("b", second, writes="x"))
    assert keys_of(told) == {"b": {"workspace": kind, "merge": "last"}}


def test_lines_that_all_add_are_joined() -> None:
    told = found(Scenario.SHARED, sh("a", "echo 1 >> x", writes="x"), sh("b", "echo 2 >> x", writes="x"))
    assert keys_of(told) == {"b": {"workspace": "copy", "merge": "union"}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("./a", "./b"),  # nobody knows
        ("echo 1 > x", "echo 2 >> x"),  # it adds to what the other has written
        ("echo 1 >> x", "printf 2 >> x"),  # no whole line
    ],
)
def test_how_one_file_is_merged_is_left_to_the_user_where_it_is_not_seen(first: str, second: str) -> None:
    told = found(Scenario.SHARED, sh("a", first, writes="x"), sh("b", second, writes="x"))
    assert told is not None
    assert (told.patch, told.left) == ({}, (WantedFile("a", "b", "x"),))


def test_what_no_workspace_holds_is_left_to_the_user() -> None:
    resource = found(Scenario.SHARED, sh("a", "./a", writes="db:x"), sh("b", "./b", writes="db:x"))
    outside = found(Scenario.SHARED, sh("a", "./a", writes="../x"), sh("b", "./b", writes="../x"))
    work = Call(print)
    function = found(Scenario.SHARED, task("a", work=work, writes="x"), task("b", work=work, writes="x"))
    removing = found(Scenario.SHARED, sh("a", "echo > x", writes="x"), sh("b", "rm x", writes="x"))
    left = [told.left for told in (resource, outside, function, removing) if told is not None]
    assert left == [
        (OutOfReach("b", "db:x"),),
        (OutOfReach("b", "../x"),),
        (IsFunction("b"),),
        (Removes("b", "rm"),),
    ]


def test_members_of_an_atomic_group_and_what_is_private_are_let_be() -> None:
    atomic = [sh(name, "echo > x", writes="x", group="g") for name in "ab"]
    assert found(Scenario.SHARED, *atomic, atomic=["g"]) is None
    private = sh("b", "echo > x", writes="x", workspace=WorkspaceKind.COPY)
    assert patch_of(found(Scenario.SHARED, sh("a", "echo > x", writes="x"), private)) == {}


def test_silent_tasks_with_the_same_output_all_get_a_workspace() -> None:
    told = found(Scenario.SHARED, sh("a", "echo 1 > x"), sh("b", "echo 2 > x"), sh("c", "echo 3 > y"))
    keys = {"workspace": "directory", "merge": "last"}
    assert keys_of(told) == {"a": keys, "b": keys}


def test_silent_tasks_that_are_in_order_need_none() -> None:
    tasks = (sh("a", "echo 1 > x"), sh("b", "echo 2 > x", needs=["a"]))
    assert found(Scenario.SHARED, *tasks) is None
    assert found(Scenario.SHARED, sh("a", "echo 1 > x"), sh("b", "echo 2 > x"), strict=True) is None


# API


CALLS = [sh(name, f"curl https://api.x.test/{name}") for name in "ab"]


def test_a_single_call_needs_no_rate() -> None:
    assert found(Scenario.API, CALLS[0]) is None


def test_calls_of_different_apis_do_not_add_up() -> None:
    assert found(Scenario.API, sh("a", "curl http://a.test"), sh("b", "curl http://b.test")) is None


def test_a_rate_that_nobody_uses_is_the_one_that_is_meant() -> None:
    limits: dict[str, Limit] = {"x": Rate("60/min"), "y": Rate("1/s")}
    told = found(Scenario.API, *CALLS, limits=limits)
    assert patch_of(told) == {"tasks": {"a": {"limits": {"x": 1}}, "b": {"limits": {"x": 1}}}}
    assert told is not None
    assert (told.sure, told.left) == (Sure.LIKELY, (RateUnused("y"),))


def test_the_rate_that_others_use_for_the_same_api_is_taken() -> None:
    paced = sh("c", "curl https://api.x.test/c", limits={"r": 1})
    told = found(Scenario.API, CALLS[0], paced, limits={"r": Rate("60/min")})
    assert patch_of(told) == {"tasks": {"a": {"limits": {"r": 1}}}}


def test_a_pool_bounds_calls_too() -> None:
    pooled = [sh(name, "curl https://api.x.test/", limits={"p": 1}) for name in "ab"]
    assert patch_of(found(Scenario.API, *pooled, limits={"p": Pool(2)})) == {}


def test_the_key_of_an_api_tells_who_calls_it_unless_all_tasks_have_it() -> None:
    env = {"SOME_API_KEY": "x"}
    callers = [sh(name, "./ask", env=env) for name in "ab"]
    assert patch_of(found(Scenario.API, *callers, sh("c", "make")))["limits"] == {"some": {"rate": "100/min"}}
    assert found(Scenario.API, *callers) is None


# Failure-tolerant


def survey(**declared: Any) -> list[Task]:
    return [task(f"s[{n}]", family="s", **declared) for n in range(4)]


def aggregated(
    *tasks: Task,
    source: tuple[str, ...] = ("s",),
    groups: dict[str, Group] | None = None,
    strategy: Strategy | None = None,
    min_required: float | None = None,
) -> Any:
    aggregate = Aggregate(source, strategy or Frequency(), min_required=min_required)
    given = Plan(tasks, aggregates={"common": aggregate}, groups=groups or {})
    return found_in(Scenario.TOLERANT, given)


def test_a_fan_out_without_an_aggregate_is_not_called_tolerant() -> None:
    assert found(Scenario.TOLERANT, *survey()) is None


def test_only_aggregates_about_shares_or_votes_are_known_to_do_with_a_part() -> None:
    assert aggregated(*survey(), strategy=Union()) is not None
    assert aggregated(*survey(), strategy=Concat()) is None


def test_nothing_is_said_of_a_fan_out_of_which_only_a_part_is_aggregated() -> None:
    assert aggregated(*survey(), source=("s[0]", "s[1]")) is None
    assert aggregated(*survey(), source=("s[*",)) is not None


def test_what_another_aggregate_needs_whole_is_let_be() -> None:
    both = {"all": Aggregate(("s",), Concat()), "common": Aggregate(("s",), Frequency())}
    assert found_in(Scenario.TOLERANT, Plan(tuple(survey()), aggregates=both)) is None


def test_what_an_aggregate_calls_enough_is_enough() -> None:
    assert patch_of(aggregated(*survey(), min_required=0.75))["groups"] == {"s": {"min_required": "75%"}}


def test_single_tasks_get_a_group_of_a_free_name() -> None:
    told = aggregated(task("a"), task("b"), task("common"), source=("a", "b"))
    assert patch_of(told) == {
        "groups": {"common-sources": {"min_required": "50%"}},
        "tasks": {"a": {"group": "common-sources"}, "b": {"group": "common-sources"}},
    }


def test_a_group_of_just_these_tasks_is_made_tolerant() -> None:
    told = aggregated(*survey(group="g"), groups={"g": Group()})
    assert patch_of(told) == {"groups": {"g": {"min_required": "50%"}}}


@pytest.mark.parametrize("group", [Group(min_required=1), Group(critical=False)])
def test_a_group_that_tolerates_failures_is_configured(group: Group) -> None:
    assert patch_of(aggregated(*survey(group="g"), groups={"g": group})) == {}


def test_a_group_that_is_about_more_is_left_to_the_user() -> None:
    wider = aggregated(*survey(group="g"), task("x", group="g"), groups={"g": Group()})
    critical = aggregated(*survey(group="g"), groups={"g": Group(critical=True)})
    assert wider.left == critical.left == (GroupOfOthers("common", "s", "g"),)


# Transient


@pytest.mark.parametrize(
    "run", ["ssh host ./deploy", "git push", "curl -d x http://a.test", "curl http://a.test >> x"]
)
def test_what_may_count_twice_is_left_to_the_user_unless_it_may(run: str) -> None:
    told = found(Scenario.TRANSIENT, sh("a", run))
    assert told is not None
    assert told.patch == {}
    assert isinstance(told.left[0], MayCountTwice)
    assert keys_of(found(Scenario.TRANSIENT, sh("a", run, effects=Effects.IDEMPOTENT)))["a"]


def test_what_would_be_done_again_besides_makes_it_less_sure() -> None:
    told = found(Scenario.TRANSIENT, sh("a", "./prepare.sh && curl http://a.test"))
    assert told is not None
    assert told.sure is Sure.POSSIBLE


@pytest.mark.parametrize("retry", [Retry(), Retry(max_attempts=1)])
def test_a_retry_is_the_users_word_whatever_it_says(retry: Retry) -> None:
    assert patch_of(found(Scenario.TRANSIENT, sh("a", "curl http://a.test", retry=retry))) == {}


def test_a_command_that_tries_again_by_itself_is_configured() -> None:
    assert patch_of(found(Scenario.TRANSIENT, sh("a", "curl --retry 3 http://a.test"))) == {}
