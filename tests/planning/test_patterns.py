"""What the text of an access means."""

from __future__ import annotations

import pytest

from weft.errors import UsageError
from weft.planning.overlap import overlap
from weft.planning.patterns import escaped, parse, path_text, pattern_problem

ROOT = "/srv/plan"


def shown(text: str, root: str | None = None) -> list[str]:
    """The alternatives of a pattern, normalised."""
    pattern = parse(text, root)
    return [path_text(branch.segments, pattern.home) for branch in pattern.branches]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("./a", "a"),
        ("a//b/./c", "a/b/c"),
        ("a/../b", "b"),
        ("a/", "a/"),
        (".", "./"),
        ("../x", "../x"),
        ("a/../../../x", "../../x"),
        ("..", "../"),
        ("/", "/"),
        ("/../etc//x", "/etc/x"),
        ("db:orders/42", "db:orders/42"),
        ("DB:/orders/", "db:orders/"),
        ("db:../x", "db:x"),
        ("./db:orders", "db:orders"),
        ("c:x", "c:x"),
        ("src/**", "src/"),
        ("src/**/**/a", "src/**/a"),
        ("a**b", "a*b"),
        ("***", "*"),
        ("**", "./"),
        ("**/", "./"),
        ("a/**/", "a/"),
        ("/**", "/"),
        ("db:", "db:"),
        (r"a\[1].md", "a[1].md"),
        ("a}", "a}"),
        ("a,b", "a,b"),
        ("*/./a//", "*/a/"),
    ],
)
def test_a_pattern_is_brought_into_one_form(text: str, told: str) -> None:
    assert shown(text) == [told]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{a,b}", ["a", "b"]),
        ("{a,b/c,}.d", ["a.d", "b/c.d", ".d"]),
        ("x{a,{b,c}y}", ["xa", "xby", "xcy"]),
        ("{a,b}{c,d}", ["ac", "ad", "bc", "bd"]),
        ("{a,a}", ["a"]),
        ("out/{a,}", ["out/a", "out/"]),
        (r"{a\,b,\}}", ["a,b", "}"]),
        ("{*,b}/[,]", ["*/[,]", "b/[,]"]),
    ],
)
def test_braces_stand_for_each_of_their_alternatives(text: str, told: list[str]) -> None:
    assert shown(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/srv/plan/a", "a"),
        ("/srv/plan", "."),
        ("/srv/plan/", "./"),
        ("../plan/a", "a"),
        ("../x", "/srv/x"),
        ("/etc/*", "/etc/*"),
    ],
)
def test_with_a_root_all_ways_to_write_a_path_are_the_same(text: str, told: str) -> None:
    assert shown(text, ROOT) == [told]


def test_a_resource_is_no_file_but_a_file_may_look_like_one() -> None:
    assert parse("db:x").branches[0].segments == ("db:", "x")
    assert parse("./db:x").branches[0].segments == (".", "db:x")
    assert parse("c:x").branches[0].segments == (".", "c:x"), "a scheme has at least two letters"
    assert parse("a/db:x").branches[0].segments == (".", "a", "db:x")


@pytest.mark.parametrize("text", ["out/a.json", "{out/a,out/b}", "db:orders", "/x"])
def test_one_path_is_written_as_a_whole(text: str) -> None:
    assert all(branch.whole for branch in parse(text).branches)


