"""Forms besides receipts and actions are kept while they are filled in, whatever becomes of the machine."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.facade import Home
from ledger.types import CaseId
from stations.web.drafts import Draft, Drafts
from stations.web.typed import FORMS, title_of
from tests.facade.counter import COUNTY
from tests.sheetin.workbooks import make
from tests.web.counterdesk import Counter, Desk, serving
from tests.web.offices import ROOT, VILLAGE, Office, found_hall
from tests.web.seat import Seat, take_seat
from tests.web.test_actions import received
from tests.web.test_orders import imported
from tests.web.test_roster import imported as roster_imported
from tests.web.test_roster import name_of, people

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WORDS = "ab12cd34ef56ab12", "1234567890abcdef"
TEMPLATES = ROOT / "stations/web/templates"
REPLY = "已派人去看，路灯的电缆要换，等供电所三天。"


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("typed") / "county") as one:
        yield one


def typed(desk: Desk, action: str, page: str, word: str, **fields: str) -> None:
    """Keep what stands in a form, as the page's script does."""
    sent = {"draft": word, "kept.action": action, "kept.page": page, **fields}
    answer = desk.send("/typed", sent)
    assert answer.status == 200 and json.loads(answer.raw) == {"kept": True}, answer.text


def drafts(folder: Path, staff_no: str, station: str = COUNTY) -> list[Draft]:
    return Drafts(Home(folder), os.urandom).of(staff_no, station)


