from __future__ import annotations

import pytest

from weft.model.work import Command
from weft.planning.recommend.network import others_of, ways_of
from weft.planning.recommend.script import script_of


def programs(run: str) -> list[str]:
    return [call.program for call in script_of(Command(run)).calls]


def outputs(run: str, cwd: str = ".") -> list[tuple[str, bool]]:
    return [(output.path, output.adds) for output in script_of(Command(run, cwd=cwd)).outputs]


@pytest.mark.parametrize(
    ("run", "called"),
    [
        ("a; b && c || d | e & f\ng", ["a", "b", "c", "d", "e", "f", "g"]),
        ("X=1 Y=2 a b", ["a"]),
        ("sudo -E env X=1 timeout 5 ./bin/a", ["a"]),
        ("if a; then b; else ! c; fi", ["a", "b", "c"]),
        ("for x in curl wget; do a; done", ["a"]),
        ("x=$(curl y) b", ["curl", "b"]),
        ('echo "$(curl y)"', ["curl", "echo"]),
        ("bash -c 'curl x; b'", ["curl", "b"]),
        ("a # curl x\nb", ["a", "b"]),
        ("cat <<EOF\ncurl x\nEOF\na", ["cat", "a"]),
        ("echo curl 'a; curl' \"wget; b\"", ["echo"]),
        ("a \\\n  b", ["a"]),
        ("echo 'never closed; curl x", ["echo"]),
        ("", []),
    ],
)
def test_the_programs_that_a_script_calls_are_seen_and_no_others(run: str, called: list[str]) -> None:
    assert programs(run) == called


@pytest.mark.parametrize(
    ("run", "written"),
    [
        ("a > x", [("x", False)]),
        ("a >>x 2>&1", [("x", True)]),
        ("a 2> x >| y", [("x", False), ("y", False)]),
        ("a > /dev/null", []),
        ("a > $x; b > x*; c > 'y*'", [("y*", False)]),
        ("grep '>' x; echo \"a > b\"", []),
        ("curl -o x --output=y http://a.test", [("x", False), ("y", False)]),
        ("wget -O x http://a.test", [("x", False)]),
        ("a | tee -a x", [("x", True)]),
        ("cp x y; mv y z", [("y", False), ("z", False)]),
        ("cd d && a > x", []),
        ("a > ./d/../x", [("x", False)]),
    ],
)
def test_the_files_that_a_script_writes_are_seen_where_they_are_sure(
    run: str, written: list[tuple[str, bool]]
) -> None:
    assert outputs(run) == written


def test_files_are_told_from_where_the_plan_is() -> None:
    assert outputs("a > x", cwd="d") == [("d/x", False)]
    assert script_of(Command("a < x", cwd="d")).named == ("d/x",)


def test_words_and_redirections_name_files_and_options_and_addresses_do_not() -> None:
    assert script_of(Command("./a.sh -v x http://b.test $y <z >w")).named == ("z", "a.sh", "x")


@pytest.mark.parametrize(
    ("run", "ways"),
    [
        ("curl http://a.test", [("curl", False)]),
        ("curl -X GET http://a.test; curl --request=HEAD http://a.test", [("curl", False), ("curl", False)]),
        ("curl -XPOST http://a.test", [("curl", True)]),
        ("curl -X PUT http://a.test", [("curl", True)]),
        ("curl -sSd x http://a.test", [("curl", True)]),
        ("curl --data-binary @x http://a.test", [("curl", True)]),
        ("wget --post-data=x http://a.test", [("wget", True)]),
        ("http POST a.test x=1", [("http", True)]),
        ("curl file:///x; curl http://localhost:8080/x; curl http://127.0.0.1", []),
        ("git clone x; git push; git status", [("git clone", False), ("git push", True)]),
        ("python -m pip install x; pip list", [("pip install", False)]),
        ("npm ci; npm publish; npm test", [("npm ci", False), ("npm publish", True)]),
        ("rsync -a here there; rsync -a host:here there", [("rsync", False)]),
        ("ssh host uptime", [("ssh", True)]),
        ("make curl", []),
    ],
)
def test_what_goes_over_the_network_is_known_and_whether_it_sends(
    run: str, ways: list[tuple[str, bool]]
) -> None:
    assert [(way.name, way.sends) for way in ways_of(script_of(Command(run)))] == ways


def test_an_address_tells_the_api() -> None:
    found = ways_of(
        script_of(Command("curl https://API.a.test/x; curl http://b.test:80/v2/x; curl $URL; gh api x"))
    )
    assert [way.api for way in found] == ["api.a.test", "b.test", None, "github"]


def test_what_else_a_script_calls_is_told_unless_it_is_harmless() -> None:
    assert others_of(script_of(Command("./prepare.sh && curl http://a.test | jq . | sort"))) == (
        "./prepare.sh",
    )
