"""Which modules for the network a function names: seen where it is named, and nowhere else."""

from __future__ import annotations

import http
import http.client
import urllib
import urllib.request
from collections.abc import Callable
from functools import lru_cache, partial, wraps
from http import client as renamed
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest

from weft.model.rate import Rate
from weft.model.retry import Retry
from weft.model.speculation import Effects
from weft.model.task import Task
from weft.model.work import Call, Command
from weft.planning.prepare import prepare
from weft.planning.recommend.evidence import CallsApi, MaySend, NamesApi, NamesNetwork, TriedAgain
from weft.planning.recommend.function import Named, named_in
from weft.planning.recommend.recommendation import Recommendation, Scenario, Sure
from weft.planning.recommend.table import recommend
from weft.testing import plan, task
from weft.views.evidence import evidence_sentence

# None of these need be installed to be named.
httpx: Any = ModuleType("httpx")
openai: Any = ModuleType("openai")
request = "this is no attribute of `urllib`"
Session = type("Session", (), {"__module__": "requests.sessions", "get": print})
session: Any = Session()


def by_module() -> Any:
    return httpx.get("https://a.test")


def by_attribute_of_a_package() -> Any:
    return urllib.request.urlopen("https://a.test")


def by_its_function() -> Any:
    return urlopen("https://a.test")


def by_another_name() -> Any:
    return renamed.HTTPSConnection("a.test")


def by_an_instance() -> Any:
    return session.get("https://a.test")


def by_an_import_inside() -> Any:
    import requests.adapters  # noqa: PLC0415 - that is the point

    return requests.adapters


def by_a_function_inside() -> Any:
    return [lambda: httpx.get("https://a.test")]


def by_an_enclosed_name() -> Callable[[], Any]:
    client = Session()
    return lambda: client.get("https://a.test")


def decorated(function: Callable[[], Any]) -> Callable[[], Any]:
    @wraps(function)
    def around() -> Any:
        return function()

    return around


async def by_coroutine() -> Any:
    return await httpx.AsyncClient().get("https://a.test")


class Fetcher:
    def __call__(self) -> Any:
        return httpx.get("https://a.test")

    def fetch(self) -> Any:
        return httpx.get("https://a.test")


@pytest.mark.parametrize(
    ("function", "module"),
    [
        (by_module, "httpx"),
        (by_attribute_of_a_package, "urllib.request"),
        (by_its_function, "urllib.request"),
        (by_another_name, "http.client"),
        (by_an_instance, "requests"),
        (by_an_import_inside, "requests"),
        (by_a_function_inside, "httpx"),
        (by_an_enclosed_name(), "requests"),
        (by_coroutine, "httpx"),
        (partial(partial(by_module)), "httpx"),
        (decorated(by_module), "httpx"),
        (lru_cache(by_module), "httpx"),
        (Fetcher(), "httpx"),
        (Fetcher().fetch, "httpx"),
    ],
)
def test_a_module_is_seen_where_it_is_named(function: Callable[..., Any], module: str) -> None:
    assert named_in(function) == Named((module,))


def mentions() -> Any:
    return "import httpx", SimpleNamespace(requests=1).requests


def parses() -> Any:
    return urllib, request, http.HTTPStatus.OK


def calls_another() -> Any:
    return by_module()


@pytest.mark.parametrize("function", [mentions, parses, calls_another, print, dict, "{}".format, Fetcher])
def test_nothing_is_seen_where_no_module_is_named(function: Callable[..., Any]) -> None:
    assert named_in(function) == Named()


def posts() -> Any:
    return httpx.post("https://a.test")


def asks() -> Any:
    return openai.OpenAI().responses.create()


def test_what_sends_is_told() -> None:
    assert named_in(posts) == Named(("httpx",), "post")
    assert named_in(lambda: [].append) == Named()
    assert named_in(asks).apis == ("openai",)


# What is recommended


def function(id: str, called: Callable[..., Any], **declared: Any) -> Task:
    return task(id, work=Call(called), **declared)


def found(scenario: Scenario, *tasks: Task, **of_plan: Any) -> Recommendation | None:
    told = recommend(prepare(plan(*tasks, **of_plan)), 5)
    return next((each for each in told if each.scenario is scenario), None)


def test_a_function_that_names_the_network_may_be_tried_again() -> None:
    told = found(Scenario.TRANSIENT, function("a", by_module), function("b", mentions))
    assert told is not None
    assert (told.sure, told.evidence) == (Sure.POSSIBLE, (NamesNetwork("a", ("httpx",)),))
    assert told.patch == {"tasks": {"a": {"retry": {"max_attempts": 3}}}}
    assert evidence_sentence(told.evidence[0]) == "`a` names `httpx` in its code, and is tried once"


def test_one_that_sends_is_left_to_the_user_unless_twice_is_as_good_as_once() -> None:
    told = found(Scenario.TRANSIENT, function("a", posts))
    assert told is not None
    assert (told.patch, told.left) == ({}, (MaySend("a", ("httpx",), "post"),))
    assert "names `httpx` in its code, and `post`" in evidence_sentence(told.left[0])
    safe = found(Scenario.TRANSIENT, function("a", posts, effects=Effects.IDEMPOTENT))
    assert safe is not None
    assert safe.evidence == (NamesNetwork("a", ("httpx",)),)


def test_one_that_has_a_retry_is_configured() -> None:
    told = found(Scenario.TRANSIENT, function("a", posts, retry=Retry()))
    assert told is not None
    assert (told.patch, told.evidence) == ({}, (TriedAgain(("a",)),))


def test_functions_that_name_nothing_are_no_transient_failures() -> None:
    assert found(Scenario.TRANSIENT, function("a", mentions)) is None


def test_functions_that_name_an_api_get_units_of_a_rate() -> None:
    told = found(Scenario.API, function("a", asks), function("b", asks))
    assert told is not None
    assert (told.sure, told.evidence) == (Sure.POSSIBLE, (NamesApi("openai", ("a", "b"), 2),))
    assert told.patch["tasks"] == {"a": {"limits": {"openai": 1}}, "b": {"limits": {"openai": 1}}}
    assert evidence_sentence(told.evidence[0]) == (
        "the functions of 2 tasks name `openai` in their code, and take units of no limit: `a`, `b`"
    )
    assert found(Scenario.API, function("a", by_module), function("b", by_module)) is None


def test_commands_and_functions_share_the_rate_of_one_api() -> None:
    command = task("c", work=Command("openai ask"))
    told = found(Scenario.API, command, function("a", asks), limits={"openai": Rate("5/s")})
    assert told is not None
    assert told.evidence[:2] == (CallsApi("openai", ("c",), 1), NamesApi("openai", ("a",), 1))
    assert told.patch == {"tasks": {"c": {"limits": {"openai": 1}}, "a": {"limits": {"openai": 1}}}}
