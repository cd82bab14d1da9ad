"""The makespan of real graphs against published optima: too short means a start that came too early."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest

from weft.model.plan import Plan
from weft.testing import Sim, plan, task

GRAPHS = Path(__file__).parent.parent / "data" / "stg50"


class Known(msgspec.Struct, frozen=True):
    file: str
    procs: int
    critical_path: int
    published: int
    critical_path_list: int


def known() -> list[Known]:
    with (GRAPHS / "INDEX.csv").open(newline="") as lines:
        return msgspec.convert(list(csv.DictReader(lines)), list[Known], strict=False)


def graph(row: Known) -> Plan:
    lines = (GRAPHS / Path(row.file).name).read_text().splitlines()[1:]
    numbers = [[int(number) for number in line.split()] for line in lines]
    return plan(
        *[
            task(str(name), needs=map(str, needs), duration_s=duration_s)
            for name, duration_s, _, *needs in numbers
        ]
    )


def makespan(row: Known) -> float:
    return Sim(graph(row), max_concurrent=row.procs).play()


@pytest.mark.parametrize("row", known(), ids=lambda row: f"{Path(row.file).stem}-{row.procs}")
def test_no_task_starts_before_it_may_and_the_longest_path_comes_first(row: Known) -> None:
    assert row.published <= makespan(row) <= row.critical_path_list


def test_with_enough_processors_the_critical_path_is_all_it_takes() -> None:
    assert all(makespan(row) == row.critical_path for row in known() if row.procs == 16)
