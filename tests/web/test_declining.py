"""On the pages: taking back or refusing what waits, and no request for a signature that nobody can give."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from ledger.cases.shape import Step
from ledger.types import CaseId
from tests.facade.counter import FELLING, FakeClock
from tests.web.counterdesk import Counter, Desk, Page, serving

SUSPEND = {"f.ground": "appraisal", "f.expected_days": "5", "f.applicant_told": "on"}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("declining") / "county") as one:
        yield one


@pytest.fixture
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


def received(desk: Desk, *, accept: bool = True) -> str:
    form = desk.get(f"/receive/{FELLING}")
    answer = desk.send(f"/receive/{FELLING}", {"once": form.field("once"), "applicant.name": "李小名"})
    assert answer.status == 303, answer.text
    case = answer.headers["Location"].split("/")[2]
    if accept:
        assert desk.post(f"/case/{case}/do/accept").code == ""
    return case


def step(counter: Counter, case: str, action: str) -> Step:
    with counter.ledger() as ledger:
        state = ledger.case(CaseId(bytes.fromhex(case))).state
    return next(one for one in state.steps if one.action == action)


def waits(text: str) -> bool:
    """Whether a page shows an act that waits, beside all that it says of waiting ones."""
    return re.search("(?<!等)待复核签字", text) is not None


def test_who_asked_takes_it_back_on_the_form(counter: Counter, desk: Desk) -> None:
    case = received(desk)
    assert f"/case/{case}/do/decline" not in offered(desk.get(f"/case/{case}"))
    assert desk.post(f"/case/{case}/do/suspend", SUSPEND).code == ""
    page = desk.get(f"/case/{case}")
    assert waits(page.text) and f"/case/{case}/do/decline" in offered(page)
    form = desk.get(f"/case/{case}/do/decline")
    asked = step(counter, case, "suspend").act.act_id.hex()
    # Only what waits can be chosen, and the one that waits is chosen already.
    assert f'value="{asked}" required checked' in form.text and form.text.count('value="' + asked) == 1
    assert step(counter, case, "accept").act.act_id.hex() not in form.text
    empty = desk.post(f"/case/{case}/do/decline", {"f.target": asked, "f.reason": ""})
    assert empty.code == "case.facts_missing"
    page = desk.post(f"/case/{case}/do/decline", {"f.target": asked, "f.reason": "天数写错"})
    assert page.status == 200 and "已由提出人撤回：天数写错" in page.text
    assert "step-ended" in page.text and "step-without" not in page.text
    assert not waits(page.text)
    assert desk.post(f"/case/{case}/do/suspend", SUSPEND).code == ""


def test_who_might_sign_refuses_and_others_may_not(counter: Counter, desk: Desk) -> None:
    case = received(desk)
    desk.post(f"/case/{case}/do/suspend", SUSPEND)
    stranger, second = counter.desk("C4"), counter.desk("C2")
    assert f"/case/{case}/do/decline" not in offered(stranger.get(f"/case/{case}"))
    refused = stranger.post(f"/case/{case}/do/decline", {"f.reason": "不行"})
    assert refused.code == "case.role"
    assert second.post(f"/case/{case}/do/decline", {"f.reason": "不需要鉴定"}).code == ""
    assert step(counter, case, "suspend").reason == "case.declined"
    assert "复核人（C2）不予复核：不需要鉴定" in second.get(f"/case/{case}").text


def test_a_program_declines_and_reads_why(counter: Counter, desk: Desk) -> None:
    case = received(desk)
    desk.post(f"/case/{case}/do/suspend", SUSPEND)
    second = counter.desk("C2")
    asked = step(counter, case, "suspend").act.act_id.hex()
    facts = {"target": asked, "reason": "材料已够"}
    answer = second.call(f"/api/v1/case/{case}/act", {"action": "decline", "facts": facts})
    assert answer.status == 200, answer.raw
    again = second.call(f"/api/v1/case/{case}/act", {"action": "decline", "facts": facts})
    assert json.loads(again.raw)["code"] == "case.nothing_pending"
    read = json.loads(second.get(f"/api/v1/case/{case}").raw)
    (line,) = [one for one in read["steps"] if one["act"] == asked]
    assert (line["weight"], line["effect"]) == ("ended", "复核人（C2）不予复核：材料已够")


def test_a_void_after_its_day_is_asked_of_nobody(counter: Counter, desk: Desk) -> None:
    clock = counter.clock
    assert isinstance(clock, FakeClock)
    case = received(desk, accept=False)
    number = step(counter, case, "receive").act.facts["number"]
    assert isinstance(number, str)
    assert desk.post(f"/case/{case}/do/void", {"f.reason": "wrong_item"}).code == ""
    colleague = counter.desk("C4")
    assert f"/case/{case}/do/countersign" in offered(colleague.get(f"/case/{case}"))
    assert number in part_of(colleague.get("/"), "pending")
    assert number in part_of(colleague.get("/day-clear"), "pending")
    clock.set("2026-03-03 09:00")
    desk, colleague = counter.desk("C1"), counter.desk("C4")
    page = colleague.get(f"/case/{case}")
    assert not waits(page.text) and "现在不能复核签字" in page.text
    assert f"/case/{case}/do/countersign" not in offered(page)
    assert f"/case/{case}/do/decline" in offered(page)
    assert number not in part_of(colleague.get("/"), "pending")
    assert number not in part_of(colleague.get("/day-clear"), "pending")
    assert number in colleague.get("/").text
    assert desk.post(f"/case/{case}/do/decline", {"f.reason": "已过当日"}).code == ""
    assert step(counter, case, "void").reason == "case.taken_back"


def offered(page: Page) -> str:
    """Return the addresses of what a case's page offers: what may not be done has none."""
    return " ".join(re.findall(r'href="(/case/[0-9a-f]+/do/[a-z_]+)"', page.text))


def part_of(page: Page, name: str) -> str:
    """Return what stands under a heading of a page, "" where it has no such heading."""
    return page.text.partition(f'id="part-{name}"')[2].partition("</section>")[0]
