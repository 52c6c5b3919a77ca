"""One-time words outlive the process and a working day, and belong to one person each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.facade.cases.writing import Writer
from stations.kept.backup import make_backup
from stations.kept.sealed import SealedFolder
from stations.web.browsers import DONE_MAX
from stations.web.oncewords import FORGOTTEN_MS, OnceWords, Spent
from tests.facade.counter import PERMIT, Dice
from tests.web.counterdesk import Counter, Desk, Page, serving

HERE = f"/receive/{PERMIT}"
BODY = {"item": PERMIT, "applicant": {"name": "一次词"}, "once": "job-42"}


def cases(counter: Counter) -> list[str]:
    with counter.ledger() as ledger:
        rows = ledger.worklist(now_ms=counter.clock.now_ms(), include_closed=True)
        return sorted(row.number for row in rows)


def received(desk: Desk, body: dict[str, object]) -> dict[str, object]:
    answer = desk.call("/api/v1/receive", body)
    assert answer.status == 200, answer.raw
    told: dict[str, object] = json.loads(answer.raw)
    return told


def sent(desk: Desk, once: str, name: str = "表单人") -> Page:
    return desk.send(HERE, {"once": once, "applicant.name": name, "f.materials": "m01"})


def test_the_same_word_after_a_restart_gets_the_same_answer(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk = counter.desk("C1")
        first = received(desk, BODY)
        note = {"action": "note", "text": "打过电话", "once": "job-42"}
        path = f"/api/v1/case/{first['case']}/act"
        noted = json.loads(desk.call(path, note).raw)
        assert noted["act"] != first["act"], "a word holds for what it was sent to"
        slip = sent(desk, "0123456789abcdef").headers["Location"]
        clock, numbers = counter.clock, cases(counter)
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        again = received(desk, BODY)
        assert {**again, "checkpoint": ""} == {**first, "checkpoint": ""} and again["checkpoint"]
        assert json.loads(desk.call(path, note).raw) == noted
        assert sent(desk, "0123456789abcdef").headers["Location"] == slip
        assert cases(counter) == numbers
        other = received(counter.desk("C2"), BODY)
        assert other["case"] != first["case"], "words of two people are two words"


def test_another_form_under_a_word_of_before_the_restart_is_asked_about(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk = counter.desk("C1")
        slip = sent(desk, "0123456789abcdef").headers["Location"]
        # "Back" in a browser, and another name: nobody gets the slip of who came before.
        assert sent(desk, "0123456789abcdef", "换了一个人").code == "web.signed_before"
        assert sent(desk, "0123456789abcdef").headers["Location"] == slip and len(cases(counter)) == 1
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        asked = sent(desk, "0123456789abcdef", "换了一个人")
        assert asked.code == "web.signed_before" and 'value="换了一个人"' in asked.text
        assert sent(desk, asked.field("once"), "换了一个人").status == 303 and len(cases(counter)) == 2


def test_another_body_under_a_word_of_the_api_is_refused_and_nobody_gets_anothers_case(
    tmp_path: Path,
) -> None:
    folder, other = tmp_path / "county", {**BODY, "applicant": {"name": "另一个人"}}
    note = {"action": "note", "text": "打过电话", "once": "n1"}
    others = (
        {**note, "text": "没打通"},
        {"action": "request_withdrawal", "facts": {"method": "in_person"}, "once": "n1"},
    )

    def refused(desk: Desk, path: str) -> None:
        for at, body in (("/api/v1/receive", other), *((path, one) for one in others)):
            answer = desk.call(at, body)
            assert answer.status == 409 and json.loads(answer.raw)["code"] == "web.signed_before", answer.raw

    with serving(folder) as counter:
        desk = counter.desk("C1")
        first = received(desk, BODY)
        path = f"/api/v1/case/{first['case']}/act"
        noted = json.loads(desk.call(path, note).raw)
        refused(desk, path)
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        refused(desk, path)
        assert json.loads(desk.call(path, note).raw) == noted and len(cases(counter)) == 1
        assert received(desk, BODY)["case"] == first["case"]


def test_a_form_with_a_file_sent_twice_is_signed_once(tmp_path: Path) -> None:
    folder, fields = tmp_path / "county", {"once": "0123456789abcdef", "applicant.name": "带照片的"}
    files = {"files": ("照片.png", b"\x89PNG\r\n\x1a\n")}
    with serving(folder) as counter:
        desk = counter.desk("C1")
        slip = desk.send(HERE, fields, files).headers["Location"]
        assert desk.send(HERE, fields, files).headers["Location"] == slip
        clock = counter.clock
    with serving(folder, clock=clock) as counter:
        assert counter.desk("C1").send(HERE, fields, files).headers["Location"] == slip
        assert len(cases(counter)) == 1


def test_the_same_word_after_a_long_day_is_still_known(tmp_path: Path) -> None:
    with serving(tmp_path / "county") as counter:
        desk = counter.desk("C1")
        slip = sent(desk, "0123456789abcdef").headers["Location"]
        for at in range(DONE_MAX + 4):
            desk.send("/typed/drop", {"dropped": f"{at:016x}", "back": "/"})
        assert sent(desk, "0123456789abcdef").headers["Location"] == slip and len(cases(counter)) == 1


def test_words_that_share_their_beginning_are_two(tmp_path: Path) -> None:
    with serving(tmp_path / "county") as counter:
        desk = counter.desk("C1")
        words = ("x" * 80 + end for end in "ab")
        assert len({received(desk, {**BODY, "once": once})["case"] for once in words}) == 2


def test_what_was_not_stored_may_be_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("store.disk_full", file="ledger.db")

    with serving(tmp_path / "county") as counter:
        desk = counter.desk("C1")
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "append_case_act", full)
            assert json.loads(desk.call("/api/v1/receive", BODY).raw)["code"] == "store.disk_full"
        assert not cases(counter)
        assert received(desk, BODY)["number"] and len(cases(counter)) == 1


def test_a_word_that_cannot_be_read_just_then_is_not_taken_for_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk, or a scanner of viruses, let nobody read what the form had become."""
    folder = tmp_path / "county"
    with serving(folder) as counter:
        desk = counter.desk("C1")
        first = received(desk, BODY)
        slip = sent(desk, "0123456789abcdef").headers["Location"]
        clock, numbers = counter.clock, cases(counter)
    read = SealedFolder.read

    def failing(sealed: SealedFolder, name: str) -> bytes | None:
        if sealed.names() and sealed._folder.name == "signed":
            raise StoreError("store.io", file=name, detail="EIO")
        return read(sealed, name)

    with serving(folder, clock=clock) as counter:
        desk = counter.desk("C1")
        with monkeypatch.context() as patched:
            patched.setattr(SealedFolder, "read", failing)
            assert sent(desk, "0123456789abcdef").code == "store.io"
            assert desk.call("/api/v1/receive", BODY).status >= 500
        assert cases(counter) == numbers
        assert sent(desk, "0123456789abcdef").headers["Location"] == slip
        assert received(desk, BODY)["case"] == first["case"] and cases(counter) == numbers


