"""(f) How long does it take to find the hazards of a plan, and how does that grow with the plan?

Five accesses for each task, literal and globs. The first scene is a plan as one may meet it, with few
conflicts; the others are known to be bad for an index. Measured is what a run does before it starts, with the
look for symbolic links; the plan has been read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from _side_by_side import Goal, Table, medians, size_from_command_line, wall_s

import weft
from weft.planning.prepare import PreparedPlan
from weft.runtime.links import prepare_on_disk

MOST_S = 1.5
MOST_TIMES = 2.3
Accesses = tuple[Sequence[str], Sequence[str]]
Scene = Callable[[int], list[Accesses]]


def mixed(count: int) -> list[Accesses]:
    """Literal paths, directories and globs; every tenth task reads what its neighbour wrote."""
    return [_compile(n) if n % 10 != 1 else _link(n) for n in range(count)]


def _compile(n: int) -> Accesses:
    log = f"out/{n}/" if n % 10 else f"build/lib{(n + 1) % 100}/log{n}"
    reads = (f"src/lib{n % 100}/mod{n}.c", "include/*.h", f"data/{n % 100}/{n}_*.csv")
    return reads, (f"build/lib{n % 100}/mod{n}.o", log)


def _link(n: int) -> Accesses:
    reads = (f"build/lib{(n - 1) % 100}/mod{n - 1}.o", "include/*.h", f"data/{n % 100}/{n}_*.csv")
    return reads, (f"bin/mod{n}", f"out/{n}/**/*.map")


def one_directory(count: int) -> list[Accesses]:
    """All names and globs stand in one directory."""
    return [
        ((f"d/in{n}.csv", f"d/in{n}_*.csv", "d/*.toml"), (f"d/out{n}.json", f"d/*_{n}.log"))
        for n in range(count)
    ]


def deep_globs(count: int) -> list[Accesses]:
    """Globs with `**`, shared by all, beside the files of each."""
    return [
        (
            ("src/**/*.py", "src/**/*.toml", f"src/pkg{n % 50}/mod{n}.py"),
            (f"cache/pkg{n % 50}/mod{n}.pyc", f"logs/{{a,b}}/{n}.txt"),
        )
        for n in range(count)
    ]


def one_state(count: int) -> list[Accesses]:
    """All read and write one directory, and each a file of its own in it: a chain."""
    return [(("state/", "a", "b"), ("state/", f"state/{n}.json")) for n in range(count)]


def gather(count: int) -> list[Accesses]:
    """All write a file of one directory, the last one reads them."""
    writers: list[Accesses] = [
        ((f"in/{n}", "config", "lib/"), (f"out/{n}.json", f"log/{n}")) for n in range(count - 1)
    ]
    return [*writers, (("out/*.json",), ("report",))]


SCENES: dict[str, Scene] = {
    "literal paths, directories, globs; few conflicts": mixed,
    "all in one directory": one_directory,
    "globs with **": deep_globs,
    "all at one directory": one_state,
    "one reads what all have written": gather,
}


def plan_of(declared: Sequence[Accesses]) -> weft.Plan:
    """Return a plan of commands that declare this."""
    plan = weft.Plan()
    for n, (reads, writes) in enumerate(declared):
        plan.add(weft.Command("true"), id=f"t{n}", reads=reads, writes=writes)
    return plan


def main() -> None:
    """Measure and print."""
    size = size_from_command_line(__doc__ or "", rounds=3)
    count = size.of(10_000, 100)
    table = Table(f"Prepare plans of {count:,} and {2 * count:,} tasks with 5 accesses each")
    for title, scene in SCENES.items():
        once, twice = plan_of(scene(count)).frozen(), plan_of(scene(2 * count)).frozen()
        n_edges = _edges(prepare_on_disk(once))
        seconds = medians(
            {
                "once": partial(wall_s, partial(prepare_on_disk, once)),
                "twice": partial(wall_s, partial(prepare_on_disk, twice)),
            },
            size.rounds,
        )
        table.section(f"{title}: {n_edges:,} edges")
        table.line(f"{count:,} tasks", f"{seconds['once']:.3f} s", seconds["once"], Goal("<=", MOST_S, "s"))
        times = seconds["twice"] / seconds["once"]
        table.line(f"{2 * count:,} tasks", f"{seconds['twice']:.3f} s", times, Goal("<=", MOST_TIMES))


def _edges(prepared: PreparedPlan) -> int:
    return sum(len(task.edges) for task in prepared.tasks)


if __name__ == "__main__":
    main()
