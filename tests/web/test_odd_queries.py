"""Addresses as nobody types them: every field of every query, and everything in braces; no page may fail."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from urllib.parse import quote

import pytest
from aiohttp import ClientTimeout, web
from yarl import URL

from stations.web.site import add_routes
from tests.web.desk import Desk
from tests.web.matrix import SAMPLES
from tests.web.offices import Office
from tests.web.routes import HOLE, filled

FIELD = re.compile(r"""quer[a-z]*(?:\.get\(|\[)"(\w+)"|"(\w+)" in (?:visit\.request\.)?query""")
ODD = (
    *("\U0010ffff", "a\U0010ffff", "\ud7ff", "\x00", "a\x00b", "9999-12-31", "0001-01-01", "-1", "1e309"),
    *("9" * 400, "１", "٣", "\u0301\u202e", "'\"<%", "[[[[", "x" * 3000),
)
BYTES = ("%ED%A0%80", "%FF", "%", "%00")
"""What is no UTF-8, and a sign that begins nothing."""
WAIT = ClientTimeout(total=30)


def _asked() -> Iterator[tuple[str, frozenset[str]]]:
    """Yield every address that is got, with the names of what its module reads behind the question mark."""
    application = web.Application()
    add_routes(application.router)
    for route in application.router.routes():
        if route.method != "GET" or route.resource is None or route.resource.canonical.startswith("/static"):
            continue
        found = [
            pair for module in _modules(route.handler) for pair in FIELD.findall(inspect.getsource(module))
        ]
        yield route.resource.canonical, frozenset(name for pair in found for name in pair if name)


def _modules(handler: Callable[..., object]) -> Iterator[ModuleType]:
    """Yield the modules of a handler and of all that it wraps."""
    module = inspect.getmodule(handler)
    assert isinstance(module, ModuleType)
    yield module
    for inner in inspect.getclosurevars(handler).nonlocals.values():
        if inspect.isfunction(inner):
            yield from _modules(inner)


def _queries(path: str, names: frozenset[str]) -> Iterator[str]:
    values = [*(quote(odd) for odd in ODD), *BYTES]
    samples = {**SAMPLES, **dict.fromkeys(HOLE.findall(path), "0" * 32)}
    place = filled(path, samples)
    for value in values:
        yield from (f"{place}?{name}={value}" for name in sorted(names))
        if {"since", "until"} <= names:
            yield f"{place}?since={value}&until={value}"
            yield f"{place}?since=0001-01-01&until={value}"
        for hole in HOLE.findall(path):
            yield filled(path, {**samples, hole: value})


def test_the_hunt_knows_the_fields_of_a_query():
    asked = dict(_asked())
    assert {"until", "since", "format"} <= asked["/monthly"]
    assert "q" in asked["/find"] and "page" in asked["/cases"] and "limit" in asked["/api/v1/worklist"]
    assert len(asked) > 50


@pytest.mark.parametrize("who", ["V001", "R001"])
async def test_no_query_makes_a_page_fail(hall: Office, who: str):
    failed, count = {}, 0
    async with Desk(hall) as desk:
        await desk.sign_in(who)
        for path, names in _asked():
            if path == "/events":
                continue
            for query in _queries(path, names):
                url = URL(hall.base + query, encoded=True)
                async with desk.session.get(url, allow_redirects=False, timeout=WAIT) as answer:
                    await answer.read()
                    count += 1
                    if answer.status >= 500:
                        failed[query[:80]] = answer.status
    assert failed == {}
    assert count > 400
