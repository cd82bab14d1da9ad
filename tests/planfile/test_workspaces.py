"""What a plan file says about workspaces and merges."""

from __future__ import annotations

import pytest
from tests.planfile.test_errors import only_problem_of, problems_of

from weft.model.task import Task
from weft.model.work import Command
from weft.model.workspace import Merge, MergeAt, MergePolicy, Workspace, WorkspaceKind
from weft.planfile import Format, loads
from weft.planfile.schema import schema

YAML = """
workspace: directory
merge: keep-both
groups:
  g: {workspace: copy, merge: {at: group}}
tasks:
  edit:
    run: ./edit.sh
    workspace:
      kind: copy
      include: [src/, "*.toml"]
      exclude: node_modules/
      setup: npm ci
      readonly: [data/]
      ports: [http, debug]
    merge: {policy: three-way, at: run}
  pick:
    run: ./pick.sh
    group: g
    workspace: {kind: Directory, setup: [./setup, 3]}
    merge: {command: ./pick-one.sh}
  serve: {run: ./serve.sh, workspace: {ports: http}}
"""
TOML = """
workspace = "directory"
merge = "keep-both"
groups.g = { workspace = "copy", merge.at = "group" }

[tasks.edit]
run = "./edit.sh"
merge = { policy = "three-way", at = "run" }

[tasks.edit.workspace]
kind = "copy"
include = ["src/", "*.toml"]
exclude = "node_modules/"
setup = "npm ci"
readonly = ["data/"]
ports = ["http", "debug"]

[tasks.pick]
run = "./pick.sh"
group = "g"
workspace = { kind = "directory", setup = ["./setup", 3] }
merge.command = "./pick-one.sh"

[tasks.serve]
run = "./serve.sh"
workspace.ports = "http"
"""


@pytest.mark.parametrize(("text", "format"), [(YAML, "yaml"), (TOML, "toml")])
def test_every_key_says_what_it_says_in_python(text: str, format: Format) -> None:
    plan = loads(text, format=format)
    assert (plan.workspace, plan.merge) == (Workspace(WorkspaceKind.DIRECTORY), Merge(MergePolicy.KEEP_BOTH))
    group = plan.groups["g"]
    assert (group.workspace, group.merge) == (Workspace(WorkspaceKind.COPY), Merge(at=MergeAt.GROUP))
    edit, pick, serve = plan.tasks
    assert edit.workspace == Workspace(
        WorkspaceKind.COPY,
        include=("src/", "*.toml"),
        exclude=("node_modules/",),
        setup="npm ci",
        readonly=("data/",),
        ports=("http", "debug"),
    )
    assert edit.merge == Merge(MergePolicy.THREE_WAY, at=MergeAt.RUN)
    assert pick.workspace == Workspace(WorkspaceKind.DIRECTORY, setup=("./setup", "3"))
    assert pick.merge == Merge(MergePolicy.COMMAND, "./pick-one.sh")
    assert (serve.workspace, serve.merge) == (Workspace(ports=("http",)), None)


def test_what_is_not_said_is_as_in_python() -> None:
    plan = loads("tasks: {a: x}")
    assert (plan.workspace, plan.merge, plan.tasks[0].workspace, plan.tasks[0].merge) == (None,) * 4
    assert loads("tasks: {a: {run: x, workspace: {}}}").tasks[0].workspace == Workspace()
    assert loads("workspace: copy\nmerge: {}\ntasks: {a: x}").merge == Merge()


def only_member(entry: str) -> Task:
    (task,) = loads(f"tasks: {{a: {{each: {{f: ['b [c', ]}}, run: x, {entry}}}}}").tasks
    return task


def test_values_of_a_fan_out_stand_for_themselves() -> None:
    member = only_member(
        'workspace: {kind: copy, include: "{f}/", exclude: "{f}", readonly: "{f}", setup: "cd {f}"}'
    )
    assert member.workspace == Workspace(
        WorkspaceKind.COPY,
        include=(r"b \[c/",),
        exclude=(r"b \[c",),
        readonly=(r"b \[c",),
        setup="cd 'b [c'",
    )
    argv = only_member('workspace: {setup: [ls, "{f}"]}')
    assert argv.workspace == Workspace(setup=("ls", "b [c"))
    assert isinstance(argv.work, Command)


def test_a_value_that_would_leave_its_quotes_is_refused_in_a_set_up_too() -> None:
    problem = only_problem_of("tasks: {a: {each: {f: [b c]}, run: x, workspace: {setup: 'cd \"{f}\"'}}}")
    assert problem.message.startswith("`{f}` in `workspace.setup` of task `a` stands inside quotes")


