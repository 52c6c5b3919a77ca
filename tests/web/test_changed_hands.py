"""A page that was opened for somebody, or for a station, is not signed by another one, nor for another."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.facade.counter import PERMIT
from tests.web.counterdesk import Counter, Desk, serving

PIN = {"C1": "1357", "C4": "2468"}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("hands") / "county") as one:
        yield one


def with_pin(desk: Desk, staff_no: str) -> None:
    desk.sign_in(staff_no)
    assert desk.send("/pin", {"pin": PIN[staff_no], "again": PIN[staff_no]}).status == 303


def test_a_form_of_one_clerk_is_not_signed_by_the_next(counter: Counter) -> None:
    desk = Desk(counter.port)
    with_pin(desk, "C1")
    with_pin(desk, "C4")
    form = desk.get(f"/receive/{PERMIT}")
    opened, once = form.field("form"), form.field("once")
    desk.word = form.field("form")
    assert desk.send("/switch", {"staff_no": "C1", "pin": PIN["C1"], "next": "/"}).status == 303
    desk.word = opened
    refused = desk.send(f"/receive/{PERMIT}", {"once": once, "applicant.name": "换手人"})
    assert refused.status == 403 and refused.code == "web.changed_hands" and "工C1" in refused.text
    draft = desk.send(f"/receive/{PERMIT}/draft", {"applicant.name": "换手人"})
    assert draft.status == 403
    with counter.ledger() as ledger:
        assert not ledger.find("换手人")
    desk.word = desk.get("/pin").field("form")
    assert "换手人" not in desk.get(f"/receive/{PERMIT}").text
    assert desk.send("/switch", {"staff_no": "C4", "pin": PIN["C4"], "next": "/"}).status == 303
    desk.word = opened
    done = desk.send(f"/receive/{PERMIT}", {"once": once, "applicant.name": "换手人"})
    assert done.status == 303 and re.search(r"/case/[0-9a-f]+/slip", done.headers["Location"])
    page = desk.get(done.headers["Location"].removesuffix("/slip"))
    assert "工C4" in page.text


def test_a_form_of_a_locked_browser_asks_to_sign_in(counter: Counter) -> None:
    desk = Desk(counter.port)
    with_pin(desk, "C1")
    desk.word = desk.get(f"/receive/{PERMIT}").field("form")
    assert desk.send("/lock").status == 303
    answer = desk.send(f"/receive/{PERMIT}", {"once": "x", "applicant.name": "锁定人"})
    assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in")