def test_erasing_takes_the_word_with_its_rating_token_along(tmp_path: Path) -> None:
    folder = tmp_path / "county"
    with serving(folder) as counter:
        case = received(counter.desk("C1"), BODY)["case"]
        assert list((folder / "signed").iterdir())
        for staff_no in ("C2", "C3"):
            counter.desk(staff_no).post(f"/case/{case}/do/erase", {"f.ground": "applicant_request"})
        assert not list((folder / "signed").iterdir())


def test_a_backup_holds_no_word(tmp_path: Path) -> None:
    """Rating codes stand in no record, and digests of what was typed would outlive an erasure there."""
    folder = tmp_path / "county"
    with serving(folder) as counter:
        received(counter.desk("C1"), BODY)
        with counter.ledger() as ledger:
            made = make_backup(ledger, tmp_path / "backup", now_ms=counter.clock.now_ms())
    words = {path.name for path in (folder / "signed").iterdir()}
    assert words and not words & {path.name for path in made.folder.rglob("*")}
    assert not (made.folder / "signed").exists()


def test_a_word_is_forgotten_when_no_page_can_carry_it(tmp_path: Path) -> None:
    with serving(tmp_path / "county") as counter, counter.ledger() as ledger:
        words = OnceWords(ledger.home, Dice("words"))
        words.spend("C1", "w", Spent(where="/x", at_ms=1000))
        words.drop_old(1000 + FORGOTTEN_MS)
        assert words.spent("C1", "w") is not None and words.spent("C2", "w") is None
        words.drop_old(1001 + FORGOTTEN_MS)
        assert words.spent("C1", "w") is None
