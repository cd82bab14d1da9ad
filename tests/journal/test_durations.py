from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.journal.builders import END, reader, whole_task, writer

from weft.journal.durations import SHORTEST_S, WEIGHT_OF_LAST, Durations
from weft.model.attempt import Attempt
from weft.model.outcome import Failed, Succeeded
from weft.model.reason import Exited
from weft.scheduling.facts import AttemptEnded, AttemptStarted, Fact, TaskAdded, TaskEnded


def run(folder: Path, name: str, *turns: list[Fact], learns: bool = True) -> None:
    with closing(writer(folder, name, learns=learns)) as journal:
        for turn in turns:
            journal.append(turn)
        journal.append(END)


def known(folder: Path, *tasks: str, families: tuple[str, ...] = ()) -> Durations:
    with closing(reader(folder)) as journal:
        return journal.durations(tasks, families)


def test_what_a_task_took_is_known_in_the_next_run(tmp_path: Path) -> None:
    run(tmp_path, "r1", whole_task(0, "a", seconds=4.0))
    assert known(tmp_path, "a", "b").tasks == {"a": 4.0}


def test_each_run_moves_the_average(tmp_path: Path) -> None:
    run(tmp_path, "r1", whole_task(0, "a", seconds=4.0))
    run(tmp_path, "r2", whole_task(0, "a", seconds=10.0))
    assert known(tmp_path, "a").tasks["a"] == pytest.approx(4.0 + 6.0 * WEIGHT_OF_LAST)


def test_a_new_member_of_a_family_takes_as_long_as_the_others_did(tmp_path: Path) -> None:
    run(
        tmp_path,
        "r1",
        whole_task(0, "a[1]", family="a", seconds=1.0),
        whole_task(1, "a[2]", family="a", seconds=3.0),
    )
    found = known(tmp_path, "a[1]", "a[3]", families=("a",))
    assert found.expected_s("a[1]", "a") == 1.0
    assert found.expected_s("a[3]", "a") == 2.0
    assert found.expected_s("b", None) is None


def test_a_task_that_failed_says_nothing_of_how_long_it_takes(tmp_path: Path) -> None:
    run(tmp_path, "r1", whole_task(0, "a", Failed(Exited(1))))
    assert known(tmp_path, "a").tasks == {}


def test_of_several_attempts_the_last_one_counts(tmp_path: Path) -> None:
    failed, done = Failed(Exited(1)), Succeeded()
    tries: list[Fact] = [
        TaskAdded(0.0, 0, "a"),
        AttemptStarted(0.0, Attempt(0, 1)),
        AttemptEnded(5.0, Attempt(0, 1), failed),
        AttemptStarted(20.0, Attempt(0, 2)),
        AttemptEnded(22.0, Attempt(0, 2), done),
        TaskEnded(22.0, 0, done),
    ]
    run(tmp_path, "r1", tries)
    assert known(tmp_path, "a").tasks == {"a": 2.0}


def test_what_took_next_to_no_time_has_no_row_of_its_own_and_counts_for_its_family(tmp_path: Path) -> None:
    short = SHORTEST_S / 2
    alone, member = whole_task(0, "a", seconds=short), whole_task(1, "b[1]", family="b", seconds=short)
    run(tmp_path, "r1", alone, member)
    found = known(tmp_path, "a", "b[1]", families=("b",))
    assert found.tasks == {}
    assert found.families == {"b": pytest.approx(short)}


def test_a_task_that_was_expected_to_take_long_is_known_to_take_no_time(tmp_path: Path) -> None:
    run(tmp_path, "r1", whole_task(0, "a", seconds=3.0))
    _, *facts = whole_task(0, "a", seconds=0.0)
    run(tmp_path, "r2", [TaskAdded(0.0, 0, "a", duration_s=3.0), *facts])
    assert known(tmp_path, "a").tasks["a"] == pytest.approx(2.0)


def test_a_run_that_was_not_to_teach_anything_does_not(tmp_path: Path) -> None:
    run(tmp_path, "r1", whole_task(0, "call[0]"), learns=False)
    assert known(tmp_path, "call[0]").tasks == {}


def test_more_tasks_than_a_query_takes_are_asked_for_in_several(tmp_path: Path) -> None:
    run(tmp_path, "r1", *[whole_task(number, f"t{number}") for number in range(1100)])
    assert len(known(tmp_path, *[f"t{number}" for number in range(1200)]).tasks) == 1100
