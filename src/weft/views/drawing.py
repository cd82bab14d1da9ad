"""Drawings of a prepared plan: what depends on what, for people and for programs.

Knows tasks, families and edges. The drawings for people fold the members of a large fan-out into one
node; the JSON for programs always has every task.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from weft.planning.graph import Edge
from weft.planning.prepare import PreparedPlan, PreparedTask
from weft.views.visible import visible

# A fan-out of a few is clearer when each member is seen.
FOLDED_FROM = 5
# A chain of thousands would move out of sight to the right: from here on it is continued further down.
DEEPEST = 40

_MERMAID = str.maketrans(
    {
        '"': "#quot;",
        "#": "#35;",
        "&": "#amp;",
        "<": "#lt;",
        ">": "#gt;",
        "\\": "#92;",
        "`": "#96;",
    }
)
_DOT = str.maketrans({'"': '\\"', "\\": "\\\\"})


class _Node(msgspec.Struct):
    """A task, or a fan-out that is drawn as one.

    ``after`` holds what follows it, and whether that can't do without it.
    """

    label: str
    after: dict[int, bool] = {}
    has_before: bool = False


def tree(prepared: PreparedPlan, *, fold: bool = True) -> str:
    """Return a tree in plan order, each task under what it needs.

    A task that needs several is shown with all that follows under the first of them, and only
    referred to under the others.

    >>> from weft.model.plan import Plan
    >>> from weft.model.task import Task
    >>> from weft.model.work import Command
    >>> from weft.planning.prepare import prepare
    >>> make = Command("make")
    >>> tasks = (Task("a", make), Task("b", make), Task("c", make, needs=("a", "b")))
    >>> print(tree(prepare(Plan(tasks))), end="")
    a
    └── c
    b
    └── c (above)
    """
    nodes = _nodes(prepared, fold=fold)
    roots = [number for number, node in enumerate(nodes) if not node.has_before]
    shown: set[int] = set()
    lines: list[str] = []
    # After the roots, what was put off, and circles that only folding makes.
    for start in (*roots, *range(len(nodes))):
        if start not in shown:
            lines += _branch(nodes, start, shown)
    return _text(lines)


def _branch(nodes: Sequence[_Node], start: int, shown: set[int]) -> Iterator[str]:
    waiting = [(start, "", "", 0)]  # a node, what stands before its name and before those below, its depth
    while waiting:
        number, before, indent, depth = waiting.pop()
        node = nodes[number]
        if number in shown:
            yield f"{before}{node.label} (above)"
            continue
        if depth > DEEPEST and node.after:
            yield f"{before}{node.label} (below)"
            continue
        shown.add(number)
        yield before + node.label
        last = max(node.after, default=None)
        for follower in sorted(node.after, reverse=True):
            corner, under = ("└── ", "    ") if follower == last else ("├── ", "│   ")
            waiting.append((follower, indent + corner, indent + under, depth + 1))


def mermaid(prepared: PreparedPlan, *, fold: bool = True) -> str:
    """Return a flow chart in Mermaid's language; arrows that only order are dotted."""
    nodes = _nodes(prepared, fold=fold)
    lines = ["flowchart LR"]
    lines += [f'    t{number}["{node.label.translate(_MERMAID)}"]' for number, node in enumerate(nodes)]
    for before, after, required in _arrows(nodes):
        arrow = "-->" if required else "-.->"
        lines.append(f"    t{before} {arrow}|{_kind(required)}| t{after}")
    return _text(lines)


def dot(prepared: PreparedPlan, *, fold: bool = True) -> str:
    """Return a graph in the language of Graphviz; arrows that only order are dashed."""
    nodes = _nodes(prepared, fold=fold)
    lines = ["digraph weft {", "    rankdir=LR;", "    node [shape=box];"]
    lines += [f'    t{number} [label="{node.label.translate(_DOT)}"];' for number, node in enumerate(nodes)]
    for before, after, required in _arrows(nodes):
        style = "solid" if required else "dashed"
        lines.append(f'    t{before} -> t{after} [label="{_kind(required)}", style={style}];')
    return _text([*lines, "}"])


