"""Two patterns overlap exactly when there is a path that both cover."""

from __future__ import annotations

import re
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weft.planning.overlap import common_path, covers, overlap
from weft.planning.patterns import Branch, parse, pattern_problem
from weft.planning.places import Places

# All paths of this small world, the root of the plan (the empty path) among them.
NAMES = ["".join(letters) for n in (1, 2) for letters in product("ab.", repeat=n)]
NAMES = [name for name in NAMES if name not in (".", "..")]
PATHS = ["", *("/".join(names) for depth in (1, 2, 3) for names in product(NAMES, repeat=depth))]

UNITS = ["a", "b", ".", "*", "?", "[ab]", "[!a]", "[^b.]", "[--b]", r"\a", r"[\]a]"]
segments = st.lists(st.sampled_from(UNITS), min_size=1, max_size=3).map("".join) | st.just("**")
plain_texts = st.lists(segments, min_size=1, max_size=4).map("/".join)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A pattern, and the patterns without braces that it stands for."""
    if draw(st.booleans()):
        text = draw(plain_texts)
        return text, [text]
    before = draw(st.sampled_from(["", "a", "*", "b/", "**/"]))
    after = draw(st.sampled_from(["", "b", "*", "/a", "/"]))
    inner = draw(st.lists(st.just("") | plain_texts, min_size=2, max_size=3))
    return f"{before}{{{','.join(inner)}}}{after}", [f"{before}{text}{after}" for text in inner]


class Placed(NamedTuple):
    name: str | int
    branch: Branch


def name_regex(segment: str) -> str:
    """The names that a segment matches, by another road than that of the code under test."""
    translated = ""
    for unit in re.findall(r"\\.|\[[!^]?(?:\\.|[^\]\\])*\]|.", segment):
        if unit[0] == "[":
            translated += "(?!/)[" + unit[1:].replace("!", "^", 1)
        else:
            translated += {"*": "[^/]*", "?": "[^/]"}.get(unit) or re.escape(unit[-1])
    return r"(?!\.{0,2}/)" + translated + "/"


def written_segments(text: str) -> list[str]:
    """The segments of a pattern; a directory ends with `**`."""
    names = text.split("/")
    is_directory = names[-1] in ("", ".")
    names = [name for name in names if name not in ("", ".")]
    return [*names, "**"] if is_directory else names


def regex(names: list[str]) -> str:
    """Match a path with a slash behind each of its names."""
    return "".join("(?:[^/]+/)*" if name == "**" else name_regex(name) for name in names)


def matched(regexes: list[str], path: str) -> bool:
    whole = f"{path}/" if path not in ("", ".", "./") else ""
    return any(re.fullmatch(each, whole) for each in regexes)


def goes_below(names: list[str], other: list[str]) -> bool:
    """Whether ``other`` matches every directory that ``names`` go through at some depth."""
    for depth in range(1, len(names)):
        directory = names[:depth]
        if "**" in directory:
            return False
        if includes(other, directory):
            return True
    return False


def simplest(segment: str) -> str:
    return re.sub(r"\\(\w)", r"\1", re.sub(r"\*+", "*", segment))


def includes(names: list[str], directory: list[str]) -> bool:
    if not names or not directory:
        return not directory and all(name == "**" for name in names)
    first, inner = names[0], directory[0]
    if first == "**":
        return includes(names[1:], directory) or includes(names, directory[1:])
    is_literal = re.sub(r"\\(.)", r"\1", inner) if not re.search(r"(?<!\\)[*?[]", inner) else None
    if is_literal is not None:
        fits = re.fullmatch(name_regex(first), f"{is_literal}/") is not None
    else:
        fits = simplest(first) in ("*", simplest(inner))
    return fits and includes(names[1:], directory[1:])


def is_sound(text: str, expanded: list[str]) -> bool:
    beside = any(each.startswith("/") or ".." in each.split("/") for each in expanded)
    return not beside and pattern_problem(text) is None


@given(texts(), texts())
def test_patterns_overlap_exactly_when_a_path_is_under_both(
    a: tuple[str, list[str]], b: tuple[str, list[str]]
) -> None:
    assume(is_sound(*a) and is_sound(*b))
    written_a, written_b = ([written_segments(text) for text in expanded] for _, expanded in (a, b))
    one_below = any(goes_below(x, y) or goes_below(y, x) for x, y in product(written_a, written_b))
    witness = overlap(parse(a[0]), parse(b[0]))
    regexes_a, regexes_b = list(map(regex, written_a)), list(map(regex, written_b))
    if witness is None:
        joined_a, joined_b = re.compile("|".join(regexes_a)), re.compile("|".join(regexes_b))
        assert [path for path in PATHS if covered_by(joined_a, path) and covered_by(joined_b, path)] == []
        assert not one_below
    elif matched(regexes_a, witness) and matched(regexes_b, witness):
        pass
    else:
        assert one_below, "no false overlap"
        above = [witness[: slash.start()] for slash in re.finditer("/", witness)]
        assert any(
            matched(inner, witness) and any(matched(outer, path) for path in above)
            for inner, outer in ((regexes_a, regexes_b), (regexes_b, regexes_a))
        )


def covered_by(compiled: re.Pattern[str], path: str) -> bool:
    return compiled.fullmatch(f"{path}/" if path else "") is not None


@given(plain_texts, plain_texts)
def test_the_path_told_is_as_short_as_can_be(a: str, b: str) -> None:
    assume(is_sound(a, [a]) and is_sound(b, [b]))
    witness = overlap(parse(a), parse(b))
    regex_a, regex_b = re.compile(regex(written_segments(a))), re.compile(regex(written_segments(b)))
    shortest = next((path for path in PATHS if covered_by(regex_a, path) and covered_by(regex_b, path)), None)
    if shortest is not None:
        assert witness is not None
        depth = 0 if witness == "." else witness.count("/") + 1
        assert depth <= (shortest.count("/") + 1 if shortest else 0)


@given(plain_texts, plain_texts)
def test_overlap_does_not_depend_on_which_comes_first(a: str, b: str) -> None:
    assume(is_sound(a, [a]) and is_sound(b, [b]))
    assert (overlap(parse(a), parse(b)) is None) == (overlap(parse(b), parse(a)) is None)


@given(plain_texts, plain_texts, plain_texts)
def test_what_overlaps_the_narrow_one_overlaps_what_covers_it(wide: str, narrow: str, other: str) -> None:
    assume(all(is_sound(text, [text]) for text in (wide, narrow, other)))
    if covers(parse(wide).branches[0], parse(narrow).branches[0]) and overlap(parse(narrow), parse(other)):
        assert overlap(parse(wide), parse(other)) is not None


@given(st.lists(plain_texts, max_size=30), plain_texts)
def test_those_that_overlap_are_found_among_many(known: list[str], asked: str) -> None:
    known = [text for text in known if is_sound(text, [text])]
    assume(is_sound(asked, [asked]))
    places: Places[Placed] = Places()
    branches = {branch.segments: branch for text in known for branch in parse(text).branches}
    for number, branch in enumerate(branches.values()):
        places.add(Placed(number, branch))
    question = parse(asked).branches[0]
    met = [placed.name for placed in places.overlapping(question)]
    assert len(met) == len(set(met))
    known_ones = enumerate(branches.values())
    assert sorted(met) == [
        number for number, branch in known_ones if common_path(branch, question) is not None
    ]


@pytest.mark.parametrize("number", range(0, 100, 7))
def test_in_a_large_directory_the_right_few_are_found(number: int) -> None:
    places: Places[Placed] = Places()
    for each in range(100):
        for text in (f"d/in{each}.csv", f"d/in{each}_*.csv", f"d/*_{each}.log", f"d/sub{each}/x"):
            places.add(Placed(text, parse(text).branches[0]))
    places.add(Placed("d/**/x", parse("d/**/x").branches[0]))

    def found(text: str) -> list[str]:
        return sorted(str(placed.name) for placed in places.overlapping(parse(text).branches[0]))

    assert found(f"d/in{number}.csv") == [f"d/in{number}.csv"]
    assert found(f"d/in{number}_a.csv") == [f"d/in{number}_*.csv"]
    assert found(f"d/q_{number}.log") == [f"d/*_{number}.log"]
    assert found(f"d/sub{number}/*") == ["d/**/x", f"d/sub{number}/x"]
    assert found(f"d/in{number}_b*") == sorted(
        [f"d/in{number}_*.csv", *(f"d/*_{each}.log" for each in range(100))]
    )


@pytest.mark.parametrize(
    ("a", "b", "witness"),
    [
        ("out/*.json", "out/*.csv", None),
        ("out", "out/a", "out/a"),
        ("src/", "src", "src"),
        ("out", "out/*.c", "out/.c"),
        ("out", "out/sub/", "out/sub"),
        ("src/**/*.py", "src/table.json", None),
        ("src/**/*.py", "src/table.json/", "src/table.json/.py"),
        ("**/*.py", "**/*.json", None),
        ("pkg/*", "pkg/*/a.c", "pkg/a/a.c"),
        ("src/*.json", "src/*/a.c", None),
        ("**/x", "*/x/y", "a/x/y"),
        ("x", "**/x/y", None),
        ("src/**/*.py", "src/lib/[ab]*", "src/lib/a.py"),
        ("a/**/b", "a/**/c/**/b", "a/c/b"),
        ("*.d", "x.d/y", "x.d/y"),
        (".?", "?.", None),
        ("ab*", "*bc", "abc"),
        ("[a-m]*", "[n-z]*", None),
        ("{a,b}/x", "{b,c}/x", "b/x"),
        ("db:orders/42", "db:orders", "db:orders/42"),
        ("db:orders/*", "db:orders/42", "db:orders/42"),
        ("db:orders", "db:orders2", None),
        ("db:orders", "api:orders", None),
        ("db:orders", "orders", None),
        ("**", "a", "a"),
        ("../*", "../x/y", "../x/y"),
        ("?", "ä", "ä"),
    ],
)
def test_overlaps_as_people_meet_them(a: str, b: str, witness: str | None) -> None:
    assert overlap(parse(a), parse(b)) == witness


@pytest.mark.parametrize(
    ("a", "b", "witness"),
    [
        ("/srv/*/a", "a", "a"),
        ("../plan/a", "a", "a"),
        ("..", "a/b", "a/b"),
        ("/srv/plan/../x", "../x/*", "/srv/x/a"),
        ("/srv/planets", "**", None),
    ],
)
def test_with_a_root_it_is_known_how_paths_lie_to_each_other(a: str, b: str, witness: str | None) -> None:
    assert overlap(parse(a, "/srv/plan"), parse(b, "/srv/plan")) == witness


def test_patterns_made_to_be_slow_are_decided_at_once() -> None:
    stars = "*a" * 100 + "*c"
    assert overlap(parse(stars), parse("a" * 250 + "b")) is None
    assert overlap(parse(stars), parse("*b" * 100)) is None
    depths = "**/a/" * 40
    assert overlap(parse(depths + "b"), parse(depths + "c")) is None
    assert overlap(parse("x/" * 2_000 + "*"), parse("x/" * 2_000 + "y")) is not None
