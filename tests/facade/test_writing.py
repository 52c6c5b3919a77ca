"""The write path: refused before signing, whole or nothing, and read back from stored bytes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ledger.cases.case import state_digest
from ledger.errors import AuthorityError, BanjianError, InputError, RuleError, StoreError
from ledger.facade import Command, Home, Ledger
from ledger.formats.checkpoint import read_checkpoint
from tests.facade.counter import (
    APPLICANT,
    COUNTY,
    FELLING,
    PERMIT,
    TOWNSHIP,
    VILLAGE,
    Dice,
    FakeClock,
    act,
    receive,
    signer,
)


def sizes(ledger: Ledger) -> dict[str, int]:
    return {log.log_id.hex(): log.size for log in ledger.logs()}


def test_a_case_goes_from_the_village_over_the_township_to_the_county(ledger: Ledger) -> None:
    case = receive(ledger, "V1", FELLING).case_id
    act(ledger, "V1", "hand_over", case, to=TOWNSHIP)
    act(ledger, "T1", "take_over", case)
    act(ledger, "T1", "hand_over", case, to=COUNTY)
    act(ledger, "C1", "take_over", case)
    act(ledger, "C1", "accept", case)
    page = ledger.case(case)
    assert (page.state.status, page.state.custodian) == ("accepted", COUNTY)
    assert all(step.effective for step in page.state.steps)
    assert [row.case_id for row in ledger.worklist(station=COUNTY)] == [case]
    assert ledger.worklist(station=VILLAGE) == []


def test_what_would_have_no_effect_is_refused_before_it_is_signed(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    before = sizes(ledger)
    with pytest.raises(RuleError) as state:
        act(ledger, "C4", "issue", case, certificate_no="1")
    with pytest.raises(RuleError) as role:
        act(ledger, "C1", "extend", case, reason="r", days=1)
    with pytest.raises(InputError) as facts:
        act(ledger, "C1", "accept", case, surprise=1)
    with pytest.raises(AuthorityError) as station:
        act(ledger, "V1", "accept", case, station=COUNTY)
    with pytest.raises(InputError) as person:
        act(ledger, "C1", "receive", item=PERMIT, personal={"applicant": {"id_no": "110105194912310021"}})
    assert [caught.value.code for caught in (state, role, facts, station, person)] == [
        "case.state", "case.role", "case.facts_unknown", "authority.no_role", "identity.check_digit",
    ]  # fmt: skip
    assert sizes(ledger) == before


def test_a_key_that_nobody_enrolled_writes_nothing(ledger: Ledger) -> None:
    before = sizes(ledger)
    with pytest.raises(AuthorityError) as caught:
        ledger.perform(Command(action="receive", station=COUNTY, facts={"item": PERMIT}), signer("stranger"))
    assert caught.value.code == "authority.key_unknown"
    assert sizes(ledger) == before


def test_everything_is_there_after_opening_again(ledger: Ledger, place: Path, clock: FakeClock) -> None:
    done = receive(ledger)
    size = sizes(ledger)
    ledger.close()
    with Ledger.open(place, clock=clock, randomness=Dice("again"), write=True) as again:
        assert sizes(again) == size
        assert again.case(done.case_id).row.number == done.number
        more = act(again, "C1", "accept", done.case_id)
        assert more.seq == done.seq + 1


def test_numbers_count_by_log_and_day_and_never_repeat(ledger: Ledger, clock: FakeClock) -> None:
    numbers = [receive(ledger).number for _ in range(3)]
    clock.set("2026-03-03 09:00")
    numbers.append(receive(ledger).number)
    assert len(set(numbers)) == 4
    assert [number.split("-")[4] for number in numbers] == ["0001", "0002", "0003", "0001"]
    assert [number.split("-")[2] for number in numbers] == ["260302"] * 3 + ["260303"]


@pytest.mark.parametrize("lost", ["", " AND ordinal > 1", " AND day = '260303'"])
def test_a_number_whose_row_somebody_took_away_is_not_given_again(
    ledger: Ledger, place: Path, clock: FakeClock, lost: str
) -> None:
    given = [receive(ledger).number for _ in range(3)]
    clock.set("2026-03-03 09:00")
    given += [receive(ledger).number for _ in range(2)]
    ledger.close()
    connection = sqlite3.connect(place / "ledger.db")
    assert connection.execute(f"DELETE FROM case_numbers WHERE ordinal > 0{lost}").rowcount > 0
    connection.commit()
    connection.close()
    with Ledger.open(place, clock=clock, randomness=Dice("again"), write=True) as again:
        fresh = receive(again).number
        assert fresh not in given and fresh.split("-")[2:5:2] == ["260303", "0003"]
        assert receive(again).number.split("-")[4] == "0004"


def test_a_prepared_act_is_refused_when_the_case_has_moved_on(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    waiting = ledger.prepare(Command(action="accept", station=COUNTY, case=case), signer("C1"))
    act(ledger, "C1", "note", case)
    before = sizes(ledger)
    with pytest.raises(RuleError) as caught:
        ledger.submit(waiting, COUNTY)
    assert caught.value.code == "case.moved_on"
    assert sizes(ledger) == before
    again = ledger.prepare(Command(action="accept", station=COUNTY, case=case), signer("C1"))
    assert ledger.submit(again, COUNTY).case_id == case
    assert ledger.case(case).state.status == "accepted"


@pytest.mark.parametrize("part", ["raw", "sig", "facts", "personal"])
def test_a_submitted_act_with_one_wrong_byte_is_refused(ledger: Ledger, part: str) -> None:
    prepared = ledger.prepare(
        Command(action="receive", station=COUNTY, facts={"item": PERMIT}, personal=APPLICANT), signer("C1")
    )
    whole: bytes = getattr(prepared, part)
    fields = {name: getattr(prepared, name) for name in ("raw", "sig", "facts", "personal")}
    fields[part] = whole[:-1] + bytes((whole[-1] ^ 1,))
    before = sizes(ledger)
    with pytest.raises(BanjianError):
        ledger.submit(type(prepared)(**fields), COUNTY)
    assert sizes(ledger) == before
    assert ledger.submit(prepared, COUNTY).number == prepared.number


def test_the_same_act_is_not_stored_twice(ledger: Ledger) -> None:
    prepared = ledger.prepare(
        Command(action="receive", station=COUNTY, facts={"item": PERMIT}, personal=APPLICANT), signer("C1")
    )
    ledger.submit(prepared, COUNTY)
    before = sizes(ledger)
    with pytest.raises(StoreError) as caught:
        ledger.submit(prepared, COUNTY)
    assert caught.value.code == "store.duplicate"
    assert sizes(ledger) == before


def test_a_checkpoint_states_the_head_and_lies_outside_the_database(ledger: Ledger, place: Path) -> None:
    done = receive(ledger)
    note = ledger.checkpoint(done.log_id)
    assert read_checkpoint(note.encode()).size == done.seq
    assert Home(place).sentinel(done.log_id) == note


def test_every_256_entries_make_a_checkpoint_by_themselves(ledger: Ledger) -> None:
    case = receive(ledger).case_id
    for _ in range(260):
        done = act(ledger, "C1", "note", case)
    info = next(log for log in ledger.logs() if log.log_id == done.log_id)
    assert info.checkpoint_size >= 256 and info.size - info.checkpoint_size < 256


def test_a_ledger_open_for_reading_writes_nothing(ledger: Ledger, place: Path, clock: FakeClock) -> None:
    done = receive(ledger)
    with Ledger.open(place, clock=clock, write=False) as reader:
        assert reader.case(done.case_id).row.number == done.number
        with pytest.raises(BanjianError) as caught:
            receive(reader)
    assert caught.value.code == "ledger.read_only"


def test_two_writers_cannot_open_one_ledger(ledger: Ledger, place: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Ledger.open(place, write=True)
    assert caught.value.code == "store.locked"


@pytest.mark.parametrize("looks", range(6))
def test_an_act_judged_before_midnight_is_recorded_before_it(
    ledger: Ledger, place: Path, clock: FakeClock, looks: int
) -> None:
    """Between judging and recording a day may end: the stored entry says what was judged by."""
    case = receive(ledger).case_id
    clock.set("2026-03-02 23:59")
    clock.wall_ms += 60_000 - 1 - looks
    act(ledger, "C1", "note", case)
    held = ledger.state(case)[0]
    with Ledger.open(place, clock=clock, write=False) as reader:
        assert state_digest(reader.state(case)[0]) == state_digest(held)
        steps = zip(reader.state(case)[0].steps, held.steps, strict=True)
        assert all(one.act.recorded_at_ms == other.act.recorded_at_ms for one, other in steps)
