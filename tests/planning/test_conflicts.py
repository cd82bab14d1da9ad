"""Hazards keep program order, and read-after-write hazards lead to all that may be read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from weft.model.access import Accesses
from weft.model.reason import ReadAfterWrite, WriteAfterRead, WriteAfterWrite
from weft.planning.conflicts import Conflicts, Hazard, HazardKind, between
from weft.planning.overlap import common_path, overlap
from weft.planning.patterns import Branch, parse

RAW, WAR, WAW = HazardKind
Pair = tuple[int, int]

TEXTS = [
    "a", "a/", "a/b", "a/b/", "a/b/c", "a/c", "a/*", "a/[bc]", "a/?*", "*/b", "**/b", "**/c", "a/**/c",
    "b", "./b/", "{a,b}/c", "{a/b,b/}", "*", ".", "x", "y", "z", "x/../y", "a/**/[bc]",
    "**/*", "a/*/c", "*/*/c", "db:x", "db:x/1", "db:x/", "db:*",
]  # fmt: skip
some = st.lists(st.sampled_from(TEXTS), max_size=2).map(tuple)
programs = st.lists(st.builds(Accesses, reads=some, writes=some), max_size=9)


def reading(*texts: str) -> Accesses:
    return Accesses(reads=texts)


def writing(*texts: str) -> Accesses:
    return Accesses(writes=texts)


def hazards(program: Sequence[Accesses]) -> list[Hazard]:
    conflicts = Conflicts()
    return [hazard for position, task in enumerate(program) for hazard in conflicts.add(position, task)]


def told(*program: Accesses) -> list[tuple[int, int, HazardKind, str]]:
    return [(hazard.before, hazard.after, hazard.kind, hazard.path) for hazard in hazards(program)]


def closure(pairs: set[Pair]) -> set[Pair]:
    """All pairs that are joined by a chain; each pair leads forward."""
    after: dict[int, set[int]] = {}
    for first, second in sorted(pairs, reverse=True):
        after.setdefault(first, set()).update({second}, after.get(second, set()))
    return {(first, second) for first, seconds in after.items() for second in seconds}


def conflict(x: Accesses, y: Accesses) -> bool:
    return any(
        overlap(parse(a), parse(b)) is not None
        for befores, afters in ((x.writes, y.reads), (x.reads, y.writes), (x.writes, y.writes))
        for a in befores
        for b in afters
    )


def branches(texts: Sequence[str]) -> list[Branch]:
    return [branch for text in texts for branch in parse(text).branches]


def writes_whole(program: Sequence[Accesses], position: int) -> list[Branch]:
    """The plain paths that a task writes as a whole: nothing has been named below them so far."""
    known = [each for task in program[: position + 1] for each in branches((*task.reads, *task.writes))]
    return [
        branch
        for branch in branches(program[position].writes)
        if branch.whole
        and not any(
            len(other.segments) > len(branch.segments)
            and other.segments[: len(branch.segments)] == branch.segments
            for other in known
        )
    ]


def reaches(program: Sequence[Accesses], x: int, y: int) -> bool:
    """Whether y may read what x wrote: the definition, word by word."""
    replaced = [branch for position in range(x + 1, y) for branch in writes_whole(program, position)]
    return any(
        common_path(written, read) is not None and written not in replaced and read not in replaced
        for written in branches(program[x].writes)
        for read in branches(program[y].reads)
    )


@given(programs)
def test_whatever_conflicts_is_joined_by_a_chain_and_nothing_else_is(program: list[Accesses]) -> None:
    found = {(hazard.before, hazard.after) for hazard in hazards(program)}
    pairs = {pair for pair in combinations(range(len(program)), 2) if conflict(*(program[at] for at in pair))}
    assert found <= pairs
    assert closure(found) == closure(pairs)


@given(programs)
def test_a_reader_requires_exactly_the_writers_whose_output_it_may_read(program: list[Accesses]) -> None:
    found = {(hazard.before, hazard.after) for hazard in hazards(program) if hazard.required}
    pairs = {pair for pair in combinations(range(len(program)), 2) if reaches(program, *pair)}
    assert found <= pairs
    assert closure(found) == closure(pairs)


@given(programs)
def test_each_pair_is_told_once_in_order_and_as_it_would_be_told_alone(program: list[Accesses]) -> None:
    found = hazards(program)
    pairs = [(hazard.after, hazard.before) for hazard in found]
    assert pairs == sorted(set(pairs))
    for hazard in found:
        kinds = {kind for kind, _ in between(program[hazard.before], program[hazard.after])}
        assert hazard.kind in kinds


@given(programs)
def test_the_same_program_is_told_the_same_way(program: list[Accesses]) -> None:
    assert hazards(program) == hazards(program)


def test_tasks_that_only_read_never_wait_for_each_other() -> None:
    assert told(reading("a", "**"), reading("a"), reading("a/*")) == []


def test_a_task_does_not_wait_for_itself() -> None:
    assert told(Accesses(reads=("a", "a/"), writes=("a", "*"))) == []


def test_a_reader_waits_for_the_writer() -> None:
    assert told(writing("dist/"), reading("dist/a.js")) == [(0, 1, RAW, "dist/a.js")]


def test_disjoint_globs_of_one_directory_are_no_hazard() -> None:
    assert told(writing("out/*.json"), writing("out/*.csv"), reading("out/*.txt")) == []


def test_two_writers_of_one_path_are_found_in_whatever_order_they_stand() -> None:
    assert told(writing("out/a"), writing("out/*")) == [(0, 1, WAW, "out/a")]
    assert told(writing("out/*"), writing("out/a")) == [(0, 1, WAW, "out/a")]


def test_globs_that_meet_are_both_told() -> None:
    assert told(writing("src/**/*.py"), reading("src/a*")) == [(0, 1, RAW, "src/**/*.py and src/a*")]


def test_a_new_writer_waits_for_the_readers_only_as_they_wait_for_the_old_one() -> None:
    program = (writing("a"), reading("a"), reading("a"), writing("a"))
    assert told(*program) == [(0, 1, RAW, "a"), (0, 2, RAW, "a"), (1, 3, WAR, "a"), (2, 3, WAR, "a")]


def test_a_path_written_anew_is_read_from_its_last_writer_only() -> None:
    assert told(writing("a"), writing("a"), reading("a")) == [(0, 1, WAW, "a"), (1, 2, RAW, "a")]


def test_a_directory_written_again_may_still_hold_what_was_there() -> None:
    program = (writing("out/"), writing("out/"), reading("out/"))
    assert told(*program) == [(0, 1, WAW, "out/"), (0, 2, RAW, "out/"), (1, 2, RAW, "out/")]


def test_a_glob_may_have_left_a_file_as_it_was() -> None:
    program = (writing("out/a"), writing("out/*"), reading("out/a"))
    assert told(*program) == [(0, 1, WAW, "out/a"), (0, 2, RAW, "out/a"), (1, 2, RAW, "out/a")]


def test_a_file_replaced_after_a_glob_is_read_from_the_one_who_replaced_it() -> None:
    program = (writing("out/*"), writing("out/a"), reading("out/a"), reading("out/b"))
    assert told(*program) == [(0, 1, WAW, "out/a"), (1, 2, RAW, "out/a"), (0, 3, RAW, "out/b")]


def test_a_task_that_adds_to_what_it_reads_stands_for_those_before_it() -> None:
    adds = Accesses(reads=("log/*.txt",), writes=("log/*.txt",))
    assert [(before, after) for before, after, _, _ in told(adds, adds, adds, reading("log/a.txt"))] == [
        (0, 1),
        (1, 2),
        (2, 3),
    ]


def test_many_writers_of_one_glob_make_a_chain() -> None:
    found = hazards([writing("log/*.txt")] * 1_000)
    assert [(hazard.before, hazard.after) for hazard in found] == [(at, at + 1) for at in range(999)]


def test_all_readers_of_a_file_come_before_its_next_writer() -> None:
    found = hazards([*[reading("a")] * 1_000, writing("a"), writing("a")])
    assert [hazard.before for hazard in found if hazard.after == 1_000] == list(range(1_000))
    assert [(hazard.before, hazard.kind) for hazard in found if hazard.after == 1_001] == [(1_000, WAW)]


def test_a_path_under_which_others_write_is_not_written_as_a_whole() -> None:
    program = (writing("out/a"), writing("out"), reading("out"), reading("out/a"))
    assert told(*program) == [
        (0, 1, WAW, "out/a"),
        (0, 2, RAW, "out/a"),
        (1, 2, RAW, "out"),
        (0, 3, RAW, "out/a"),
        (1, 3, RAW, "out/a"),
    ]


def test_files_of_different_kinds_in_one_tree_are_no_hazard() -> None:
    assert told(reading("src/**/*.py"), writing("src/gen/table.json"), writing("src/**/*.md")) == []


def test_resources_conflict_within_their_scheme_only() -> None:
    assert told(writing("db:orders"), reading("api:orders"), reading("orders"), reading("db:orders/42")) == [
        (0, 3, RAW, "db:orders/42")
    ]


def test_two_tasks_are_told_all_they_have_in_common() -> None:
    first = Accesses(reads=("a", "b/"), writes=("c",))
    second = Accesses(reads=("c",), writes=("b/x", "c"))
    assert between(first, second) == [(RAW, "c"), (WAR, "b/x"), (WAW, "c")]


def test_a_hazard_gives_its_reason() -> None:
    assert Hazard(0, 1, RAW, "a").reason("build", "pack") == ReadAfterWrite("build", "pack", "a")
    assert Hazard(0, 1, WAR, "a").reason("build", "pack") == WriteAfterRead("build", "pack", "a")
    assert Hazard(0, 1, WAW, "a").reason("build", "pack") == WriteAfterWrite("build", "pack", "a")


def test_with_a_root_an_absolute_path_is_the_same_file() -> None:
    conflicts = Conflicts("/srv/plan")
    assert conflicts.add(0, writing("/srv/plan/out/a")) == []
    assert conflicts.add(3, reading("out/*")) == [Hazard(0, 3, RAW, "out/a")]
