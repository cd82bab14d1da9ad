"""Patches of plan files: what is new comes in, every other character stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import UsageError
from weft.planfile.patch import patched
from weft.planfile.rewrite import rewrite
from weft.views.patch import Form

RETRY = {"tasks": {"a": {"retry": {"max_attempts": 3}}}}


def yaml(text: str, patch: Mapping[str, object]) -> str:
    return patched(text, patch, Form.YAML)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "tasks:\n    a:\n        run: x   # one\n        # two\n\n    b: y\n",
            "tasks:\n    a:\n        run: x   # one\n        retry: {max_attempts: 3}\n        # two\n\n"
            "    b: y\n",
            id="a mapping, with comments",
        ),
        pytest.param(
            "tasks: {a: {run: x,  env: {}}, b: y}  # one\n",
            "tasks: {a: {run: x,  env: {}, retry: {max_attempts: 3}}, b: y}  # one\n",
            id="a mapping in one line",
        ),
        pytest.param(
            "tasks: {a: make all, b: y}",
            "tasks: {a: {run: make all, retry: {max_attempts: 3}}, b: y}",
            id="a command there",
        ),
        pytest.param(
            "tasks:\n  a: 'make #1'  # one\n  # two\n  b: y\n",
            "tasks:\n  a:\n    run: 'make #1'  # one\n    retry: {max_attempts: 3}\n  # two\n  b: y\n",
            id="a command",
        ),
        pytest.param(
            "tasks:\n  a: |\n    one\n\n    two\n\n\n  b: y\n",
            "tasks:\n  a:\n    run: |\n      one\n\n      two\n    retry: {max_attempts: 3}\n\n\n  b: y\n",
            id="a command of several lines",
        ),
        pytest.param(
            "tasks:\n  a:\n    run: >-\n      one\n      two\n# end",
            "tasks:\n  a:\n    run: >-\n      one\n      two\n    retry: {max_attempts: 3}\n# end",
            id="a folded command",
        ),
        pytest.param(
            "tasks:\n  a:\n    run: x\n    reads:\n    - y\n    - z # one",
            "tasks:\n  a:\n    run: x\n    reads:\n    - y\n    - z # one\n    retry: {max_attempts: 3}\n",
            id="after a list, at the end of a file without a line break",
        ),
        pytest.param(
            "tasks:\r\n  a:\r\n    run: x\r\n",
            "tasks:\r\n  a:\r\n    run: x\r\n    retry: {max_attempts: 3}\r\n",
            id="CRLF",
        ),
        pytest.param(
            "x: &x\n  z: 1\ntasks:\n  a: {<<: *x, run: y}\n",
            "x: &x\n  z: 1\ntasks:\n  a: {<<: *x, run: y, retry: {max_attempts: 3}}\n",
            id="a merge key",
        ),
        pytest.param(
            "tasks:\n  a: {\n    run: x,\n    env: {}\n  }\n",
            "tasks:\n  a: {\n    run: x,\n    env: {},\n    retry: {max_attempts: 3}\n  }\n",
            id="braces over several lines",
        ),
    ],
)
def test_a_key_comes_in_where_one_would_write_it(before: str, after: str) -> None:
    assert yaml(before, RETRY) == after


def test_keys_of_the_plan_stand_before_its_tasks_and_what_is_said_about_them() -> None:
    before = "# A plan.\nenv: {}\n\n# These:\ntasks:\n  a: x\n"
    assert (
        yaml(before, {"max_concurrent": 5})
        == "# A plan.\nenv: {}\n\nmax_concurrent: 5\n# These:\ntasks:\n  a: x\n"
    )


@pytest.mark.parametrize(
    ("needs", "longer"),
    [("b", "[b, c]"), ("[b]", "[b, c]"), ("[]", "[c]"), ("\n    - b # one\n", "\n    - b # one\n    - c\n")],
)
def test_a_list_is_added_to(needs: str, longer: str) -> None:
    before = "tasks:\n  a:\n    run: x\n    needs: "
    assert yaml(before + needs, {"tasks": {"a": {"needs": ["c"]}}}) == before + longer


def test_names_and_texts_are_quoted_where_they_must_be() -> None:
    patch = {
        "limits": {"a b": {"rate": "100/min"}},
        "tasks": {"a": {"group": "true", "needs": ["1", "c, d"]}},
    }
    assert yaml("tasks: {a: {run: x}}", patch) == (
        'limits:\n  "a b": {rate: 100/min}\ntasks: {a: {run: x, group: "true", needs: ["1", "c, d"]}}'
    )


def test_what_has_a_value_already_is_not_written_over() -> None:
    with pytest.raises(UsageError, match=r"`tasks\.a\.retry` has a value"):
        yaml("tasks: {a: {run: x, retry: 2}}", {"tasks": {"a": {"retry": 3}}})


def test_blank_lines_that_belong_to_a_text_are_not_taken_from_it() -> None:
    before = "tasks:\n  a:\n    run: |+\n      one\n\n  b: y\n"
    assert (
        yaml(before, RETRY)
        == "tasks:\n  a:\n    run: |+\n      one\n\n    retry: {max_attempts: 3}\n  b: y\n"
    )


WORDS = st.sampled_from(["a", "b", "true", "1", "x y", "ü", '"', "#", "1e3"])
ENTRIES = st.recursive(
    st.one_of(WORDS, st.integers(0, 9)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)


@given(
    tasks=st.dictionaries(
        st.sampled_from("abc"),
        st.one_of(WORDS, st.fixed_dictionaries({"run": WORDS}, optional={"env": ENTRIES, "x": ENTRIES})),
        min_size=1,
    ),
    indent=st.sampled_from([None, 1, 2, "\t"]),
    data=st.data(),
)
def test_json_comes_out_as_what_was_there_and_what_is_new(
    tasks: dict[str, Any], indent: Any, data: Any
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(tasks)), unique=True))
    patch = {"max_concurrent": 5, "tasks": {name: {"retry": {"max_attempts": 3}} for name in chosen}}
    new = patched(json.dumps({"tasks": tasks}, indent=indent), patch, Form.JSON)
    for name in chosen:
        entry = tasks[name] if isinstance(tasks[name], dict) else {"run": tasks[name]}
        tasks[name] = {**entry, "retry": {"max_attempts": 3}}
    assert json.loads(new) == {"tasks": tasks, "max_concurrent": 5}


def test_a_file_keeps_its_permissions_its_mark_and_its_link(tmp_path: Any) -> None:
    real = tmp_path / "real.yaml"
    real.write_bytes("\ufefftasks: {a: echo}\r\n".encode())
    real.chmod(0o640)
    (tmp_path / "weft.yaml").symlink_to("real.yaml")
    rewrite(tmp_path / "weft.yaml", RETRY)
    assert real.read_bytes().decode() == "\ufefftasks: {a: {run: echo, retry: {max_attempts: 3}}}\r\n"
    assert real.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "weft.yaml").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.yaml", "weft.yaml"]
