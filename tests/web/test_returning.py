"""Told on the spot: papers go back by a page of their own, and by the page of a case that was received."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ledger.data import VILLAGE_PROOF_ITEM as PROOFS
from ledger.types import CaseId
from tests.facade.counter import FELLING, PERMIT
from tests.web.counterdesk import Counter, Desk, serving
from tests.web.test_platform import receive as receive_at


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("returning") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("C1")


def _status(counter: Counter, case: str) -> str:
    with counter.ledger() as ledger:
        return ledger.state(CaseId(bytes.fromhex(case)))[0].status


def _counts(desk: Desk) -> list[str]:
    """Return what the hall screen counts: received today, in hand, ready."""
    return re.findall(r'class="big">(\d+)<', desk.get("/hall").text)


def test_papers_go_back_without_being_received(counter: Counter, desk: Desk) -> None:
    form = desk.get(f"/receive/{PERMIT}")
    assert f'href="/receive/{PERMIT}/return"' in form.text
    before = _counts(desk)
    where, once = f"/receive/{PERMIT}/return", desk.get(f"/receive/{PERMIT}/return").field("once")
    wrong = desk.post(where, {"once": once, "f.go_to": "二号窗口", "applicant.name": "退件人"})
    assert (wrong.status, wrong.code) == (422, "case.facts_missing")
    assert 'value="二号窗口"' in wrong.text and 'value="退件人"' in wrong.text
    fields = {"once": once, "f.reason": "materials_missing", "f.missing": "m01", "applicant.name": "退件人"}
    done = [desk.send(where, fields) for _ in range(2)]
    assert [one.status for one in done] == [303, 303]
    assert len({one.headers["Location"] for one in done}) == 1, "sent twice, done once"
    page = desk.get(done[0].headers["Location"])
    assert "材料请交还申请人" in page.text and "退件人" in page.text
    assert _status(counter, done[0].headers["Location"].rpartition("/")[2]) == "returned"
    assert re.search(r"/print/[0-9a-f]+", page.text), "the paper that whoever asks is given"
    assert "起算法定时限" not in page.text and _counts(desk) == before
    day = desk.get("/day-clear").text
    assert "退件人" in day.partition('id="part-returned"')[2].partition("</section>")[0]
    assert "退件人" not in desk.get("/").text


def test_papers_of_a_received_case_go_back(counter: Counter, desk: Desk) -> None:
    case = receive_at(desk, "先收后退")
    desk.post(f"/case/{case}/do/advise_and_return", {"f.reason": "other_office", "f.go_to": "林业局"})
    assert _status(counter, case) == "returned"


def test_whoever_is_sent_away_owes_no_name(counter: Counter, desk: Desk) -> None:
    scanned = {"applicant.id_kind": "resident", "applicant.id_no": "11010519491231002X"}
    for more in ({}, {"text": "问了就走"}, scanned, {"applicant.phone": "13800000000"}):
        done = desk.send(f"/receive/{PERMIT}/return", {"f.reason": "not_in_person", **more})
        assert done.status == 303, done.text
        assert _status(counter, done.headers["Location"].rpartition("/")[2]) == "returned"


def test_a_scanned_number_is_kept_without_a_name_and_a_wrong_one_is_refused(
    counter: Counter, desk: Desk
) -> None:
    page = desk.get(f"/receive/{PERMIT}/return")
    assert f'hx-post="/receive/{PERMIT}/person"' in page.text and 'id="person-check"' in page.text
    fields = {"f.reason": "other", "applicant.id_kind": "resident", "applicant.id_no": "110101199003070019"}
    refused = desk.post(f"/receive/{PERMIT}/return", fields)
    assert (refused.status, refused.code) == (422, "identity.check_digit")
    fields["applicant.id_no"] = "110101199003070011"
    desk.post(f"/receive/{PERMIT}/return", fields)
    with counter.ledger() as ledger:
        assert [row.status for row in ledger.find("110101199003070011")] == ["returned"]


def test_who_may_not_receive_gives_nothing_back(counter: Counter) -> None:
    village = counter.desk("V1")
    refused = village.post(f"/receive/{PERMIT}/return", {"f.reason": "other"})
    assert refused.status in (403, 409), refused.code


def test_a_proof_is_chosen_before_all_else_and_only_where_there_are_proofs(counter: Counter) -> None:
    village = counter.desk("V1")
    page = village.get(f"/receive/{PROOFS}").text
    control = re.search(r'<(?:select|input)[^>]*name="f.proof_kind"[^>]*>', page)
    assert control and " required" in control.group(), page
    assert control.start() < page.index('name="applicant.name"'), "not folded away below"
    refused = village.post(f"/receive/{PROOFS}", {"applicant.name": "要证明"})
    assert refused.code == "case.proof_unknown"
    assert "f.proof_kind" not in village.get(f"/receive/{FELLING}").text
