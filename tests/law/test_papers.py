"""Numbers of papers that are no case numbers: one paper is entered once, wherever that can be known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.errors import InputError
from ledger.facade import Command, Performed
from ledger.facade.between import twins
from ledger.types import Facts
from tests.facade.counter import at, signer
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