# What a task says, and which of its lines is told with which words.
MISTAKES = [
    ("workspace: kopy", 4, "`workspace` of task `a` is the string `kopy`; expected `shared`"),
    ("workspace: [copy]", 4, "`workspace` of task `a` is a list; expected `shared`"),
    ("workspace: {kind: 7}", 4, "`workspace.kind` of task `a` is `7`; expected `shared`"),
    ("workspace: {kinds: copy}", 4, "unknown key `kinds` in `workspace` of task `a`"),
    ("workspace: {include: src/}", 4, "task `a` includes files in a workspace that is no copy"),
    ("workspace:\n      kind: copy\n      include: '['", 6, "in `include` of task `a`: it has a `[`"),
    ("workspace:\n      readonly:\n      - a\n      - '['", 7, "in `readonly` of task `a`: it has a `[`"),
    ("workspace: {exclude: x}", 4, "task `a` excludes files from a workspace in which all files are"),
    ("workspace: {setup: ''}", 4, "`workspace.setup` of task `a` is an empty string; expected a command"),
    ("workspace: {ports: [8080]}", 4, "in `ports` of task `a`: `8080` is no name"),
    ("workspace: {ports: [a-b, A_B]}", 4, "in `ports` of task `a`: `a-b` and `A_B` would be told by one"),
    (
        "workspace: copy\n    merge: loudest",
        5,
        "`merge` of task `a` is the string `loudest`; expected `fail`",
    ),
    (
        "workspace: copy\n    merge: command",
        5,
        "`merge` of task `a` is the string `command`; expected `fail`",
    ),
    (
        "workspace: copy\n    merge: {at: noon}",
        5,
        "`merge.at` of task `a` is the string `noon`; expected `task`",
    ),
    (
        "workspace: copy\n    merge: {policy: command}",
        5,
        "the merge of task `a` has the policy `command`, and no",
    ),
    (
        "workspace: copy\n    merge: {policy: last, command: x}",
        5,
        "the merge of task `a` has a command, and its",
    ),
    ("merge: last", 4, "task `a` has a `merge`, and works in the plan's own directory"),
]


@pytest.mark.parametrize(("entry", "line", "told"), MISTAKES)
def test_a_mistake_is_told_with_its_line(entry: str, line: int, told: str) -> None:
    problem = only_problem_of(f"tasks:\n  a:\n    run: x\n    {entry}\n")
    assert problem.message.startswith(told)
    assert problem.place is not None
    assert problem.place.line == line


def test_a_mistake_of_a_group_or_of_the_plan_is_told_once_and_there() -> None:
    tasks = "tasks:\n  a: {run: x, group: g}\n  b: {run: x, group: g}\n"
    text = f"workspace:\n  kind: copy\n  ports: 1\ngroups:\n  g:\n    workspace: {{ports: [1]}}\n{tasks}"
    found = [(problem.place and problem.place.line, problem.message) for problem in problems_of(text)]
    assert found == [
        (3, "in `ports` of the plan: `1` is no name; expected letters, digits, `-`, `_`"),
        (6, "in `ports` of group `g`: `1` is no name; expected letters, digits, `-`, `_`"),
    ]
    merged = problems_of(
        f"workspace: copy\nmerge: {{policy: first, command: x}}\ngroups: {{g: {{}}}}\n{tasks}"
    )
    assert [problem.message for problem in merged] == [
        "the merge of the plan has a command, and its policy is `first`"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("merge: last\ntasks: {a: x}", "the plan has a `merge`, and no task works in a place of its own"),
        (
            "groups: {g: {merge: last}}\ntasks: {a: {run: x, group: g}, b: {run: x, workspace: copy}}",
            "group `g` has a `merge`, and none of its tasks works in a place of its own",
        ),
    ],
)
def test_a_merge_of_nothing_is_a_mistake(text: str, told: str) -> None:
    assert only_problem_of(text).message == told


def test_a_merge_of_tasks_in_groups_inside_is_none() -> None:
    groups = "groups: {outer: {merge: last}, inner: {group: outer}}"
    assert loads(f"{groups}\ntasks: {{a: {{run: x, group: inner, workspace: copy}}}}").tasks


@pytest.mark.parametrize("key", ["ports", "readonly", "setup"])
def test_a_key_of_workspaces_is_shown_its_place(key: str) -> None:
    problem = only_problem_of(f"tasks: {{a: {{run: x, {key}: [b]}}}}")
    assert (problem.message, problem.hint) == (
        f"unknown key `{key}` in task `a`",
        f"write `workspace: {{{key}: …}}`",
    )


@pytest.mark.parametrize("place", ["workspace: kopy", "group: 7", "workspace: copy, group: 7"])
def test_a_workspace_that_can_not_be_read_is_told_alone(place: str) -> None:
    text = f"merge: last\ngroups: {{g: {{merge: first}}}}\ntasks: {{a: {{run: x, {place}, merge: last}}}}"
    problem = only_problem_of(text)
    assert "`workspace` of task `a`" in problem.message or "`group` of task `a`" in problem.message


def test_the_schema_knows_both_forms() -> None:
    for keys in (
        schema()["properties"],
        schema()["properties"]["groups"]["additionalProperties"]["properties"],
    ):
        word, mapping = keys["workspace"]["anyOf"]
        assert "copy" in word["enum"]
        assert set(mapping["properties"]) == {"kind", "include", "exclude", "setup", "readonly", "ports"}
        word, mapping = keys["merge"]["anyOf"]
        assert ("last" in word["enum"], "command" in word["enum"]) == (True, False)
        assert set(mapping["properties"]) == {"policy", "at", "command"}
