"""A power cut between storing an act and dropping its draft makes no second act and loses no rating code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade.cases.writing import Writer
from stations.web.drafts import Drafts
from tests.facade.counter import PERMIT
from tests.web.counterdesk import Counter, Desk, Page, serving

HERE = f"/receive/{PERMIT}"
TOKEN = re.compile(r"[0-9A-Z]{4}(?: [0-9A-Z]{4})+")


@contextmanager
def cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """Serve; whatever is signed meanwhile, its draft is still there when the power is back."""
    with monkeypatch.context() as patched, serving(folder) as counter:
        patched.setattr(Drafts, "drop", lambda *_: None)
        yield counter


def typed(desk: Desk, page: str, **fields: str) -> Page:
    form = desk.get(page)
    sent = {"draft": form.field("draft"), **fields}
    assert desk.send(f"{page.partition('?')[0]}/draft", sent).status == 200
    return form


def signed(desk: Desk, page: str, form: Page, **fields: str) -> Page:
    return desk.send(page, {"draft": form.field("draft"), "once": form.field("once"), **fields})


def cases(counter: Counter) -> list[str]:
    with counter.ledger() as ledger:
        rows = ledger.worklist(now_ms=counter.clock.now_ms(), include_closed=True)
        return sorted(row.number for row in rows)


def test_a_receipt_that_was_stored_is_not_signed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, fields = tmp_path / "county", {"applicant.name": "停电人", "f.materials": "m01"}
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("C1")
        form = typed(desk, HERE, **fields)
        answer = signed(desk, HERE, form, **fields)
        slip = answer.headers["Location"]
        token = TOKEN.findall(desk.get(slip).text)
        clock, numbers = counter.clock, cases(counter)
        assert len(numbers) == 1 and len(token) == 1
    link = f"{HERE}?draft={form.field('draft')}"
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        listed = desk.get("/receive").text
        assert link in listed and "停电前已签名入库" in listed
        opened = desk._ask("GET", link, b"", {})
        assert (opened.status, opened.headers["Location"]) == (303, slip)
        page = desk.get(slip).text
        assert "没有再签第二份" in page and TOKEN.findall(page) == token
        assert link not in desk.get("/receive").text and not list((folder / "drafts").iterdir())
        assert cases(counter) == numbers
    with serving(folder, clock=clock) as counter:
        page = counter.desk("C1").get(slip).text
        assert not TOKEN.findall(page) and "补打的回执不带评价码" in page


def test_a_draft_that_is_open_twice_is_signed_once(tmp_path: Path) -> None:
    folder, fields = tmp_path / "county", {"applicant.name": "两页人", "f.materials": "m01"}
    other = {**fields, "applicant.name": "别的人"}
    with serving(folder) as counter:
        desk, elsewhere, clock = counter.desk("C1"), counter.desk("C1"), counter.clock
        link = f"{HERE}?draft={typed(desk, HERE, **fields).field('draft')}"
        # Two tabs, and another machine of the same person: each page has a one-time word of its own.
        tabs = [desk.get(link), desk.get(link), elsewhere.get(link)]
        assert len({tab.field("once") for tab in tabs}) == 3
        slip = signed(desk, HERE, tabs[0], **fields).headers["Location"]
        for at, tab in ((desk, tabs[1]), (elsewhere, tabs[2])):
            assert signed(at, HERE, tab, **fields).headers["Location"] == slip
            assert "没有再签第二份" in (page := at.get(slip).text) and "停电前" not in page
            asked = signed(at, HERE, tab, **other)
            assert asked.code == "web.signed_before" and "停电前" not in asked.text
        assert len(cases(counter)) == 1
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        assert signed(desk, HERE, tabs[1], **fields).headers["Location"] == slip
        asked = signed(desk, HERE, tabs[1], **other)
        assert asked.code == "web.signed_before"
        assert signed(desk, HERE, asked, **other).status == 303 and len(cases(counter)) == 2


def test_the_same_form_sent_again_leads_to_what_it_became_and_another_one_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "county"
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("C1")
        form, other = (typed(desk, HERE, **{"applicant.name": name}) for name in ("先来的", "后来的"))
        slip = signed(desk, HERE, form, **{"applicant.name": "先来的"}).headers["Location"]
        signed(desk, HERE, other, **{"applicant.name": "后来的"})
        clock, numbers = counter.clock, cases(counter)
        assert len(numbers) == 2
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        # A page that was open all the while keeps what is typed, and signs.
        desk.send(f"{HERE}/draft", {"draft": form.field("draft"), "applicant.name": "先来的"})
        again = signed(desk, HERE, form, **{"applicant.name": "先来的"})
        assert (again.status, again.headers["Location"], cases(counter)) == (303, slip, numbers)
        changed = {"applicant.name": "第三个人"}
        desk.send(f"{HERE}/draft", {"draft": other.field("draft"), **changed})
        assert "第三个人" in desk.get(f"{HERE}?draft={other.field('draft')}").text
        asked = signed(desk, HERE, other, **changed)
        assert asked.code == "web.signed_before" and any(number in asked.text for number in numbers)
        assert 'value="第三个人"' in asked.text and asked.field("draft") != other.field("draft")
        assert cases(counter) == numbers
        assert signed(desk, HERE, asked, **changed).status == 303
        assert len(cases(counter)) == 3
        assert not list((folder / "drafts").iterdir())


def test_what_was_signed_and_not_stored_is_a_draft_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("store.disk_full", file="ledger.db")

    folder, fields = tmp_path / "county", {"applicant.name": "没存上的"}
    with serving(folder) as counter:
        desk = counter.desk("C1")
        form = typed(desk, HERE, **fields)
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "append_case_act", full)
            assert signed(desk, HERE, form, **fields).code == "store.disk_full"
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        assert "停电前已签名入库" not in desk.get("/receive").text
        again = desk.get(f"{HERE}?draft={form.field('draft')}")
        assert 'value="没存上的"' in again.text
        assert signed(desk, HERE, again, **fields).status == 303
        assert len(cases(counter)) == 1


def test_an_action_and_papers_that_went_back_are_not_signed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, back = tmp_path / "county", f"{HERE}/return"
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("C1")
        case = signed(desk, HERE, desk.get(HERE), **{"applicant.name": "办事人"}).headers["Location"]
        case = case.removesuffix("/slip")
        note = typed(desk, f"{case}/do/note", text="打过电话")
        heads = {"heads": note.field("heads")}
        assert signed(desk, f"{case}/do/note", note, text="打过电话", **heads).status == 303
        reason = {"f.reason": "other"}
        returned = signed(desk, back, typed(desk, back, **reason), **reason).headers["Location"]
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        assert desk.get(case).text.count("打过电话") == 2, "in the act, and in the draft that says so"
        word = note.field("draft")
        for opened in (f"{case}/do/note?draft={word}",):
            answer = desk._ask("GET", opened, b"", {})
            assert (answer.status, answer.headers["Location"]) == (303, case)
        page = desk.get(case).text
        assert "没有再签第二份" in page and page.count("打过电话") == 1
        link = re.search(rf'href="({re.escape(back)}\?draft=\w+)"', desk.get("/receive").text)
        assert link is not None
        assert desk._ask("GET", link[1], b"", {}).headers["Location"] == returned
        # The very form, sent by a page that was open all the while.
        heads = {"heads": desk.get(f"{case}/do/note").field("heads")}
        before = len(cases(counter))
        assert signed(desk, f"{case}/do/note", note, text="打过电话", **heads).status == 303
        assert len(cases(counter)) == before


def test_erasing_takes_the_draft_of_the_receipt_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "county"
    with cut(folder, monkeypatch) as counter:
        desk = counter.desk("C1")
        form = typed(desk, HERE, **{"applicant.name": "要删除的"})
        case = signed(desk, HERE, form, **{"applicant.name": "要删除的"}).headers["Location"].split("/")[2]
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        assert list((folder / "drafts").iterdir())
        for staff_no in ("C2", "C3"):
            counter.desk(staff_no).post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"})
        assert not list((folder / "drafts").iterdir())
        assert "要删除的" not in counter.desk("C1").get("/receive").text


def test_back_after_signing_leads_to_the_slip_and_to_no_empty_form(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk = counter.desk("C1")
        desk.send("/receive-way", {"way": "steps", "next": HERE})
        form = desk.get(HERE)
        fields = {"draft": form.field("draft"), "applicant.name": "往回走的人"}
        at_last = desk.send(f"{HERE}/draft/step?to=sign", fields).headers["Location"]
        assert "签名收件" in desk.get(at_last).text
        slip = signed(desk, HERE, form, **{"applicant.name": "往回走的人"}).headers["Location"]
        back = desk._ask("GET", at_last, b"", {})
        assert (back.status, back.headers["Location"]) == (303, slip)
        assert "已经签名入库" in desk.get(slip).text
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        back = desk._ask("GET", at_last, b"", {})
        assert (back.status, back.headers["Location"]) == (303, HERE)
        assert "签名收件" not in desk.get(at_last).text
        dropped = typed(desk, HERE, **{"applicant.name": "不要了的人"}).field("draft")
        desk.send(f"{HERE}/draft/drop", {"dropped": dropped})
        assert desk._ask("GET", f"{HERE}?draft={dropped}&step=more", b"", {}).headers["Location"] == HERE