def as_json(prepared: PreparedPlan) -> str:
    """Return every task and every edge as JSON, one a line, in plan order.

    A task has ``id``, ``family``, ``needs`` (as they were declared), ``path_s`` (the longest chain of
    expected durations from its start, in seconds) and ``critical`` (whether it stands on a chain
    that is longest of all). An edge has ``before``, ``after``, ``required`` (or it only orders) and
    ``because``.
    """
    critical = _critical(prepared.tasks)
    tasks = [json.dumps(_task(task, critical=task.position in critical)) for task in prepared.tasks]
    edges = [
        json.dumps(_edge(edge, prepared))
        for task in prepared.tasks
        for edge in sorted(task.edges, key=lambda edge: edge.before)
    ]
    return f'{{"tasks": [{_listed(tasks)}], "edges": [{_listed(edges)}]}}\n'


def _listed(lines: Iterable[str]) -> str:
    inner = ",\n  ".join(lines)
    return f"\n  {inner}\n" if inner else ""


def _task(prepared: PreparedTask, *, critical: bool) -> dict[str, object]:
    task = prepared.task
    return {
        "id": task.id,
        "family": task.family,
        "needs": task.needs,
        "path_s": prepared.path_s,
        "critical": critical,
    }


def _edge(edge: Edge, prepared: PreparedPlan) -> dict[str, object]:
    return {
        "before": prepared.tasks[edge.before].task.id,
        "after": prepared.tasks[edge.after].task.id,
        "required": edge.required,
        "because": msgspec.to_builtins(edge.because),
    }


def _critical(tasks: Sequence[PreparedTask]) -> set[int]:
    """Return the positions of the tasks that stand on a longest chain, be it one or several."""
    after: dict[int, list[int]] = {}
    for task in tasks:
        for edge in task.edges:
            after.setdefault(edge.before, []).append(edge.after)
    longest_s = max((task.path_s for task in tasks), default=0.0)
    found = {task.position: None for task in tasks if task.path_s == longest_s}
    waiting = list(found)
    for position in waiting:  # grows while it is walked
        followers = after.get(position, ())
        rest_s = max((tasks[follower].path_s for follower in followers), default=0.0)
        for follower in followers:
            if tasks[follower].path_s == rest_s and follower not in found:
                found[follower] = None
                waiting.append(follower)
    return set(found)


def _nodes(prepared: PreparedPlan, *, fold: bool) -> list[_Node]:
    """Return the nodes in plan order; a folded fan-out stands where its first member does."""
    sizes = Counter(task.task.family for task in prepared.tasks)
    nodes: list[_Node] = []
    folded: dict[str, int] = {}
    node_of: list[int] = []
    for task in prepared.tasks:
        family = task.task.family
        if fold and family is not None and sizes[family] >= FOLDED_FROM:
            number = folded.setdefault(family, len(nodes))
            label = f"{family}[…] ×{sizes[family]}"  # noqa: RUF001 - it is meant
        else:
            number, label = len(nodes), task.task.id
        if number == len(nodes):
            nodes.append(_Node(visible(label)))
        node_of.append(number)
    for task in prepared.tasks:
        for edge in task.edges:
            _join(nodes, node_of[edge.before], node_of[edge.after], required=edge.required)
    return nodes


def _join(nodes: Sequence[_Node], before: int, after: int, *, required: bool) -> None:
    if before != after:  # members of one fan-out may follow each other
        followers = nodes[before].after
        followers[after] = required or followers.get(after, False)
        nodes[after].has_before = True


def _arrows(nodes: Sequence[_Node]) -> Iterator[tuple[int, int, bool]]:
    for number, node in enumerate(nodes):
        for after in sorted(node.after):
            yield number, after, node.after[after]


def _kind(required: bool) -> str:
    return "needs" if required else "order"


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
