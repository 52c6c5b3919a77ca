"""Numbers of papers: one is entered once where that can be known, and none spoils the numbers to come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from ledger.cases.number import check_character, log_tag, mint, mint_pad
from ledger.errors import InputError
from ledger.facade import Command, Performed
from ledger.facade.cases import numbers
from ledger.facade.peering.between import twins
from ledger.store.contract import ReadTx
from ledger.store.tables import Where
from ledger.types import Facts, LogId, Value
from tests.facade.counter import TOWNSHIP, VILLAGE, at, signer
from tests.law.county import FELLING, PEOPLE, Case

Taken = Callable[..., Performed]


@pytest.fixture
def taken(new_case: Callable[[str], Case]) -> Taken:
    """Return what enters a receipt of 27 February from a paper on 2 March."""
    case = new_case(FELLING)

    def enter(
        who: str, paper: str, *, id_no: str = "", item: str = FELLING, day: str = "2026-02-27"
    ) -> Performed:
        case.clock.set("2026-03-02 10:00")
        applicant: Facts = {"name": "周小宝", **({"id_kind": "other", "id_no": id_no} if id_no else {})}
        late: Facts = {"paper_no": paper, "reason": "power"}
        command = Command(
            action="receive", station=PEOPLE[who][0], facts={"item": item, "late_entry": late},
            personal={"applicant": applicant}, occurred_at_ms=at(f"{day} 09:00"),
        )  # fmt: skip
        return case.ledger.perform(command, signer(who))

    return enter


def test_one_paper_is_entered_once_at_a_station(taken: Taken) -> None:
    first = taken("V1", "收条 12")
    for again in ("收条 12", " 收条12", "收条１２"):
        with pytest.raises(InputError) as refused:
            taken("V2", again)
        assert refused.value.code == "number.paper_entered"
        assert refused.value.params == {"paper": again, "number": first.number}
    assert taken("V1", "收条 12-2026").number != first.number
    assert taken("W1", "收条 12").number != first.number, "another station has papers of its own"


def test_what_was_voided_is_entered_again(taken: Taken, new_case: Callable[[str], Case]) -> None:
    voided = new_case(FELLING)
    voided.case_id = taken("V1", "收条 13").case_id
    voided.tell("2026-03-02T11:00 V1 void\n2026-03-02T11:01 V2 countersign")
    assert voided.status == "void"
    assert taken("V1", "收条 13").number


@pytest.mark.parametrize(
    ("paper", "first", "second", "linked"),
    [
        ("甲 1", {}, {}, True),
        ("甲 2", {"id_no": "A1"}, {}, True),
        ("甲 3", {"id_no": "A2"}, {"id_no": "A3"}, False),
        ("甲 4", {}, {"day": "2026-02-10"}, False),
        ("甲 5", {}, {"item": "990102500025"}, False),
    ],
)
def test_at_two_stations_one_number_is_shown_as_one_paper(
    paper: str, first: dict[str, str], second: dict[str, str], linked: bool,
    taken: Taken, new_case: Callable[[str], Case],
) -> None:  # fmt: skip
    ledger = new_case(FELLING).ledger
    cases = [taken("V1", paper, **first).case_id, taken("W1", paper, **second).case_id]
    everywhere = [set(twin.case_ids) for twin in twins(ledger)]
    assert (set(cases) in everywhere) == linked
    for one in cases:
        assert [set(twin.case_ids) for twin in twins(ledger, only=one)] == ([set(cases)] if linked else [])


@pytest.fixture
def log_id(new_case: Callable[[str], Case]) -> LogId:
    """Return the log of the village, in which its receipts are written."""
    logs = new_case(FELLING).ledger.logs()
    return next(log.log_id for log in logs if log.own and log.station == VILLAGE)


@pytest.mark.parametrize(
    ("day", "ordinal"), [("2026-03-02", 9_999_999), ("2026-03-02", 400), ("2026-03-03", 1), ("2099-01-01", 1)]
)
def test_a_number_that_this_log_never_gave_is_refused_and_closes_no_counter(
    day: str, ordinal: int, taken: Taken, log_id: LogId
) -> None:
    paper = mint(VILLAGE, log_id, ordinal, date.fromisoformat(day))
    with pytest.raises(InputError) as refused:
        taken("V1", paper)
    assert (refused.value.code, refused.value.params) == ("number.not_given", {"number": paper})
    assert taken("V1", f"收条 {day} {ordinal}").number


def test_numbers_to_come_do_not_follow_one_that_stands_in_an_act_already(
    taken: Taken, new_case: Callable[[str], Case], log_id: LogId
) -> None:
    """An act may have come with any number, from an older version or by hand."""
    case = new_case(FELLING)
    before = case.ledger.case(taken("V1", "收条 31").case_id).state.number
    day = None if before.split("-")[2] == "000000" else date(2026, 3, 2)
    next_but_one = int(before.split("-")[4]) + 2
    for ordinal in (9_999_999, next_but_one, next_but_one + 1):
        number = mint(VILLAGE, log_id, ordinal, day)
        facts: Facts = {"item": FELLING, "number": number}
        applicant: Facts = {"applicant": {"name": "周小宝"}}
        command = Command(action="receive", station=VILLAGE, facts=facts, personal=applicant)
        assert case.ledger.perform(command, signer("V1")).number == number
    given = [int(taken("V1", f"收条 {n}").number.split("-")[4]) for n in (32, 33, 34)]
    assert len(set(given)) == 3 and max(given) <= next_but_one + 4 and min(given) > next_but_one - 2


@pytest.mark.parametrize(
    ("day", "sequence"),
    [("260302", "0000"), ("991399", "0001"), ("260230", "0001"), ("260302", "00003"), ("000000", "P000"),
     ("000000", "P0003")],
)  # fmt: skip
def test_what_was_never_printed_is_no_number(day: str, sequence: str, taken: Taken, log_id: LogId) -> None:
    body = f"{VILLAGE}-{day}-{log_tag(log_id)}-{sequence}"
    paper = f"{body}-{check_character(body)}"
    with pytest.raises(InputError) as refused:
        taken("V1", paper)
    assert refused.value.code == "number.shape"


def test_a_pad_is_kept_unless_it_lies_far_beyond_every_pad(taken: Taken, log_id: LogId) -> None:
    (near, far, end) = (mint_pad(VILLAGE, log_id, first, 1)[0] for first in (60, 60 + 20_000, 9_999_999))
    assert taken("V1", near).number == near
    for paper in (far, end):
        with pytest.raises(InputError) as refused:
            taken("V1", paper)
        assert refused.value.code == "number.not_given"


def test_a_neighbour_takes_no_number_of_a_station(
    taken: Taken, new_case: Callable[[str], Case], log_id: LogId
) -> None:
    ledger = new_case(FELLING).ledger
    pad, slip = mint_pad(VILLAGE, log_id, 71, 1)[0], mint(VILLAGE, LogId(bytes(16)), 7, date(2026, 2, 27))
    for number in (pad, slip):
        stranger = taken("W1", number)
        assert stranger.number != number
        own = taken("V1", number)
        assert own.number == number and ledger.resolve(number) == own.case_id
        assert {row.case_id for row in ledger.find(number)} == {own.case_id, stranger.case_id}
        for who in ("V2", "W1"):
            with pytest.raises(InputError) as refused:
                taken(who, number)
            assert refused.value.code == "number.entered"


def test_a_number_of_elsewhere_is_entered_once_at_each_station(taken: Taken) -> None:
    number = mint(TOWNSHIP, LogId(bytes(16)), 8, date(2026, 2, 27))
    assert len({taken(who, number).number for who in ("V1", "W1")}) == 2
    for who in ("V2", "W1"):
        with pytest.raises(InputError) as refused:
            taken(who, number)
        assert refused.value.code == "number.entered"


def test_a_log_is_looked_through_only_for_a_number_that_it_may_carry(
    taken: Taken, log_id: LogId, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a station whose log grows for years, when papers are entered there,
    whole: list[str] = []
    real = numbers._carried_numbers

    def watched(tx: ReadTx, where: Where, marker: str) -> Iterator[tuple[int, str]]:
        if "seq" not in where:
            whole.append(marker)
        return real(tx, where, marker)

    monkeypatch.setattr(numbers, "_carried_numbers", watched)
    day = date(2026, 2, 27)
    elsewhere, another = mint(TOWNSHIP, LogId(bytes(16)), 10, day), mint(VILLAGE, LogId(bytes(16)), 10, day)
    # then neither the number of another station nor that of another machine makes it be read as a whole.
    assert taken("V1", elsewhere).number != elsewhere
    assert taken("V1", another).number == another
    assert whole == []
    sheet = mint_pad(VILLAGE, log_id, 91, 1)[0]
    assert taken("V1", sheet).number == sheet
    assert whole == [sheet]


def _enter_later(case: Case, action: str, paper: str, who: str = "V1", **facts: Value) -> None:
    case.clock.set("2026-03-02 11:00")
    late: Facts = {"paper_no": paper, "reason": "power"}
    command = Command(
        action=action, station=PEOPLE[who][0], case=case.case_id, facts={**facts, "late_entry": late},
        occurred_at_ms=at("2026-02-28 09:00"),
    )  # fmt: skip
    case.ledger.perform(command, signer(who))


def test_one_sheet_serves_several_acts_of_its_case_and_none_of_another(
    taken: Taken, new_case: Callable[[str], Case], log_id: LogId
) -> None:
    # Given a case received on a sheet of a pad, and another one,
    sheet, blank = (mint_pad(VILLAGE, log_id, ordinal, 1)[0] for ordinal in (81, 82))
    own, other = new_case(FELLING), new_case(FELLING)
    own.case_id, other.case_id = taken("V1", sheet).case_id, taken("V1", "收条 81").case_id
    # when what followed is entered from the same sheet, then it is taken in its own case, however often,
    _enter_later(own, "note", sheet, note_code="x")
    _enter_later(own, "hand_over", sheet, to=TOWNSHIP)
    # and in the other neither from that sheet nor from a blank one, nor from the other's printed slip.
    assert other.case_id is not None
    before = len(other.ledger.case(other.case_id).state.steps)
    for paper in (sheet, blank, sheet.replace("-", "").lower()):
        with pytest.raises(InputError) as refused:
            _enter_later(other, "hand_over", paper, to=TOWNSHIP)
        assert refused.value.code == "number.other_paper"
    with pytest.raises(InputError) as refused:
        _enter_later(other, "hand_over", sheet[:-1] + ("2" if sheet[-1] == "1" else "1"), to=TOWNSHIP)
    assert refused.value.code == "number.check"
    assert len(other.ledger.case(other.case_id).state.steps) == before
    # The blank sheet still receives, and a number given by hand is any paper's.
    assert taken("V1", blank).number == blank
    _enter_later(other, "hand_over", "12", to=TOWNSHIP)


def test_what_a_sheet_of_another_station_names_belongs_to_the_case_entered_from_it(
    taken: Taken, new_case: Callable[[str], Case]
) -> None:
    # Given a case that only names the number as its paper's, when more of that paper is entered, it is taken.
    paper = mint(TOWNSHIP, LogId(bytes(16)), 9, date(2026, 2, 27))
    case = new_case(FELLING)
    case.case_id = taken("V1", paper).case_id
    _enter_later(case, "hand_over", paper, to=TOWNSHIP)
    assert case.case_id is not None
    assert case.ledger.case(case.case_id).state.offered_to == TOWNSHIP