@pytest.mark.parametrize("text", ["out/", "out/.", "a/..", ".", "/", "out/*", "out/[a]", "out/**", "db:"])
def test_a_directory_and_a_glob_may_be_written_in_part(text: str) -> None:
    assert not any(branch.whole for branch in parse(text).branches)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("a\0", "it holds a NUL character, which no path can hold"),
        ("a[", "it has a `[` that is never closed; write `\\[` for the character itself"),
        ("a[]", "it has a `[` that is never closed; write `\\[` for the character itself"),
        ("a[!]", "it has a `[` that is never closed; write `\\[` for the character itself"),
        (r"a[b\]", "it has a `[` that is never closed; write `\\[` for the character itself"),
        ("a{b,c", "it has a `{` that is never closed; write `\\{` for the character itself"),
        ("{1..3}", "it has braces without a comma between them; write `\\{` for the character itself"),
        ("a\\", "it ends with a `\\` that stands before nothing"),
        ("*/../a", "it has `..` after a glob: which directory that is can't be told"),
        ("[.]", "it has `[.]`, which no name matches"),
        ("[/]", "it has `[/]`, which no character matches"),
        ("[z-a]", "it has `[z-a]`, in which `z-a` runs backwards"),
        ("[[:alpha:]]", "it has `[:` inside brackets, which is not known here"),
        ("{a,b}" * 10, "its braces stand for more than 1,000 paths; say it with `*`"),
        ("?" * 256, "it has a name of more than 255 characters, which no file can have"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_told(text: str, problem: str) -> None:
    assert pattern_problem(text) == problem
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "text", ["?" * 255, "[]]", "[!]]", "[]-a]", "[a-]", "[\\]]", "[.][.].", "{,}a", "x" * 999]
)
def test_what_stands_just_inside_the_border_is_a_pattern(text: str) -> None:
    assert pattern_problem(text) is None


def test_a_thousand_alternatives_are_one_too_few_to_be_refused() -> None:
    ten = "{0,1,2,3,4,5,6,7,8,9}"
    assert len(parse(ten * 3).branches) == 1_000
    assert pattern_problem(f"{ten * 3}{{a,b}}")


def test_deeply_nested_braces_are_no_trouble() -> None:
    assert shown("{a," * 900 + "b" + "}" * 900) == ["a", "b"]


@pytest.mark.parametrize(
    ("pattern", "name", "matched"),
    [
        ("*", ".hidden", True),
        ("?", "ab", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[]a]", "]", True),
        ("[a-]", "-", True),
        (r"[\]]", "]", True),
        (r"[a\-c]", "b", False),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b*", "xxbxxaxx", False),
        ("a*a", "a", False),
        (r"\*", "*", True),
        (r"\*", "b", False),
        ("a?c", "a\nc", True),
    ],
)
def test_a_name_is_matched_as_a_shell_would(pattern: str, name: str, matched: bool) -> None:
    assert (overlap(parse(pattern), parse(escaped(name))) is not None) == matched


@pytest.mark.parametrize("name", ["a[1].md", "*", "{a,b}", "db:x", "a\\b", "?", "plain"])
def test_an_escaped_name_means_itself(name: str) -> None:
    assert parse(escaped(name)).branches == parse(f"./{escaped(name)}").branches
    assert shown(escaped(name)) == [name]


def test_links_are_resolved_in_what_stands_before_the_first_glob() -> None:
    asked: list[str] = []

    def resolve(path: str) -> str:
        asked.append(path)
        return path.replace("/srv/plan/link", "/data/real").replace("/../", "/up/")

    def resolved(text: str) -> str:
        pattern = parse(text, ROOT, resolve)
        return path_text(pattern.branches[0].segments, pattern.home)

    assert resolved("link/*.c") == "/data/real/*.c"
    assert resolved("link/a") == "/data/real/a"
    assert resolved("a/../b") == "a/up/b", "only the caller knows what is above a link"
    assert resolved("*.c") == "*.c"
    assert resolved("/srv/plan/link") == "/data/real"
    assert resolved("db:link") == "db:link"
    assert asked == [
        "/srv/plan/link",
        "/srv/plan/link/a",
        "/srv/plan/a/../b",
        "/srv/plan",
        "/srv/plan/link",
    ]


def test_without_a_root_links_are_resolved_in_paths_as_they_are_written() -> None:
    assert (
        parse("link/a", resolve=lambda path: path.replace("link", "real")).branches
        == parse("real/a").branches
    )
    assert parse("*", resolve=lambda path: path).branches == parse("*").branches
    assert parse("/", resolve=lambda path: path).branches == parse("/").branches


def test_a_path_that_is_resolved_to_a_relative_one_lies_below_the_plan() -> None:
    def resolve(path: str) -> str:
        return path.removeprefix("/srv/plan/")

    assert parse("a/b", ROOT, resolve) == parse("a/b", ROOT)
    assert overlap(parse("..", ROOT, resolve), parse("a/*", ROOT, resolve)) is not None
