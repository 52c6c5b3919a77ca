"""Emergency pads: numbers printed beforehand are kept when the receipt is entered later, and entered once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.cases.number import parse
from ledger.facade import Home
from stations.checkup.doctorrows import pad_checks
from stations.config import StationConfig
from tests.facade.counter import FELLING, VILLAGE
from tests.web.counterdesk import NEW_VILLAGE, Counter, Desk, Page, found_with_new_village, serving


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with serving(tmp_path_factory.mktemp("pads") / "county") as one:
        yield one


@pytest.fixture(scope="module")
def desk(counter: Counter) -> Desk:
    return counter.desk("V1")


def printed(page: Page) -> list[str]:
    """The numbers of a page of blank receipts; each stands on its stub and on its receipt."""
    return list(dict.fromkeys(re.findall(r"<strong>([0-9A-Z-]{30,})</strong>", page.text)))


def enter(desk: Desk, number: str, **fields: str) -> Page:
    path = f"/receive/{FELLING}"
    form = desk.get(f"{path}?pad={number}")
    assert f'name="pad" value="{number}"' in form.text
    given = {"once": form.field("once"), "pad": number, "applicant.name": "洪停电", **fields}
    return desk.post(path, given)


def test_printed_numbers_are_the_station_s_and_never_twice(desk: Desk) -> None:
    first = printed(desk.post("/pads", {"count": "10"}))
    second = printed(desk.post("/pads", {"count": "20"}))
    assert (len(first), len(second)) == (10, 20) and not set(first) & set(second)
    parts = [parse(number) for number in (*first, *second)]
    assert [one.ordinal for one in parts] == list(range(1, 31))
    assert {(one.station, one.pad, one.day) for one in parts} == {(VILLAGE, True, "000000")}
    page = desk.get("/pads")
    assert "P11 至 P30" in page.text and "已补录 0 / 20" in page.text
    assert desk.get("/pads/7").code == "web.no_page"


def test_a_new_station_prints_before_its_first_receipt(tmp_path: Path) -> None:
    folder, new = tmp_path / "county", NEW_VILLAGE
    clock = found_with_new_village(folder)
    with serving(folder, clock=clock, config=StationConfig(station=new)) as counter:
        desk = counter.desk("V2")
        assert desk.send("/station", {"station": new, "next": "/pads"}).code == ""
        page = desk.get("/pads")
        desk.word = page.field("form")
        assert page.status == 200 and not page.code, "nothing is wrong with a station that is new"
        numbers = printed(desk.post("/pads", {"count": "10"}))
        assert [parse(number).ordinal for number in numbers] == list(range(1, 11))
        assert {parse(number).station for number in numbers} == {new}
        entered = enter(desk, numbers[2], **{"at": "2026-03-01T10:00", "f.late_entry.reason": "power"})
        assert numbers[2] in entered.text, entered.code
        assert printed(desk.post("/pads", {"count": "10"}))[0] not in numbers
        with counter.ledger() as ledger:
            assert len([log for log in ledger.logs() if log.station == new and log.own]) == 1


def test_a_receipt_written_by_hand_keeps_its_number_time_and_reason(counter: Counter, desk: Desk) -> None:
    number = printed(desk.post("/pads", {"count": "10"}))[3]
    typed = number.replace("-", "").lower()
    choose = desk.get(f"/pads/enter?no={typed}")
    assert f"/receive/{FELLING}?pad={number}" in choose.text
    slip = enter(desk, number, **{"at": "2026-03-01T16:20", "f.late_entry.reason": "power"})
    assert slip.status == 200 and number in slip.text
    with counter.ledger() as ledger:
        state, _ = ledger.state(ledger.resolve(number))
    opened = state.steps[0].act
    assert state.number == number and state.received_station == VILLAGE
    assert opened.facts["late_entry"] == {"paper_no": number, "reason": "power", "entered_on": "2026-03-02"}
    assert opened.occurred_at_ms < opened.recorded_at_ms - 12 * 3_600_000
    assert "已补录 1 / 10" in desk.get("/pads").text
    again = desk.get(f"/pads/enter?no={number}")
    assert again.code == "pad.used"
    refused = enter(desk, number, **{"at": "2026-03-01T16:20", "f.late_entry.reason": "power"})
    assert refused.code == "pad.used"


def test_without_time_or_reason_nothing_is_entered_and_what_was_typed_stays(
    counter: Counter, desk: Desk
) -> None:
    number = printed(desk.post("/pads", {"count": "10"}))[0]
    for fields in ({"at": "2026-03-01T16:20"}, {"f.late_entry.reason": "power"}):
        page = enter(desk, number, **fields)
        assert (page.status, page.code) == (422, "pad.incomplete") and "洪停电" in page.text
        assert f'name="pad" value="{number}"' in page.text
    with counter.ledger() as ledger:
        assert not [row for row in ledger.worklist(include_closed=True) if row.number == number]


def test_numbers_of_others_and_what_is_no_number_are_refused(counter: Counter, desk: Desk) -> None:
    number = printed(desk.post("/pads", {"count": "10"}))[0]
    township = counter.desk("T1")
    assert township.get(f"/pads/enter?no={number}").code == "pad.other"
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    assert desk.get(f"/pads/enter?no={wrong}").code == "number.check"
    assert desk.get("/pads/enter?no=abc").code == "number.shape"
    assert desk.post("/pads", {"count": "999"}).code == "web.choice"


def test_what_another_station_enters_under_a_number_leaves_the_pad_free(counter: Counter, desk: Desk) -> None:
    number = printed(desk.post("/pads", {"count": "10"}))[0]
    stranger, path = counter.desk("T1"), f"/receive/{FELLING}"
    late = {"at": "2026-03-01T16:20", "f.late_entry.paper_no": number, "f.late_entry.reason": "power"}
    once = stranger.get(path).field("once")
    assert stranger.post(path, {"once": once, "applicant.name": "别处的", **late}).status == 200
    assert "已补录 0 / 10" in desk.get("/pads").text
    slip = enter(desk, number, **{"at": "2026-03-01T16:20", "f.late_entry.reason": "power"})
    assert slip.status == 200 and number in slip.text
    assert "已补录 1 / 10" in desk.get("/pads").text


@pytest.fixture
def own_counter(tmp_path: Path) -> Iterator[Counter]:
    """A county for one test alone: a server writes no more into a file that others have changed."""
    with serving(tmp_path / "county") as one:
        yield one


def test_numbers_come_once_whatever_is_lost_beside_the_ledger(own_counter: Counter) -> None:
    counter, desk = own_counter, own_counter.desk("V1")
    home = Home(counter.folder)
    assert len(printed(desk.post("/pads", {"count": "10"}))) == 10
    lists, marks = list((home.path / "pads").iterdir()), list(home.sentinel_dir.glob("*.pads"))
    assert len(lists) == len(marks) == 1
    before = printed(desk.post("/pads", {"count": "10"}))
    slip = enter(desk, before[9], **{"at": "2026-03-01T16:20", "f.late_entry.reason": "power"})
    assert slip.status == 200, slip.code
    assert told(counter) == [("doctor.pads", "ok", 0)]
    whole = lists[0].read_bytes()
    lists[0].unlink()
    last = parse(before[9]).ordinal
    assert told(counter) == [("doctor.pads_lost", "warning", last)]
    assert parse(printed(desk.post("/pads", {"count": "10"}))[0]).ordinal == last + 1
    # Without the sentinel as well, and with the rows of the numbers gone, the acts still know what was used.
    lists[0].unlink()
    marks[0].unlink()
    hurt(home.path, "DELETE FROM case_numbers WHERE day = 'pad'")
    assert told(counter) == [("doctor.pads_lost", "warning", last)]
    assert parse(printed(desk.post("/pads", {"count": "10"}))[0]).ordinal == last + 1
    refused = enter(desk, before[9], **{"at": "2026-03-01T16:20", "f.late_entry.reason": "power"})
    assert refused.code == "number.entered"
    lists[0].write_bytes(whole[:-1])
    assert told(counter) == [("doctor.pads_unreadable", "error", 0)]
    assert desk.post("/pads", {"count": "10"}).code == "sealed.unreadable"
    lists[0].unlink()
    # What an older list says is not believed against the sentinel.
    lists[0].write_bytes(whole)
    after = printed(desk.post("/pads", {"count": "10"}))
    assert parse(after[0]).ordinal == last + 11
    # Behind what others changed nothing is written: the ledger is opened anew first, and then it goes on.
    late = {"at": "2026-03-01T16:20", "f.late_entry.reason": "power"}
    assert after[0] in enter(desk, after[0], **late).text


def told(counter: Counter) -> list[tuple[str, str, int]]:
    with counter.ledger() as ledger:
        return [
            (one.code, one.level, int(one.params.get("count", 0)))
            for one in pad_checks(Home(counter.folder), ledger)
        ]


def hurt(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "ledger.db")) as connection, connection:
        assert connection.execute(statement).rowcount > 0


def test_what_was_typed_from_one_receipt_is_no_draft_of_another(desk: Desk) -> None:
    one, other = printed(desk.post("/pads", {"count": "10"}))[:2]
    path = f"/receive/{FELLING}"
    word = desk.get(f"{path}?pad={one}").field("draft")
    kept = desk.send(f"{path}/draft", {"draft": word, "pad": one, "applicant.name": "只属于一"})
    assert kept.status == 200
    where = f"{path}?pad={one}&amp;draft={word}"
    assert f'href="{where}"' in desk.get(f"{path}?pad={one}").text
    again = desk.get(where.replace("&amp;", "&"))
    assert 'value="只属于一"' in again.text and f'name="pad" value="{one}"' in again.text
    assert "只属于一" not in desk.get(f"{path}?pad={other}").text
    assert "只属于一" not in desk.get(path).text


def test_a_paper_receipt_without_a_pad_is_entered_late_too(counter: Counter, desk: Desk) -> None:
    path = f"/receive/{FELLING}"
    form = desk.get(path)
    assert "补录（事后录入纸质凭证）" in form.text
    slip = desk.post(
        path,
        {
            "once": form.field("once"), "applicant.name": "旧凭证", "at": "2026-02-27T10:00",
            "f.late_entry.paper_no": "城关 0042", "f.late_entry.reason": "outreach",
        },
    )  # fmt: skip
    assert slip.status == 200, slip.code
    with counter.ledger() as ledger:
        row = next(row for row in ledger.find("旧凭证"))
        assert ledger.state(row.case_id)[0].steps[0].act.facts["late_entry"] == {
            "paper_no": "城关 0042", "reason": "outreach", "entered_on": "2026-03-02",
        }  # fmt: skip


def test_a_wrong_character_of_a_number_is_told_where_it_is_looked_for(desk: Desk) -> None:
    number = printed(desk.post("/pads", {"count": "10"}))[0]
    enter(desk, number, **{"at": "2026-03-01T16:20", "f.late_entry.reason": "power"})
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    assert "校验位不符" not in desk.get(f"/find?q={number}").text
    assert "校验位不符" in desk.get(f"/find?q={wrong}").text


def test_another_day_without_a_late_entry_is_refused_and_what_was_typed_stays(
    counter: Counter, desk: Desk
) -> None:
    path = f"/receive/{FELLING}"
    form = desk.get(path)
    page = desk.post(path, {"once": form.field("once"), "applicant.name": "倒签日", "at": "2026-02-27T10:00"})
    assert (page.status, page.code) == (409, "case.another_day") and "倒签日" in page.text
    with counter.ledger() as ledger:
        assert ledger.find("倒签日") == []
