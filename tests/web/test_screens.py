"""Every page has its picture in ``docs/screens``, or a true reason for having none."""

from __future__ import annotations

import re

import pytest

from tests.web.desk import Desk
from tests.web.firstpages import FIRST_PAGES
from tests.web.furniture import furnish
from tests.web.matrix import CANARY, SAMPLES
from tests.web.offices import ROOT, TOWNSHIP, Office
from tests.web.pictured import (
    DOUBTED,
    FILE,
    FIRST_LATER,
    FIRST_ROUTES,
    MOVES,
    NOT_PICTURED,
    PIECE,
    PLAYED,
    PRACTICE,
    PROGRAMS,
    STAGED,
)
from tests.web.routes import filled, routes
from tests.web.seat import ALLOWANCE

FOLDER = ROOT / "docs" / "screens"
SOMEBODY = (
    CANARY["applicant.name"], CANARY["applicant.id_no"], CANARY["applicant.phone"],
    CANARY["applicant.address"],
)  # fmt: skip


def pages() -> list[str]:
    """Return the routes that answer a browser's GET, without the interface for programs."""
    return [path for method, path in routes() if method == "GET" and not path.startswith("/api/")]


def test_every_page_is_pictured_or_says_why_not() -> None:
    shapes = {re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$"): path for path in pages()}
    shown = dict.fromkeys(FIRST_ROUTES, "first-waiting")
    for name, path, *_ in (*STAGED, *((name, path, "") for name, path, _, _ in PRACTICE)):
        bare = path.partition("?")[0]
        fitting = [route for shape, route in shapes.items() if shape.match(bare)]
        assert fitting, f"{name} pictures no page: {path}"
        # A route of fixed words is meant before one with a hole in their place.
        shown[min(fitting, key=lambda route: route.count("{"))] = name
    assert sorted(set(pages()) - set(shown) - set(NOT_PICTURED)) == [], (
        "neither pictured nor named with a reason"
    )
    assert sorted(set(NOT_PICTURED) - set(pages())) == [], "a reason for a page that is none"
    assert sorted(set(NOT_PICTURED) & set(shown)) == [], "a reason for a page that is pictured"


def test_the_pictures_are_those_that_are_named() -> None:
    named = (
        {one[0] for one in (*STAGED, *PRACTICE, *PLAYED)}
        | {name for _, name, _, _ in FIRST_PAGES}
        | {*FIRST_LATER, DOUBTED[0]}
    )
    held = {path.stem for path in FOLDER.glob("*.png")}
    assert held == named, "run make screens"
    gallery = (FOLDER / "README.md").read_text("utf-8")
    assert set(re.findall(r"\]\(([\w-]+)\.png\)", gallery)) == named


@pytest.mark.parametrize("reason", [FILE, PIECE, MOVES, PROGRAMS])
async def test_the_reasons_are_true(hall: Office, reason: str) -> None:
    samples, asked = dict(SAMPLES), 0
    async with Desk(hall) as clerk, Desk(hall) as registrar:
        await clerk.sign_in("V001")
        answer = await clerk.receive_form(ALLOWANCE, CANARY)
        samples["case"] = answer.where.split("/")[2]
        order = f"HL77{len(reason):04}"
        samples |= await furnish(
            clerk, hall.folder.parent, samples["case"], SOMEBODY, above=TOWNSHIP, order=order
        )
        await registrar.sign_in("R001")
        for route, given in NOT_PICTURED.items():
            where = filled(route, samples)
            if given != reason or not where or route == "/events":
                continue
            if route == "/pads/enter":
                where += f"?no={samples['pad']}"
            for desk in (clerk, registrar):
                got = await desk.get(where)
                if got.status >= 400:
                    continue
                asked += 1
                kind = got.headers.get("Content-Type", "")
                whole = "<!doctype" in got.text.lower()
                assert not whole, f"{route} is a page"
                if reason == FILE:
                    assert "Content-Disposition" in got.headers or not kind.startswith("text/html"), route
                if reason == MOVES:
                    assert got.status == 303 and got.where, route
    assert asked
