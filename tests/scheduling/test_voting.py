"""Votes that end as soon as they are decided: against all that may still come, and in runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import TooFewResults, UsageError
from weft.model.aggregate import Aggregate, Majority, Quorum
from weft.model.group import Group
from weft.model.outcome import Cancelled, Outcome, Skipped, Succeeded
from weft.model.plan import Plan
from weft.model.reason import Decided, DependencyCancelled, Needs, TimedOut
from weft.model.retry import Retry
from weft.model.task import Task
from weft.model.timeout import Timeout
from weft.planning.graph import Edge
from weft.planning.prepare import PreparedTask
from weft.scheduling.facts import StopAsked
from weft.scheduling.states import BACKOFF, STOPPING, RunState
from weft.scheduling.voting import Election, Voting
from weft.testing import Sim, cancelled, failed, plan, succeeded, task
from weft.views.aggregate import MajorityVote, QuorumVote
from weft.views.aggregate.of_plan import PlanResults
from weft.views.report import ReportView

# Against the rule, tried out on everything that may still come

ABSENT = "absent"
MOST_TRIED = 4  # open votes
BALLOTS = ("a", "b", "c", "", ABSENT)  # "" abstains


def rule_of(least: int | float | None) -> Majority | Quorum:
    return Majority() if least is None else Quorum(least)


def winner(ballots: Sequence[str], least: int | float | None, required: int) -> str | None:
    """Return who wins at the end, counted as naively as can be."""
    present = [ballot for ballot in ballots if ballot != ABSENT]
    cast = [ballot for ballot in present if ballot]
    votes = Counter(cast).most_common(2)
    if not votes or len(present) < required or (len(votes) == 2 and votes[0][1] == votes[1][1]):
        return None
    if least is None:
        enough = Fraction(votes[0][1]) > Fraction(len(cast), 2)
    elif isinstance(least, int):
        enough = votes[0][1] >= least
    else:
        enough = votes[0][1] >= Fraction(str(least)) * len(cast)
    return votes[0][0] if enough else None


def winners(
    told: Sequence[str], n_open: int, least: int | float | None, required: int
) -> Iterator[str | None]:
    """Yield who may win, whatever the others do; also somebody whom nobody has named so far."""
    for rest in product((*BALLOTS, "d"), repeat=n_open):
        yield winner([*told, *rest], least, required)


def outcome(ballot: str) -> Outcome:
    return failed() if ballot == ABSENT else succeeded(ballot or None)


@given(
    st.lists(st.sampled_from(BALLOTS), min_size=1, max_size=7),
    st.integers(1, 4),
    st.sampled_from([None, 1, 2, 3, 5, 0.1, 0.5, 0.6, 1.0]),
    st.integers(0, 7),
)
def test_a_vote_is_over_exactly_when_nothing_can_change_who_wins(
    ballots: list[str], n_more: int, least: int | float | None, required: int
) -> None:
    n_voters = min(len(ballots) + n_more, 8)
    ballots = ballots[: n_voters - 1]
    election = Election("e", tuple(range(n_voters)), rule_of(least), lambda value: value, required)
    voting = Voting([election])
    is_over = False
    for position, ballot in enumerate(ballots):
        left = list(voting.ended(position, outcome(ballot)))
        n_open = n_voters - position - 1
        if is_over or n_open > MOST_TRIED:
            assert not (is_over and left)
            is_over = is_over or bool(left)
            continue
        possible = set(winners(ballots[: position + 1], n_open, least, required))
        assert bool(left) == (len(possible) == 1), possible
        if left:
            is_over = True
            assert [each.positions for each in left] == [tuple(range(position + 1, n_voters))]
            assert (left[0].because.won, left[0].because.voters) == (None not in possible, n_voters)


def test_a_voter_of_two_votes_is_left_out_when_both_are_decided() -> None:
    first = Election("first", (0, 1, 2), Majority(), lambda value: value)
    second = Election("second", (0, 1, 2, 3, 4), Majority(), lambda value: value)
    voting = Voting([first, second])
    assert list(voting.ended(0, succeeded("x"))) == []
    (left,) = voting.ended(1, succeeded("x"))
    assert left.positions == ()
    (left,) = voting.ended(3, succeeded("x"))
    assert (left.positions, left.because.aggregate) == ((2, 4), "second")


def test_a_vote_with_a_result_that_can_not_be_read_leaves_nobody_out() -> None:
    def refuse(value: object) -> str:
        raise UsageError("it has no answer")

    voting = Voting([Election("e", (0, 1, 2), Majority(), refuse)])
    assert [list(voting.ended(position, succeeded("x"))) for position in range(2)] == [[], []]


# In a run


MAJORITY = Aggregate(("v",), Majority(), stop_when_decided=True)


def voters(n_voters: int = 9, *, more: Sequence[Task] = (), **options: object) -> Plan:
    """Return a plan of ``v0``, ``v1``, ..., who vote with their results until that is decided."""
    tasks = [task(f"v{number}", family="v", **options) for number in range(n_voters)]  # type: ignore[arg-type]  # options of `task`
    groups = {"jury": Group()} if options.get("group") else {}
    made = plan(*tasks, *more, groups=groups)
    return voting(made, MAJORITY)


def voting(of: Plan, aggregate: Aggregate) -> Plan:
    return Plan(of.tasks, of.limits, {"best": aggregate}, groups=of.groups)


def report_of(run: Sim) -> tuple[RunState | None, dict[str, Outcome]]:
    view = ReportView()
    view.fold_all(run.facts)
    return run.ended, dict(view.report().outcomes)


DECIDED = Decided("best", won=True, votes=5, voters=9)


def test_of_nine_voters_the_last_four_never_start_after_five_equal_answers() -> None:
    run = Sim(voters(), max_concurrent=1)
    run.play({f"v{number}": succeeded("blue") for number in range(9)})
    assert run.started == ["v0", "v1", "v2", "v3", "v4"]
    assert run.skipped == {f"v{number}": DECIDED for number in range(5, 9)}
    assert run.ended is RunState.SUCCEEDED


def test_voters_that_run_are_stopped_and_the_run_is_none_the_worse() -> None:
    run = Sim(voters())
    run.close()
    for number in (8, 0, 3, 1, 2):
        run.finish(f"v{number}", succeeded("blue"))
    assert [fact.because for fact in run.facts if isinstance(fact, StopAsked)] == [DECIDED] * 4
    assert [run.state(f"v{number}") for number in (4, 5, 6, 7)] == [STOPPING] * 4
    run.finish("v4", cancelled())
    run.finish("v5", failed())  # it did not take that well
    run.finish("v6", succeeded("red"))  # it was quicker
    run.finish("v7", cancelled())
    assert [run.outcomes[f"v{number}"] for number in (4, 5, 7)] == [Cancelled(DECIDED)] * 3
    assert (run.outcomes["v6"], run.ended) == (Succeeded("red"), RunState.SUCCEEDED)


def test_a_voter_between_two_attempts_has_not_voted_and_gets_no_other() -> None:
    run = Sim(voters(3, retry=Retry(max_attempts=3)))
    run.close()
    run.finish("v0", failed())
    run.finish("v1", succeeded("blue"))
    assert run.state("v0") is BACKOFF
    run.finish("v2", succeeded("blue"))
    because = Decided("best", won=True, votes=2, voters=3)
    assert run.outcomes["v0"] == Cancelled(because)
    assert (run.ended, run.wake_at) == (RunState.SUCCEEDED, None)


def test_a_voter_that_has_taken_too_long_is_not_tried_again_once_it_is_decided() -> None:
    slow = task("v0", family="v", retry=Retry(max_attempts=3), timeout=Timeout(attempt_s=5))
    run = Sim(voting(plan(slow, task("v1", family="v"), task("v2", family="v")), MAJORITY))
    run.close()
    run.finish("v1", succeeded("blue"))
    run.pass_to(5)
    run.finish("v2", succeeded("blue"))
    run.finish("v0", cancelled())
    assert run.outcomes["v0"] == failed(TimedOut(5))


def test_a_failed_voter_is_absent_and_no_vote_against() -> None:
    run = Sim(voters(5), max_concurrent=1)
    votes: dict[str, Outcome] = {"v0": failed(), "v1": failed()}
    run.play({**votes, **{f"v{number}": succeeded("blue") for number in (2, 3, 4)}})
    assert run.skipped == {"v4": Decided("best", won=True, votes=2, voters=5)}
    assert run.ended is RunState.FAILED


def test_those_who_abstain_do_not_decide() -> None:
    run = Sim(voters(4), max_concurrent=1)
    run.play({f"v{number}": succeeded(None) for number in range(4)})
    assert len(run.started) == 4


def test_voters_are_left_out_when_nobody_can_win_any_more() -> None:
    run = Sim(voting(voters(6), Aggregate(("v",), Quorum(5), stop_when_decided=True)), max_concurrent=1)
    run.play({f"v{number}": succeeded(number % 2) for number in range(6)})
    because = Decided("best", won=False, votes=2, voters=6)
    assert run.skipped == {"v4": because, "v5": because}


def test_nothing_is_decided_before_there_are_as_many_results_as_are_required() -> None:
    aggregate = Aggregate(("v",), Majority(), min_required=0.8, stop_when_decided=True)
    run = Sim(voting(voters(5), aggregate), max_concurrent=1)
    run.play({f"v{number}": succeeded("blue") for number in range(5)})
    assert len(run.started) == 4


def test_answers_are_found_by_field_and_compared_by_key() -> None:
    aggregate = Aggregate(("v",), Majority(), "says", "name", stop_when_decided=True)
    run = Sim(voting(voters(3), aggregate), max_concurrent=1)
    run.play({f"v{n}": succeeded({"says": {"name": "blue", "n": n}}) for n in range(3)})
    assert len(run.started) == 2


def test_without_the_key_all_vote() -> None:
    run = Sim(voting(voters(3), Aggregate(("v",), Majority())), max_concurrent=1)
    run.play({f"v{number}": succeeded("blue") for number in range(3)})
    assert len(run.started) == 3


def test_a_group_is_not_failed_by_voters_that_are_left_out() -> None:
    after = task("after", needs=["jury"])
    run = Sim(voters(group="jury", more=[after]), max_concurrent=1)
    run.play({f"v{number}": succeeded("blue") for number in range(9)})
    assert run.outcomes["after"] == Succeeded()
    state, outcomes = report_of(run)
    assert state is RunState.SUCCEEDED
    assert sum(isinstance(end, Skipped) for end in outcomes.values()) == 4


@pytest.mark.parametrize("required", [5, 7, 0.5, 1.0])
def test_a_group_does_not_miss_those_who_are_left_out(required: float) -> None:
    made = voters(group="jury")
    made = Plan(made.tasks, {}, made.aggregates, groups={"jury": Group(min_required=required)})
    run = Sim(made, max_concurrent=1)
    run.play({f"v{number}": succeeded("blue") for number in range(9)})
    assert run.ended is RunState.SUCCEEDED


def test_what_comes_late_and_needs_a_voter_that_was_left_out_is_skipped() -> None:
    run = Sim(voters(3), max_concurrent=1)
    for number in range(2):
        run.finish(f"v{number}", succeeded("blue"))
    needs_v2 = Edge(2, 3, True, Needs("v2"))
    run.submit_prepared((PreparedTask(3, task("late"), (needs_v2,)),))
    assert run.skipped["late"] == DependencyCancelled("v2")
    run.close()
    assert run.ended is RunState.FAILED


VOTES = st.sampled_from([succeeded("a"), succeeded("a"), succeeded("b"), succeeded(None), failed()])


@given(
    st.lists(st.lists(VOTES, min_size=1, max_size=3), min_size=2, max_size=9),
    st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=9, max_size=9),
    st.integers(1, 9),
    st.sampled_from([Majority(), Quorum(2), Quorum(0.6)]),
    st.sampled_from([None, 1, 0.5, 0.9]),
    st.booleans(),
)
def test_who_wins_is_the_same_as_if_all_had_voted(
    votes: list[list[Outcome]],
    durations_s: list[float],
    width: int,
    rule: Majority | Quorum,
    required: float | None,
    in_group: bool,
) -> None:
    group = "jury" if in_group else None
    tasks = [
        task(
            f"v{n}", family="v", duration_s=durations_s[n], retry=Retry(len(votes[n]), base_s=1), group=group
        )
        for n in range(len(votes))
    ]
    groups = {"jury": Group(min_required=0.1)} if in_group else {}
    ends = {f"v{n}": attempts for n, attempts in enumerate(votes)}
    answers = []
    for stop in (False, True):
        aggregate = Aggregate(("v",), rule, min_required=required, stop_when_decided=stop)
        run = Sim(voting(plan(*tasks, groups=groups), aggregate), max_concurrent=width)
        run.play(ends)
        try:
            vote = PlanResults(run.plan, run.outcomes, {}).made(aggregate)
            assert isinstance(vote, MajorityVote | QuorumVote)
            answers.append(vote.winner)
        except TooFewResults:
            answers.append(None)
    assert answers[0] == answers[1]
