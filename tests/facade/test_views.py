"""What people look at: rows made anew are the same, calendars move lights, erasure leaves no name behind."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ledger.cases.number import is_number, mint
from ledger.errors import InputError, RuleError
from ledger.facade import Command, Ledger
from ledger.facade.base.tables import APPLICANTS, VIEW_TABLES
from ledger.facade.logs.bodies import sealed_bodies
from ledger.store import schema
from ledger.store.tables import Row
from ledger.types import Facts, LogId
from tests.facade.counter import (
    APPLICANT,
    COUNTY,
    FELLING,
    PERMIT,
    REGISTRAR,
    TOWNSHIP,
    VILLAGE,
    Dice,
    FakeClock,
    act,
    at,
    found_county,
    receive,
    signer,
    statutory,
)


def rows(ledger: Ledger) -> dict[str, set[Row]]:
    with ledger.store.read() as tx:
        return {table.name: set(tx.select(table, {})) for table in VIEW_TABLES}


def test_rows_made_anew_are_those_kept_in_step(ledger: Ledger, clock: FakeClock) -> None:
    cases = [receive(ledger).case_id for _ in range(3)]
    act(ledger, "C1", "accept", cases[0])
    act(ledger, "C1", "request_correction", cases[1], missing=["m01"], due="2026-03-20")
    village = receive(ledger, "V1", FELLING).case_id
    act(ledger, "V1", "hand_over", village, to=TOWNSHIP)
    late: Facts = {"paper_no": "城关 0042", "reason": "power"}
    receive(ledger, late_entry=late)
    for number in ("33038226001", "33038226 002"):
        linked = {"external_no": number, "platform": "省政务服务平台"}
        act(ledger, "C1", "link_external", cases[2], same_number=True, **linked)
    before = rows(ledger)
    assert len(before["cases"]) == 5 and before["search_tokens"] and before["case_numbers"]
    assert before["external_numbers"] == {("33038226002", cases[2])}
    assert ledger.rebuild() == 5
    assert rows(ledger) == before


def test_a_case_is_found_by_the_number_that_the_platform_gave_it_last(ledger: Ledger) -> None:
    case_id = receive(ledger).case_id
    act(ledger, "C1", "link_external", case_id, external_no="zj-33038226001", platform="省政务服务平台")
    for asked in ("zj-33038226001", "ZJ－３３０３８２２６００１", " ZJ-3303 8226001 "):
        assert [row.case_id for row in ledger.find(asked)] == [case_id]
    assert not ledger.find("33038226001") and not ledger.find("zj-3303822600")
    with pytest.raises(RuleError, match=r"platform\.number_held"):
        act(ledger, "C1", "link_external", case_id, external_no="33038226002")
    act(ledger, "C1", "link_external", case_id, same_number=True, external_no="33038226002")
    other = receive(ledger).case_id
    for typed in ("33038226002", "33038226 002", "３３０３８２２６００２"):
        with pytest.raises(RuleError, match=r"platform\.number_used"):
            act(ledger, "C1", "link_external", other, external_no=typed)
        with pytest.raises(RuleError, match=r"platform\.number_used"):
            receive(ledger, external_no=typed)
    assert [row.case_id for row in ledger.find("33038226002")] == [case_id]
    assert not ledger.find("zj-33038226001")


def test_a_row_is_found_by_everything_that_people_ask_for(ledger: Ledger) -> None:
    done = receive(ledger, "C1")
    for asked in (
        done.number,
        done.number.replace("-", " ").lower(),
        done.number[:26],
        "赵小明",
        "小明",
        "赵小",
        "zx",
        "zxm",
        "ZXM",
        "11010519491231002x",
        "002X",
        "1234",
        "13800001234",
        "食品经营",
        PERMIT,
    ):
        assert [row.case_id for row in ledger.find(asked)] == [done.case_id], asked
    assert ledger.find("钱") == []
    assert ledger.find("赵小明", station=VILLAGE) == []
    with pytest.raises(InputError):
        ledger.find("  ")


def test_a_reference_is_a_number_or_the_start_of_an_id(ledger: Ledger) -> None:
    done = receive(ledger)
    assert ledger.resolve(done.number) == done.case_id
    assert ledger.resolve(f" {done.number.lower()} ") == done.case_id
    assert ledger.resolve(done.case_id.hex()[:8]) == done.case_id
    with pytest.raises(InputError) as caught:
        ledger.resolve(mint(COUNTY, LogId(bytes(32)), 9, date(2026, 3, 2)))
    assert caught.value.code == "case.unknown_ref"


def test_lights_turn_with_the_days(ledger: Ledger, clock: FakeClock) -> None:
    case = receive(ledger).case_id
    lights = [
        ledger.worklist(station=COUNTY, now_ms=at(moment))[0].light
        for moment in ("2026-03-02 10:00", "2026-03-06 10:00", "2026-03-09 23:59", "2026-03-10 00:00")
    ]
    assert lights == ["green", "yellow", "yellow", "red"]
    row = ledger.case(case).row
    assert (row.due_on, row.clock) == (date(2026, 3, 9), "acceptance")


def test_a_calendar_that_arrives_moves_every_light_without_an_act(ledger: Ledger, clock: FakeClock) -> None:
    clock.set("2026-12-30 09:00")
    case = receive(ledger).case_id
    provisional = ledger.case(case).clocks[0]
    assert provisional.due_on == date(2027, 1, 7) and "provisional" in provisional.flags
    sizes = {log.log_id: log.size for log in ledger.logs() if log.kind == "station"}
    ledger.publish(
        "publish_calendar",
        {
            "region": "CN", "year": 2027, "version": 1, "source": "test",
            "days_off": statutory(2027), "make_up": ["2027-01-02", "2027-01-03"],
        },
        REGISTRAR,
    )  # fmt: skip
    page = ledger.case(case)
    assert page.clocks[0].due_on == page.row.due_on == date(2027, 1, 5)
    assert "provisional" not in page.clocks[0].flags
    assert {log.log_id: log.size for log in ledger.logs() if log.kind == "station"} == sizes
    assert [row.case_id for row in ledger.day_clear(COUNTY, date(2026, 12, 30)).moved_earlier] == [case]


def test_the_day_clear_list_says_what_is_open(ledger: Ledger, clock: FakeClock) -> None:
    first, second = receive(ledger).case_id, receive(ledger, "V1", FELLING).case_id
    act(ledger, "V1", "hand_over", second, to=TOWNSHIP)
    today = date(2026, 3, 2)
    county, township = ledger.day_clear(COUNTY, today), ledger.day_clear(TOWNSHIP, today)
    village = ledger.day_clear(VILLAGE, today)
    assert [row.case_id for row in county.received] == [row.case_id for row in county.not_accepted] == [first]
    assert [row.case_id for row in township.offered] == [second] and township.received == ()
    assert [row.case_id for row in village.received] == [second]


def test_what_is_erased_goes_with_the_act_that_erases(ledger: Ledger) -> None:
    """Whatever ends the program behind the act: nobody would know that the person is still on every page."""
    case = receive(ledger).case_id
    ledger.perform(
        Command(action="erase", station=COUNTY, case=case, facts={"ground": "applicant_request"}), REGISTRAR
    )
    page = ledger.case(case)
    assert page.row.applicant == "" and set(page.personal.values()) == {None}
    assert ledger.find("赵小明") == [] and ledger.find("zxm") == []
    with ledger.reading() as (tx, _):
        assert tx.get(schema.CASE_KEYS, (case,)) is None
        assert not list(sealed_bodies(tx, case)) and not list(tx.select(APPLICANTS, {"case_id": case}))


def test_erasure_leaves_signatures_and_takes_every_trace_of_the_name(
    ledger: Ledger, place: Path, clock: FakeClock
) -> None:
    case = receive(ledger).case_id
    act(ledger, "C1", "accept", case)
    before = ledger.case(case).state
    wanted = Command(action="erase", station=COUNTY, case=case, facts={"ground": "applicant_request"})
    with pytest.raises(RuleError) as caught:
        ledger.erase(wanted, signer("C1"))
    assert caught.value.code == "case.role" and ledger.case(case).row.applicant == "赵小明"
    assert ledger.erase(wanted, REGISTRAR) == 1
    page = ledger.case(case)
    assert page.state.steps[:-1] == before.steps and page.state.status == before.status
    assert (page.state.steps[-1].action, page.state.steps[-1].act.actor) == ("erase", REGISTRAR.key_id)
    assert page.row.applicant == ""
    assert set(page.personal.values()) == {None}
    assert ledger.find("赵小明") == [] and ledger.find("zxm") == []
    ledger.rebuild()
    assert ledger.find("赵小明") == []


def test_no_name_lies_in_clear_in_the_installation(ledger: Ledger, place: Path) -> None:
    receive(ledger)
    ledger.close()
    person = APPLICANT["applicant"]
    assert isinstance(person, dict)
    traces = [str(person[field]).encode() for field in ("name", "id_no", "phone")]
    for path in place.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(trace in content for trace in traces), path.name


def test_a_training_ledger_says_so(tmp_path: Path, clock: FakeClock) -> None:
    found_county(tmp_path / "training", clock, purpose="training")
    with Ledger.open(tmp_path / "training", clock=clock, randomness=Dice(), write=False) as ledger:
        assert ledger.training


def test_every_beginning_of_a_number_is_enough(ledger: Ledger) -> None:
    """The last digit of a beginning may happen to be the check character of the digits before it."""
    log_id = next(log.log_id for log in ledger.logs() if log.kind == "station" and log.station == COUNTY)
    minted = (mint(COUNTY, log_id, ordinal, date(2026, 3, 2)) for ordinal in range(10_000, 12_000))
    number = next(number for number in minted if is_number(number[:-2]))
    done = receive(ledger, number=number)
    for beginning in (number[:-2], number[:-1], number[:-7], f" {number[:-2].lower()}"):
        assert ledger.resolve(beginning) == done.case_id, beginning
        assert [row.case_id for row in ledger.find(beginning)] == [done.case_id], beginning


def test_a_wrong_check_character_is_told_and_a_beginning_that_fits_nothing_is_not_found(
    ledger: Ledger,
) -> None:
    number = receive(ledger).number
    wrong = number[:-1] + ("0" if number[-1] != "0" else "1")
    unknown = number.rpartition("-")[0][:-1]
    with pytest.raises(InputError) as caught:
        ledger.resolve(wrong)
    assert caught.value.code == "number.check" and ledger.find(wrong) == []
    with pytest.raises(InputError) as caught:
        ledger.resolve(unknown + "9")
    assert caught.value.code == "case.unknown_ref"
    assert ledger.find(unknown + "9") == []
