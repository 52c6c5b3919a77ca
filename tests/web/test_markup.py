"""Markup in every text that somebody can type or publish: no page ever holds it as markup."""

from __future__ import annotations

import re

import pytest

from tests.web.desk import Desk
from tests.web.offices import HOSTILE_ITEM, HOSTILE_NO, MARKUP, TOWNSHIP, Office
from tests.web.routes import filled, routes

TAG = "<xss-canary"
HOSTILE_QUERY = "?q={0}&light={0}&since={0}&until={0}&next={0}&paper={0}&page={0}".format(
    "%22'%3E%3Cxss-canary%3E"
)


def alive(text: str) -> bool:
    """Tell whether the canary stands in a page as markup."""
    return TAG in text or re.search(r"""=\s*["'][^"'<>]*["']\s*'?>\s*<xss""", text) is not None


def test_the_check_sees():
    assert alive(f"<p>{MARKUP}</p>") and not alive("&lt;xss-canary onmouseover=xss()&gt;")


@pytest.mark.parametrize("staff_no", [HOSTILE_NO, "T001"])
async def test_no_page_takes_names_for_markup(hall: Office, staff_no: str):
    async with Desk(hall) as desk:
        await desk.sign_in(HOSTILE_NO)
        people = {
            f"{role}.{name}": f"{MARKUP}110" if name == "phone" else MARKUP
            for role in ("applicant", "agent")
            for name in ("name", "phone", "address")
        }
        more = {"agent.relation": MARKUP, "agent.authority": MARKUP, "text": MARKUP, "f.materials": "m01"}
        answer = await desk.receive(HOSTILE_ITEM, MARKUP, **{**people, **more})
        assert answer.status == 303, answer.code
        case = answer.where.split("/")[2]
        assert (await desk.post(f"/case/{case}/do/note", {"text": MARKUP})).status == 303
        handed = await desk.post(f"/case/{case}/do/hand_over", {"f.to": TOWNSHIP, "text": MARKUP})
        assert handed.status == 303
        draft = {"draft": "abad1deaabad1dea", **people}
        assert (await desk.post(f"/receive/{HOSTILE_ITEM}/draft", draft)).status == 200
    async with Desk(hall) as desk:
        await desk.sign_in(staff_no)
        seen = 0
        for method, path in routes():
            where = filled(path, {"case": case, "item": HOSTILE_ITEM, "action": "hand_over"})
            if method != "GET" or not where or path == "/events":
                continue
            for more_words in ("", HOSTILE_QUERY):
                for headers in ({}, {"HX-Request": "true"}):
                    answer = await desk.get(where + more_words, headers=headers)
                    assert answer.status < 500, where
                    if answer.headers.get("Content-Type", "").startswith("text/html"):
                        assert not alive(answer.text), (where, more_words, headers)
                        seen += "xss-canary" in answer.text
        assert seen > 15, "the canary has to come by"


async def test_refusals_repeat_nothing_as_markup(hall: Office):
    async with Desk(hall) as desk:
        await desk.sign_in(HOSTILE_NO)
        fields = {
            "applicant.id_no": MARKUP,
            "applicant.id_kind": "resident",
            "applicant.name": MARKUP,
            "at": MARKUP,
        }
        odd = {"f.to": MARKUP, "f.late_entry.written_at": MARKUP, "f.materials": MARKUP, "next": MARKUP}
        for method, path in routes():
            where = filled(path, {"case": "00" * 16, "item": HOSTILE_ITEM, "action": "hand_over"})
            if method == "POST" and where and path not in ("/lock", "/sign-out"):
                answer = await desk.post(
                    where, {**fields, **odd, "staff_no": MARKUP, "pin": MARKUP, "station": MARKUP}
                )
                assert answer.status < 500 and (
                    not alive(answer.text) or "json" in answer.headers.get("Content-Type", "")
                )
        for path in (f"/receive/{'%3Cxss-canary%3E'}", "/%3Cxss-canary%3E", "/case/%3Cxss-canary%3E"):
            assert not alive((await desk.get(path)).text)
        async with Desk(hall) as nobody:
            answer = await nobody.get("/sign-in?next=%22%3E%3Cxss-canary%3E")
            assert "xss-canary" in answer.text and not alive(answer.text)