def test_a_restart_loses_no_form_and_no_form_is_somebody_elses(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk, clock = counter.desk("C1"), counter.clock
        case = received(desk, "平台人")
        imported(desk, tmp_path, [["HL1", "路灯不亮", "", "", "2026-03-01", "2026-03-20", "", ""]])
        name = name_of(roster_imported(desk, tmp_path, people(2)))
        desk.post(f"/roster/{name}/tick", {"row": "1", "on": "1"})
        forms = {
            "/orders": ("/orders/answer", {"order_no": "HL1", "version": "0", "reply": REPLY}),
            "/platform": ("/platform/enter", {"case": case, "f.external_no": "33038226001"}),
            f"/roster/{name}/sign": (f"/roster/{name}/sign", {"f.location": "东门村文化礼堂"}),
        }
        for at, (page, (action, fields)) in enumerate(forms.items()):
            typed(desk, action, page, f"{at:016x}", **fields)
        raw = b"".join(one.read_bytes() for one in (folder / "drafts").iterdir())
        assert REPLY.encode() not in raw and b"33038226001" not in raw and b"HL1" not in raw
    with serving(folder, clock=clock) as counter:
        desk, other = counter.desk("C1"), counter.desk("C4")
        today = desk.get("/").text
        for at, (page, (action, fields)) in enumerate(forms.items()):
            where, text = f"{page}?draft={at:016x}", list(fields.values())[-1]
            # Offered on its page and on the first one; filled in only where somebody asked for it.
            assert f'href="{where}"' in desk.get(page).text and f'href="{where}"' in today, page
            assert "data-unsigned=" not in desk.get(page).text
            opened = desk.get(where).text
            assert "data-unsigned=" in opened and f'data-action="{action}"' in opened and text in opened
            assert text not in other.get(page).text + other.get(where).text
        # What is sent and taken is over; the others wait.
        sent = {**forms["/orders"][1], "draft": f"{0:016x}"}
        assert desk.send("/orders/answer", sent).status == 303
        assert "?draft=" not in desk.get("/orders").text and len(drafts(folder, "C1")) == 2
        # A page that is still open does not bring it back.
        typed(desk, "/orders/answer", "/orders", f"{0:016x}", reply="又写")
        assert len(drafts(folder, "C1")) == 2
        desk.post("/typed/drop", {"dropped": f"{1:016x}", "back": "/platform"})
        assert "?draft=" not in desk.get("/platform").text
        # A list that is put away takes along what was typed for it.
        desk.post(f"/roster/{name}/drop")
        assert drafts(folder, "C1") == []


def test_what_is_refused_goes_on_as_the_same_form(counter: Counter, tmp_path: Path) -> None:
    desk = counter.desk("C1")
    case = received(desk, "拒绝人")
    bad = {"case": case, "f.external_no": "33038226009", "f.entered_on": "2999-01-01"}
    typed(desk, "/platform/enter", "/platform", WORDS[0], **bad)
    refused = desk.send("/platform/enter", {"draft": WORDS[0], **bad})
    assert refused.status == 409 and "data-typed-sent=" in refused.text and WORDS[0] in refused.text
    assert f"draft={WORDS[0]}" not in refused.text, "it is not offered beside itself"
    assert [one.word for one in drafts(counter.folder, "C1")] == [WORDS[0]]
    taken = desk.send("/platform/enter", {"draft": WORDS[0], "case": case, "f.external_no": "33038226009"})
    assert taken.status == 303 and drafts(counter.folder, "C1") == []


def test_what_is_written_down_while_its_form_ends_does_not_come_back(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = counter.desk("C1")
    case, keep, ends = received(desk, "迟到人"), Drafts.keep, [desk]

    def keep_late(drafts: Drafts, draft: Draft) -> None:
        if ends:
            # On the way to the disk: the page of the same browser ends the form meanwhile.
            gone = {"dropped": WORDS[1], "back": "/platform"}
            assert ends.pop().send("/typed/drop", gone).status == 303
        keep(drafts, draft)

    monkeypatch.setattr(Drafts, "keep", keep_late)
    typed(desk, "/platform/enter", "/platform", WORDS[1], case=case, **{"f.external_no": "33038226010"})
    assert not ends and drafts(counter.folder, "C1") == []


def test_an_address_for_forms_alone_leads_to_the_page_of_the_form(counter: Counter) -> None:
    desk = counter.desk("C1")
    for path, page in (
        ("/orders/answer", "/orders"),
        ("/platform/enter?draft=ab12cd34ef56ab12&q=x", "/platform?draft=ab12cd34ef56ab12"),
        ("/safe/sync", "/safe"),
        ("/lock", "/"),
    ):
        answer = desk._ask("GET", path, b"", {})
        assert (answer.status, answer.headers["Location"]) == (303, page)
    assert desk.get("/api/v1/receive").status == 405


def test_erasing_takes_along_forms_that_name_the_case(counter: Counter) -> None:
    desk = counter.desk("C1")
    gone, stays = received(desk, "钱删除"), received(desk, "孙留下")
    fields = {"f.external_no": "330382"}
    typed(desk, "/platform/enter", "/platform", WORDS[0], case=gone, **fields)
    typed(desk, "/platform/enter", f"/case/{stays}", WORDS[1], case=stays, **fields)
    late = counter.desk("C4")
    late.word = late.get("/platform").field("form")
    late.send("/lock")
    late.send("/platform/enter", {"case": gone, **fields})
    waiting = len(list((counter.folder / "unsigned").iterdir()))
    with counter.ledger() as ledger:
        by = ledger.state(CaseId(bytes.fromhex(gone)))[1].case_type.actions["erase"].by
    erasing = counter.desk("C3" if "head" in by else "C2")
    assert not erasing.post(f"/case/{gone}/do/erase", {"f.ground": "applicant_request"}).code
    assert [one.word for one in drafts(counter.folder, "C1")] == [WORDS[1]]
    assert len(list((counter.folder / "unsigned").iterdir())) == waiting - 1
    # Typed when it was erased already: it goes when its author is back.
    typed(desk, "/platform/enter", "/platform", WORDS[0], case=gone, **fields)
    counter.desk("C1")
    assert [one.word for one in drafts(counter.folder, "C1")] == [WORDS[1]]
    assert f"/case/{stays}?draft={WORDS[1]}" in desk.get(f"/case/{stays}").text


def test_what_opens_something_is_never_kept(counter: Counter) -> None:
    desk, secrets = counter.desk("C1"), ("passphrase", "again", "pin", "code")
    typed(desk, "/enrol", "/enrol", WORDS[0], name="新来的", **dict.fromkeys(secrets, "never kept"))
    kept = next(one for one in drafts(counter.folder, "C1") if one.word == WORDS[0])
    assert dict(kept.form) == {"name": ["新来的"]}
    refused = desk.send("/typed", {"draft": "f" * 16, "kept.action": "/join-again", "code": "never kept"})
    assert refused.status == 422 and "f" * 16 not in {one.word for one in drafts(counter.folder, "C1")}
    bad = desk.send("/typed", {"draft": "../../ledger", "kept.action": "/enrol", "name": "x"})
    assert bad.status == 403 and bad.code == "web.form"


def test_each_form_in_which_people_type_is_kept_or_left_out_on_purpose() -> None:
    left_out = (ROOT / "docs/storage.md").read_text("utf-8").partition("Left out on purpose")[2]
    named = set(re.findall(r"`(/[^`]*)`", left_out.partition("\n## ")[0].partition("\n### ")[0]))
    kept, seen = set(), set()
    for template in sorted(TEMPLATES.glob("*.html")):
        text = template.read_text("utf-8")
        for head, body in re.findall(r"<form ([^>]*method=\"post\".*?)>\n?(.*?)</form>", text, re.DOTALL):
            written = "{{ text(" in body or "<textarea" in body or "key_choice(" in body
            written = written or re.search(r"<input(?![^>]*type=\"(?:hidden|checkbox|radio|file)\")", body)
            action = re.search(r'action="([^"]*)"', head)
            where = "" if action is None else re.sub(r"{{.*?}}", "x", action.group(1))
            if "draft_kept(" in body:
                continue
            if "data-draft=" in head:
                assert title_of(where), where
                kept.add(title_of(where))
            elif written:
                seen.add(where)
    assert kept == {words for _, words in FORMS}
    patterns = [re.compile(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(one))) for one in named]
    missed = [one for one in seen if not any(pattern.fullmatch(one) for pattern in patterns)]
    assert not missed, "neither kept nor named in docs/storage.md"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    one = found_hall(tmp_path_factory.mktemp("cut"))
    one.start()
    try:
        yield one
    finally:
        one.stop()


def _orders(seat: Seat, folder: Path) -> None:
    head = ["工单号", "诉求标题", "反映人", "来电号码", "派单时间", "截止时间", "承办部门", "回复内容"]
    rows = [[f"HL{n}", f"第{n}单", "", "", "2026-03-01", "", "", ""] for n in range(3)]
    book = make(folder / "orders.xlsx", 工单=[head, *rows])
    seat.go("/orders")
    seat.page.locator("#file").set_input_files(str(book))
    with seat.page.expect_navigation():
        seat.page.locator('form[action="/orders"] button').click()


@pytest.mark.layer("browser")
def test_after_a_power_cut_every_form_is_found_and_sent(
    office: Office, chromium_browser: Browser, tmp_path: Path
) -> None:
    clerk, registrar = take_seat(chromium_browser, office), take_seat(chromium_browser, office)
    clerk.sign_in("T001")
    registrar.sign_in("R001")
    _orders(clerk, tmp_path)
    clerk.page.locator("details summary", has_text="答复").nth(1).click()
    order = clerk.page.locator("article.order", has_text="HL1")
    order.locator("textarea").fill(REPLY)
    order.get_by_text("已存本机，停电也在").wait_for()
    bodies: list[str] = []
    registrar.page.on(
        "request", lambda one: bodies.append(one.post_data or "") if "/typed" in one.url else None
    )
    registrar.go("/enrol")
    registrar.page.locator("#no").fill("W077")
    registrar.page.locator("#name").fill("钱新来")
    registrar.page.locator("#passphrase").fill("never to be kept")
    registrar.page.locator('form[action="/enrol"]').get_by_text("已存本机，停电也在").wait_for()
    assert bodies and "never to be kept" not in "".join(bodies)
    invites = registrar.context.new_page()
    invites.goto(f"{office.base}/stations/{VILLAGE}")
    invites.locator("#addresses").fill("https://10.1.1.5:8443\nhttps://10.1.1.6:8443")
    invites.locator("form", has=invites.locator("#addresses")).get_by_text("已存本机，停电也在").wait_for()
    office.kill()
    office.start()
    clerk, registrar = take_seat(chromium_browser, office), take_seat(chromium_browser, office)
    clerk.sign_in("T001")
    assert "您还有没填完的表" in clerk.text()
    clerk.go("/orders")
    assert clerk.page.locator(f"textarea >> text={REPLY}").count() == 0, "a fresh page is not filled in"
    clerk.page.locator("section.drafts a").click()
    shown = clerk.page.locator("article.order").first
    assert "HL1" in shown.inner_text() and shown.locator("textarea").input_value() == REPLY
    shown.locator("form button").click()
    clerk.page.get_by_text("已记下").first.wait_for()
    clerk.go("/orders")
    assert not clerk.page.locator("section.drafts").count()
    registrar.sign_in("R001")
    registrar.go("/enrol")
    registrar.page.locator("section.drafts a").click()
    assert registrar.page.locator("#name").input_value() == "钱新来"
    assert registrar.page.locator("#passphrase").input_value() == ""
    registrar.go(f"/stations/{VILLAGE}")
    registrar.page.locator("section.drafts a").click()
    assert registrar.page.locator("#addresses").input_value().startswith("https://10.1.1.5:8443\n")
    assert not clerk.problems and not registrar.problems


@pytest.mark.layer("browser")
def test_a_form_that_was_refused_keeps_its_words_and_its_draft(
    office: Office, chromium_browser: Browser
) -> None:
    seat = take_seat(chromium_browser, office)
    seat.sign_in("R001")
    seat.go("/stations/new")
    seat.page.locator("#station").fill("99012100129X")
    seat.page.locator("#name").fill("南门村便民服务站")
    seat.page.locator("#level").select_option("village")
    seat.page.locator("#upstream").select_option(index=1)
    seat.page.get_by_text("已存本机，停电也在").wait_for()
    assert "/stations/new?draft=" in seat.page.url
    word = seat.page.locator('form[action="/stations/new"] input[name="draft"]').input_value()
    with seat.page.expect_navigation():
        seat.page.locator('form[action="/stations/new"] button').click()
    assert seat.page.locator("#name").input_value() == "南门村便民服务站"
    assert seat.page.locator('form[action="/stations/new"] input[name="draft"]').input_value() == word
    assert not seat.page.locator("section.drafts").count()
    seat.page.locator("#station").fill("990121001299-00")
    with seat.page.expect_navigation():
        seat.page.locator('form[action="/stations/new"] button').click()
    seat.go("/stations/new")
    assert not seat.page.locator("section.drafts").count()
    assert not [one for one in seat.problems if "status of 4" not in one]


@pytest.mark.layer("browser")
def test_the_last_words_go_along_when_a_page_is_left_at_once(
    office: Office, chromium_browser: Browser
) -> None:
    seat = take_seat(chromium_browser, office)
    seat.sign_in("R001")
    seat.go(f"/stations/{VILLAGE}")
    seat.page.locator("#addresses").fill("https://10.1.1.7:8443")
    seat.go("/more")
    seat.page.wait_for_timeout(500)
    seat.go("/")
    seat.page.locator("section.drafts a", has_text="https://10.1.1.7:8443").click()
    assert seat.page.locator("#addresses").input_value() == "https://10.1.1.7:8443"
    assert not seat.problems
