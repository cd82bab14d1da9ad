"""The central promise: a run of many tasks at once leaves the files that a run of one by one leaves."""

from __future__ import annotations

from random import Random

import pytest
from tests.properties.fake_disk import ChangedWhileRead, run_many_at_once, run_one_by_one
from tests.properties.programs import Program, random_program, without_merge_order, without_one_access

BLOCK = 500  # programs in one test, so that several processes share the work
RUNS = 2  # of each program, each with other durations


def differs(program: Program, seed: int) -> bool:
    """Tell whether a run of many at once is not as good as one by one."""
    try:
        return run_many_at_once(program, Random(seed)) != run_one_by_one(program)
    except ChangedWhileRead:
        return True


@pytest.mark.parametrize("start", range(0, 4_000, BLOCK))
def test_many_at_once_leave_the_files_and_outcomes_of_one_by_one(start: int) -> None:
    for seed in range(start, start + BLOCK):
        program = random_program(seed)
        expected = run_one_by_one(program)
        for run in range(RUNS):
            assert run_many_at_once(program, Random(seed + run)) == expected, f"random_program({seed})"


@pytest.mark.parametrize("start", range(0, 2_000, BLOCK))
def test_wherever_they_work_they_leave_the_files_and_outcomes_of_one_by_one(start: int) -> None:
    for seed in range(start, start + BLOCK):
        program = random_program(seed, apart=True)
        expected = run_one_by_one(program)
        for run in range(RUNS):
            actual = run_many_at_once(program, Random(seed + run))
            assert actual == expected, f"random_program({seed}, apart=True)"


def test_work_that_is_brought_back_out_of_order_is_seen_by_these_tests() -> None:
    """Without the edges to merges, tasks are brought back as they end."""
    programs = [without_merge_order(random_program(seed, apart=True)) for seed in range(300)]
    changed = [program for program in programs if program is not None]
    caught = [program for program in changed if any(differs(program, seed) for seed in range(10))]
    assert len(changed) > 100
    assert len(caught) > len(changed) / 4


def test_an_access_that_is_not_declared_is_seen_by_these_tests() -> None:
    chance = Random(0)
    mutants = [without_one_access(random_program(seed), chance) for seed in range(300)]
    undeclared = [mutant for mutant in mutants if mutant is not None]
    caught = [mutant for mutant in undeclared if any(differs(mutant, seed) for seed in range(10))]
    assert len(undeclared) > 100
    assert len(caught) > len(undeclared) / 4  # the others touch what nobody else touches, or wait anyway


@pytest.mark.parametrize("seed", range(0, 300, 10))
def test_one_by_one_is_an_order_that_keeps_every_edge(seed: int) -> None:
    program = random_program(seed)
    place = {position: number for number, position in enumerate(program.order)}
    assert sorted(place) == list(range(len(program.doings)))
    for prepared in program.prepared.tasks:
        assert all(place[edge.before] < place[prepared.position] for edge in prepared.edges)


def test_the_programs_are_worth_running() -> None:
    """Many tasks side by side, many edges of each kind, groups, needs that point forward, failures."""
    programs = [random_program(seed) for seed in range(200)]
    edges = [edge for program in programs for task in program.prepared.tasks for edge in task.edges]
    kinds = {type(edge.because).__name__ for edge in edges}
    assert kinds == {"Needs", "ReadAfterWrite", "WriteAfterRead", "WriteAfterWrite", "Transaction"}
    assert any(edge.before > edge.after for edge in edges)
    n_tasks = sum(len(program.doings) for program in programs)
    assert n_tasks / 2 < len(edges) < n_tasks * 4
    assert any(run_one_by_one(program).failed for program in programs)
